//! The memory backend, for tests: the same writer over two vectors. Nothing survives it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{OwnedMutexGuard, watch};

use crate::clock::{Clock, SystemClock};
use crate::head::HeadWatch;
use crate::key::KeyId;
use crate::log::{
    Append, AppendError, Appended, EventLog, Filter, KeyRecord, MEASUREMENTS, Position, ReadError, Recorded,
    StreamId,
};
use crate::writer::{Backend, BackendError, KeyRow, Row, Writer};

/// What would be on a disk.
#[derive(Default)]
struct Contents {
    events: Vec<Recorded>,
    keys: HashMap<KeyId, KeyRecord>,
}

impl Contents {
    fn head(&self) -> Position {
        self.events.last().map_or(Position::default(), |event| event.position)
    }
}

/// The event log in memory.
pub struct MemoryLog {
    writer: Writer,
    contents: Arc<Mutex<Contents>>,
    head: HeadWatch,
}

/// What is left of a [`MemoryLog`], so that a test can "restart" it, or open it as several nodes do.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    contents: Arc<Mutex<Contents>>,
    /// Held by the one transaction there is.
    transaction: Arc<tokio::sync::Mutex<()>>,
}

impl MemoryLog {
    /// A log over what is on this disk.
    #[must_use]
    pub fn open(disk: &MemoryDisk) -> Self {
        let contents = Arc::clone(&disk.contents);
        let reading = Arc::clone(&contents);
        let (head, told) = HeadWatch::start(lock(&contents).head(), move || {
            std::future::ready(Ok::<_, std::convert::Infallible>(lock(&reading).head()))
        });
        let backend = MemoryBackend { disk: disk.clone(), alone: None, transaction: Contents::default() };
        Self { writer: Writer::start(backend, told), contents, head }
    }

    fn select(&self, limit: usize, wanted: impl Fn(&Recorded) -> bool) -> Vec<Recorded> {
        lock(&self.contents).events.iter().filter(|event| wanted(event)).take(limit).cloned().collect()
    }
}

// Every change below is a single statement, so that a panic elsewhere cannot leave half of one.
fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.writer.append(append).await
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
        Ok(lock(&self.contents).events.iter().rev().find(|event| event.stream == *stream).cloned())
    }

    async fn read_after(
        &self,
        position: Position,
        limit: usize,
        filter: Filter,
    ) -> Result<Vec<Recorded>, ReadError> {
        Ok(self.select(limit, |event| {
            event.position > position
                && match filter {
                    Filter::All => true,
                    Filter::ExceptMeasurements => !MEASUREMENTS.contains(&event.event_type.as_ref()),
                }
        }))
    }

    async fn head(&self) -> Result<Position, ReadError> {
        Ok(lock(&self.contents).head())
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    async fn close(&self) {
        self.writer.close().await;
        self.head.stop();
    }
}

struct MemoryBackend {
    disk: MemoryDisk,
    alone: Option<OwnedMutexGuard<()>>,
    transaction: Contents,
}

impl Backend for MemoryBackend {
    async fn begin(&mut self) -> Result<Position, BackendError> {
        self.alone = None;
        self.alone = Some(Arc::clone(&self.disk.transaction).lock_owned().await);
        Ok(lock(&self.disk.contents).head())
    }

    async fn types_after(
        &mut self,
        after: Position,
    ) -> Result<Vec<(String, String, Position)>, BackendError> {
        let contents = lock(&self.disk.contents);
        let recent = contents.events.iter().filter(|event| event.position > after);
        Ok(recent
            .map(|event| {
                (event.stream.aggregate_type.to_string(), event.event_type.to_string(), event.position)
            })
            .collect())
    }

    async fn key_records(&mut self, keys: &[KeyId]) -> Result<HashMap<KeyId, KeyRecord>, BackendError> {
        let contents = lock(&self.disk.contents);
        Ok(keys.iter().filter_map(|key| Some((*key, contents.keys.get(key)?.clone()))).collect())
    }

    async fn sequences(&mut self, streams: &[StreamId]) -> Result<HashMap<StreamId, u64>, BackendError> {
        let contents = lock(&self.disk.contents);
        let known = contents.events.iter().filter(|event| streams.contains(&event.stream));
        Ok(known.map(|event| (event.stream.clone(), event.sequence)).collect())
    }

    async fn insert(
        &mut self,
        rows: &[Row<'_>],
        keys: &[KeyRow<'_>],
        _head: Position,
    ) -> Result<(), BackendError> {
        let recorded_at = SystemClock.now();
        self.transaction.events = rows
            .iter()
            .map(|row| Recorded {
                position: row.position,
                stream: row.stream.clone(),
                sequence: row.sequence,
                event_id: row.event_id,
                event_type: row.event.event_type.clone(),
                event_version: row.event.event_version.clone(),
                payload: row.event.payload.clone(),
                metadata: row.metadata.to_owned(),
                recorded_at,
            })
            .collect();
        let answer = |key: &KeyRow<'_>| key.answer.map(str::to_owned);
        let record = |key: &KeyRow<'_>| KeyRecord {
            id: key.id,
            digest: key.digest,
            position: key.position,
            answer: answer(key),
        };
        self.transaction.keys = keys.iter().map(|key| (key.id, record(key))).collect();
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), BackendError> {
        let Contents { events, keys } = std::mem::take(&mut self.transaction);
        let mut contents = lock(&self.disk.contents);
        contents.events.extend(events);
        contents.keys.extend(keys);
        self.alone = None;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), BackendError> {
        self.abandon().await;
        Ok(())
    }

    async fn abandon(&mut self) {
        self.transaction = Contents::default();
        self.alone = None;
    }
}
