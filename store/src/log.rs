//! [`EventLog`]: what every backend does, and the shapes that go in and come out.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use crate::key::{Digest, KeyId};

/// A place in the log. Places are gapless, begin at 1 and follow the order of commits; 0 is before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// As SQL holds it.
    #[must_use]
    pub fn to_sql(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// From what SQL held, which is never negative.
    #[must_use]
    pub fn from_sql(position: i64) -> Self {
        Self(u64::try_from(position).unwrap_or(0))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a stream: the history of one aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    /// `usage`, `team`, ...
    pub aggregate_type: Cow<'static, str>,
    /// The aggregate's own id.
    pub aggregate_id: String,
}

impl StreamId {
    /// The stream of this aggregate.
    #[must_use]
    pub fn new(aggregate_type: &'static str, aggregate_id: impl Into<String>) -> Self {
        Self { aggregate_type: Cow::Borrowed(aggregate_type), aggregate_id: aggregate_id.into() }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.aggregate_type, self.aggregate_id)
    }
}

/// An event that is not recorded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// `TrafficRecorded`, ...
    pub event_type: Cow<'static, str>,
    /// The version of the payload's shape: `1`.
    pub event_version: Cow<'static, str>,
    /// JSON.
    pub payload: String,
}

/// An event that is recorded, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place among all events.
    pub position: Position,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in its stream, from 1.
    pub sequence: u64,
    /// Its own name.
    pub event_id: Uuid,
    /// `TrafficRecorded`, ...
    pub event_type: Cow<'static, str>,
    /// The version of the payload's shape.
    pub event_version: Cow<'static, str>,
    /// JSON.
    pub payload: String,
    /// JSON: a flat object of strings (`actor`, `correlation`, `causation`, `command`).
    pub metadata: String,
    /// When it was recorded, by the clock of the store.
    pub recorded_at: DateTime<Utc>,
}

/// Where in its stream an append belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// After this sequence exactly (0: the stream is new), or not at all.
    Exactly(u64),
    /// After whatever is there.
    Any,
}

/// Events for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEvents {
    /// The stream.
    pub stream: StreamId,
    /// Where in it.
    pub expected: Expected,
    /// The events, in order.
    pub events: Vec<NewEvent>,
}

/// A fact that a decision rested on and that no stream's sequence guards: "no such event after this position".
/// It makes decisions across streams exact (one owner's free teams, a slug taken once) without locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Events of this aggregate type ...
    pub aggregate_type: &'static str,
    /// ... and of this event type, or of any.
    pub event_type: Option<&'static str>,
    /// The position up to which the decision knew them all.
    pub unless_after: Position,
}

/// A request's idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub id: KeyId,
    /// Of the request's content.
    pub digest: Digest,
    /// What to tell a caller that asks again, beyond the position; up to the caller.
    pub answer: Option<String>,
}

/// A key that was recorded earlier, and what was answered then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub id: KeyId,
    /// Of the content it came with.
    pub digest: Digest,
    /// The position that was answered.
    pub position: Position,
    /// What else was answered.
    pub answer: Option<String>,
}

/// One request: all of it is recorded, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Append {
    /// The requests that this one stands for; at least one.
    pub keys: Vec<Key>,
    /// The events by stream.
    pub streams: Vec<StreamEvents>,
    /// What else must hold.
    pub conditions: Vec<Condition>,
    /// JSON for every event: a flat object of strings. Empty means `{}`.
    pub metadata: String,
}

/// The answer to an [`Append`], given once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The position of its last event (the head of the log when it had none).
    pub position: Position,
    /// When every key had been recorded before: what was recorded then. Nothing was appended now.
    pub earlier: Option<Vec<KeyRecord>>,
}

/// Why an [`Append`] was not done. Unless it says otherwise, nothing was recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Somebody else appended to the stream first.
    #[error(
        "{stream} is at sequence {actual}, not at {expected}: somebody appended first, and nothing was recorded"
    )]
    WrongSequence {
        /// The stream.
        stream: StreamId,
        /// What the request rested on.
        expected: u64,
        /// What is so.
        actual: u64,
    },
    /// A condition does not hold any more.
    #[error("what the request rested on has changed since position {}, and nothing was recorded", .0.unless_after)]
    Changed(Condition),
    /// These keys were recorded with other content.
    #[error("{} of the request's keys were used before for other content, and nothing was recorded", .0.len())]
    KeysReused(Vec<KeyId>),
    /// Some keys were recorded before, others not: the caller leaves out the former and asks again.
    #[error("{} of the request's keys were recorded before, and nothing was recorded now", .0.len())]
    PartlyRecorded(Vec<KeyRecord>),
    /// The writer's queue is full.
    #[error("the event log's queue is full, and nothing was recorded; try again in a moment")]
    Busy,
    /// The log is shutting down.
    #[error("the event log is shutting down, and nothing was recorded; try again in a moment")]
    Closed,
    /// The store cannot be reached or refused.
    #[error("the event log's store is not available, and nothing was recorded: {0}")]
    Unavailable(String),
    /// The store went away in the middle of the commit.
    #[error("the event log's store went away while committing; asking again with the same id is safe: {0}")]
    Uncertain(String),
}

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be reached or refuses.
    #[error("the event log cannot be opened")]
    Store(#[from] sqlx::Error),
    /// Its tables cannot be brought up to date.
    #[error("the event log's tables cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// Why the log cannot be read. Never the same as its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store cannot be reached, or went away in the middle.
    #[error("the event log cannot be read")]
    Store(#[from] sqlx::Error),
    /// What stands there is no event.
    #[error("the event log holds something unreadable at position {position}: {what}")]
    Corrupt {
        /// Where.
        position: u64,
        /// What.
        what: String,
    },
}

/// Which events a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Every event.
    All,
    /// All but [`MEASUREMENTS`]: the few that the write side must know, found by an index of their own.
    ExceptMeasurements,
}

/// The event types that come by the million. The partial index of the SQL backends names them too.
pub const MEASUREMENTS: [&str; 5] =
    ["TrafficRecorded", "TrafficCompared", "StorageMeasured", "UsageCorrected", "CountersRead"];

/// The log: append-only, in one order, for ever.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Records all of it or nothing, and answers once it is durable. Safe to repeat.
    ///
    /// # Errors
    /// [`AppendError`].
    async fn append(&self, append: Append) -> Result<Appended, AppendError>;

    /// The events of one stream after this sequence, in order, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError>;

    /// The last event of a stream.
    ///
    /// # Errors
    /// [`ReadError`].
    async fn read_last(&self, stream: &StreamId) -> Result<Option<Recorded>, ReadError>;

    /// The events after this position, in order, at most `limit`. Fewer than `limit` means that there were no more.
    ///
    /// # Errors
    /// [`ReadError`].
    async fn read_after(
        &self,
        position: Position,
        limit: usize,
        filter: Filter,
    ) -> Result<Vec<Recorded>, ReadError>;

    /// The position of the last event.
    ///
    /// # Errors
    /// [`ReadError`].
    async fn head(&self) -> Result<Position, ReadError>;

    /// Wakes whoever waits for new events: holds a position at or before the head, and changes soon after any
    /// append, also one by another process.
    fn wake(&self) -> watch::Receiver<Position>;

    /// Takes no more appends, finishes those that wait, and returns when they are durable.
    async fn close(&self);
}
