//! An event log made by hand: every event's time is the test's choice, reads give as few events as the test likes,
//! and stop where it says.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::codec::encode;
use store::{Append, AppendError, Appended, EventLog, Filter, Position, ReadError, Recorded, StreamId};
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) struct ScriptedLog {
    events: Mutex<Vec<Recorded>>,
    head: watch::Sender<Position>,
    /// The most that one read gives, drawn anew for each read.
    most: Mutex<(usize, StdRng)>,
    /// Readers wait before they read what is after it.
    gate: watch::Sender<Position>,
}

impl ScriptedLog {
    /// Each read gives up to `most` events, a random number of them.
    pub(crate) fn new(most: usize, seed: u64) -> Self {
        Self {
            events: Mutex::default(),
            head: watch::Sender::new(Position(0)),
            most: Mutex::new((most, StdRng::seed_from_u64(seed))),
            gate: watch::Sender::new(Position(u64::MAX)),
        }
    }

    pub(crate) fn with(events: &[Recorded], most: usize, seed: u64) -> Self {
        let log = Self::new(most, seed);
        log.extend(events);
        log
    }

    pub(crate) fn extend(&self, events: &[Recorded]) {
        let mut all = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(events);
        self.head.send_replace(Position(all.len() as u64));
    }

    /// Puts the log back to an earlier state.
    pub(crate) fn truncate(&self, to: Position) {
        let mut all = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        all.truncate(usize::try_from(to.0).unwrap());
        self.head.send_replace(to);
    }

    /// Lets nobody read on from here or later, until the next call.
    pub(crate) fn stop_readers_at(&self, position: Position) {
        self.gate.send_replace(position);
    }

    fn select(&self, limit: usize, wanted: impl Fn(&Recorded) -> bool) -> Vec<Recorded> {
        let all = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|event| wanted(event)).take(limit).cloned().collect()
    }
}

/// An event as it would be recorded.
pub(crate) fn recorded<E: DomainEvent>(
    position: u64,
    stream: StreamId,
    event: &E,
    recorded_at: DateTime<Utc>,
) -> Recorded {
    let new = encode(event).unwrap();
    Recorded {
        position: Position(position),
        stream,
        sequence: position,
        event_id: Uuid::from_u128(position.into()),
        event_type: new.event_type,
        event_version: new.event_version,
        payload: new.payload,
        metadata: "{}".into(),
        recorded_at,
    }
}

#[async_trait]
impl EventLog for ScriptedLog {
    async fn append(&self, _: Append) -> Result<Appended, AppendError> {
        Err(AppendError::Closed)
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        Ok(self.select(limit, |event| event.stream == *stream && event.sequence > after))
    }

    async fn read_last(&self, stream: &StreamId) -> Result<Option<Recorded>, ReadError> {
        Ok(self.select(usize::MAX, |event| event.stream == *stream).pop())
    }

    async fn read_after(
        &self,
        position: Position,
        limit: usize,
        _: Filter,
    ) -> Result<Vec<Recorded>, ReadError> {
        let mut gate = self.gate.subscribe();
        let _ = gate.wait_for(|gate| *gate > position).await;
        let limit = {
            let (most, random) = &mut *self.most.lock().unwrap_or_else(PoisonError::into_inner);
            limit.min(random.random_range(1..=*most))
        };
        Ok(self.select(limit, |event| event.position > position))
    }

    async fn head(&self) -> Result<Position, ReadError> {
        Ok(*self.head.borrow())
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    async fn close(&self) {}
}
