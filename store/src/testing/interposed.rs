//! A log between a test and the real one: it says only what it does otherwise.

use async_trait::async_trait;
use tokio::sync::watch;

use crate::log::{Append, AppendError, Appended, EventLog, Filter, Position, ReadError, Recorded, StreamId};

/// What is not told here goes on to the log behind it.
#[async_trait]
pub trait Interposed: Send + Sync + 'static {
    /// The log behind it.
    fn behind(&self) -> &dyn EventLog;

    /// As [`EventLog::append`].
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.behind().append(append).await
    }

    /// Before anything is read, of this stream or (none) of all; an error is the answer.
    fn before_read(&self, _: Option<&StreamId>) -> Result<(), ReadError> {
        Ok(())
    }
}

#[async_trait]
impl<T: Interposed> EventLog for T {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        Interposed::append(self, append).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.before_read(Some(stream))?;
        self.behind().read_stream(stream, after, limit).await
    }

    async fn read_last(&self, stream: &StreamId) -> Result<Option<Recorded>, ReadError> {
        self.before_read(Some(stream))?;
        self.behind().read_last(stream).await
    }

    async fn read_after(
        &self,
        position: Position,
        limit: usize,
        filter: Filter,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.before_read(None)?;
        self.behind().read_after(position, limit, filter).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.behind().head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.behind().wake()
    }

    async fn close(&self) {
        self.behind().close().await;
    }
}
