//! A log that can be read and takes nothing, as one on a full disk, or in which one stream cannot be read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use store::{Append, AppendError, Appended, EventLog, Filter, Position, ReadError, Recorded, StreamId};
use tokio::sync::watch;

pub(crate) struct Full {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) is_full: AtomicBool,
    /// The id of what cannot be read.
    pub(crate) broken: Mutex<Option<String>>,
}

#[async_trait]
impl EventLog for Full {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(AppendError::Closed);
        }
        self.log.append(append).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        if self.broken.lock().unwrap().as_ref() == Some(&stream.aggregate_id) {
            return Err(ReadError::Corrupt { position: 1, what: "nothing".into() });
        }
        self.log.read_stream(stream, after, limit).await
    }

    async fn read_last(&self, stream: &StreamId) -> Result<Option<Recorded>, ReadError> {
        self.log.read_last(stream).await
    }

    async fn read_after(
        &self,
        position: Position,
        limit: usize,
        filter: Filter,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.log.read_after(position, limit, filter).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.log.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.log.wake()
    }

    async fn close(&self) {
        self.log.close().await;
    }
}
