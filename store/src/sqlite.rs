//! The embedded backend: one SQLite file in WAL mode, one writing connection, a few reading ones.
//!
//! `synchronous=FULL`: a commit is fsynced before it is answered. Exactly one process may open the file (the caller
//! holds the data directory's lock): SQLite before 3.51.3 can corrupt a WAL that two connections write at once.

mod backend;
mod rows;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};
use tokio::sync::watch;

use crate::head::HeadWatch;
use crate::log::{
    Append, AppendError, Appended, EventLog, Filter, OpenError, Position, ReadError, Recorded, StreamId,
};
use crate::writer::Writer;

/// Connections that read at the same time.
const READERS: u32 = 4;

/// The event log in one SQLite file.
pub struct SqliteLog {
    writer: Writer,
    readers: SqlitePool,
    head: HeadWatch,
    writing: SqliteConnectOptions,
}

impl SqliteLog {
    /// Opens the file, creating it if needed.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(file: &Path) -> Result<Self, OpenError> {
        let writing = Self::options(file)
            .create_if_missing(true)
            // 16 MB: keys land anywhere in their index, and a page that is in memory need not be read first.
            .pragma("cache_size", "-16000")
            // A checkpoint every 32 MB instead of every 4: it writes and fsyncs the file while requests wait, and the
            // longer it waits the more often the same pages have been changed meanwhile.
            .pragma("wal_autocheckpoint", "8000");
        {
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(writing.clone()).await?;
            sqlx::migrate!("../migrations/log/sqlite").set_ignore_missing(true).run(&pool).await?;
            pool.close().await;
        }
        let mut backend = backend::SqliteBackend::new(writing.clone());
        backend.connect().await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(Self::options(file).read_only(true))
            .await?;
        let reading = readers.clone();
        let (head, told) = HeadWatch::start(rows::head(&readers).await?, move || {
            let readers = reading.clone();
            async move { rows::head(&readers).await }
        });
        Ok(Self { writer: Writer::start(backend, told), readers, head, writing })
    }

    fn options(file: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.writer.append(append).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        rows::stream(&self.readers, stream, after, limit).await
    }

    async fn read_last(&self, stream: &StreamId) -> Result<Option<Recorded>, ReadError> {
        rows::last(&self.readers, stream).await
    }

    async fn read_after(
        &self,
        position: Position,
        limit: usize,
        filter: Filter,
    ) -> Result<Vec<Recorded>, ReadError> {
        rows::after(&self.readers, position, limit, filter).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        Ok(rows::head(&self.readers).await?)
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    async fn close(&self) {
        self.writer.close().await;
        self.head.stop();
        self.readers.close().await;
        // The last to close takes what is in the WAL over into the file, if it may write: readers may not.
        let last = async { self.writing.connect().await?.close().await };
        if let Err(error) = last.await {
            tracing::warn!(%error, "cannot tidy up the event log's file; nothing is lost");
        }
    }
}
