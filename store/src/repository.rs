//! The cqrs-es repository over any [`EventLog`], so that aggregates are loaded the way the library loads them.
//!
//! Event-store mode only: the library's snapshot modes apply every event twice (0.5.0), so there are no snapshots.

use std::borrow::Cow;
use std::sync::Arc;

use cqrs_es::Aggregate;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot,
};
use serde_json::Value;
use uuid::Uuid;

use crate::key::{Digest, KeyId};
use crate::log::{
    Append, AppendError, EventLog, Expected, Filter, Key, NewEvent, Position, ReadError, Recorded,
    StreamEvents, StreamId,
};

/// Events that one read of a stream takes.
const PAGE: usize = 10_000;
/// Events that may wait in a replay for whoever consumes it.
const REPLAY_QUEUE: usize = 200;

/// The cqrs-es repository over an event log.
#[derive(Clone)]
pub struct LogRepository {
    log: Arc<dyn EventLog>,
}

#[derive(Debug, thiserror::Error)]
#[error("aggregate snapshots are not kept: the log is the only store of aggregates")]
struct NoSnapshots;

impl LogRepository {
    /// A repository over this log.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log }
    }

    async fn read_all(
        &self,
        stream: &StreamId,
        mut after: u64,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let mut events = Vec::new();
        loop {
            let page = self.log.read_stream(stream, after, PAGE).await.map_err(connection)?;
            let full = page.len() == PAGE;
            after = page.last().map_or(after, |event| event.sequence);
            for event in page {
                events.push(serialized(event)?);
            }
            if !full {
                return Ok(events);
            }
        }
    }
}

fn connection(error: ReadError) -> PersistenceError {
    PersistenceError::ConnectionError(Box::new(error))
}

fn serialized(event: Recorded) -> Result<SerializedEvent, PersistenceError> {
    let sequence =
        usize::try_from(event.sequence).map_err(|error| PersistenceError::UnknownError(Box::new(error)))?;
    Ok(SerializedEvent::new(
        event.stream.aggregate_id,
        sequence,
        event.stream.aggregate_type.into_owned(),
        event.event_type.into_owned(),
        event.event_version.into_owned(),
        serde_json::from_str(&event.payload)?,
        serde_json::from_str(&event.metadata)?,
    ))
}

impl PersistedEventRepository for LogRepository {
    async fn get_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.read_all(&StreamId::new(A::TYPE, aggregate_id), 0).await
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.read_all(&StreamId::new(A::TYPE, aggregate_id), last_sequence as u64).await
    }

    async fn get_snapshot<A: Aggregate>(
        &self,
        _: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        Ok(None)
    }

    /// Appends at the exact sequence, which is all the idempotency there is here: the key is new each time, because
    /// the same command from two callers at once is one success and one conflict, not one success told to both.
    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        snapshot_update: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        if snapshot_update.is_some() {
            return Err(PersistenceError::UnknownError(Box::new(NoSnapshots)));
        }
        let Some(first) = events.first() else {
            return Ok(());
        };
        let before = (first.sequence as u64).saturating_sub(1);
        let id = KeyId(*Uuid::now_v7().as_bytes());
        let new_event = |event: &SerializedEvent| NewEvent {
            event_type: Cow::Owned(event.event_type.clone()),
            event_version: Cow::Owned(event.event_version.clone()),
            payload: event.payload.to_string(),
        };
        let append = Append {
            keys: vec![Key { id, digest: Digest::default(), answer: None }],
            streams: vec![StreamEvents {
                stream: StreamId::new(A::TYPE, &*first.aggregate_id),
                expected: Expected::Exactly(before),
                events: events.iter().map(new_event).collect(),
            }],
            conditions: vec![],
            metadata: first.metadata.to_string(),
        };
        match self.log.append(append).await {
            Ok(_) => Ok(()),
            Err(AppendError::WrongSequence { .. }) => Err(PersistenceError::OptimisticLockError),
            Err(error) => Err(PersistenceError::ConnectionError(Box::new(error))),
        }
    }

    async fn stream_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<ReplayStream, PersistenceError> {
        let events = self.get_events::<A>(aggregate_id).await?;
        let (mut feed, stream) = ReplayStream::new(REPLAY_QUEUE);
        tokio::spawn(async move {
            for event in events {
                if feed.push(Ok(event)).await.is_err() {
                    return;
                }
            }
        });
        Ok(stream)
    }

    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        let (mut feed, stream) = ReplayStream::new(REPLAY_QUEUE);
        let log = Arc::clone(&self.log);
        tokio::spawn(async move {
            let mut position = Position::default();
            loop {
                // A store that breaks in the middle is an error to the consumer, never the end of the stream.
                let page = match log.read_after(position, PAGE, Filter::All).await {
                    Ok(page) => page,
                    Err(error) => {
                        let _ = feed.push(Err(connection(error))).await;
                        return;
                    }
                };
                let Some(last) = page.last() else { return };
                position = last.position;
                for event in page.into_iter().filter(|event| event.stream.aggregate_type == A::TYPE) {
                    if feed.push(serialized(event)).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(stream)
    }
}
