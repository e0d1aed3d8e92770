//! The Postgres backend: as many nodes as wanted append to one table, one after the other.
//!
//! Every writer takes the head's row lock first, so that positions are gapless and in the order of commits; stock
//! cqrs-es repositories take it too, through the column's default.

mod backend;
mod rows;

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::head::{HeadWatch, advance};
use crate::log::{
    Append, AppendError, Appended, EventLog, Filter, OpenError, Position, ReadError, Recorded, StreamId,
};
use crate::writer::Writer;

/// Connections that read at the same time.
const READERS: u32 = 4;
/// How long it may take to get a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The database that this URL names.
///
/// # Errors
/// [`sqlx::Error`]; its text may repeat parts of the URL, which may hold a password.
pub fn parse_url(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    url.parse()
}

/// The event log in a Postgres database.
pub struct PostgresLog {
    writer: Writer,
    readers: PgPool,
    head: HeadWatch,
    listener: AbortHandle,
}

impl PostgresLog {
    /// Opens the log in this database, creating its tables if needed.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(options: PgConnectOptions) -> Result<Self, OpenError> {
        // No statement of ours takes long: one that does is stuck, and the request behind it shall hear of it.
        let migrating = options.clone();
        let options = options.application_name("servelink").options([
            ("statement_timeout", "20s"),
            ("lock_timeout", "10s"),
            // A node that freezes in the middle of a commit must not hold the head, and every other node, for hours.
            ("idle_in_transaction_session_timeout", "15s"),
            ("synchronous_commit", "on"),
        ]);
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT)
            .connect_with(options.clone())
            .await;
        let readers = match readers {
            // The pool does not say why it waited in vain.
            Err(sqlx::Error::PoolTimedOut) => {
                return Err(options.connect().await.err().unwrap_or(sqlx::Error::PoolTimedOut).into());
            }
            connected => connected?,
        };
        // On a connection of its own: to make an index may take longer than any statement of a request.
        let migrating = PgPoolOptions::new().max_connections(1).connect_with(migrating).await?;
        sqlx::migrate!("../migrations/log/postgres").set_ignore_missing(true).run(&migrating).await?;
        migrating.close().await;
        let reading = readers.clone();
        let (head, told) = HeadWatch::start(rows::head(&readers).await?, move || {
            let readers = reading.clone();
            async move { rows::head(&readers).await }
        });
        let listener = tokio::spawn(listen(options.clone(), readers.clone(), told.clone())).abort_handle();
        let writer = Writer::start(backend::PostgresBackend::new(options), told);
        Ok(Self { writer, readers, head, listener })
    }
}

/// Hears of the commits of other nodes as they happen. While it cannot listen, the poll still finds them.
async fn listen(options: PgConnectOptions, readers: PgPool, told: watch::Sender<Position>) {
    loop {
        if let Err(error) = listen_until_broken(&options, &readers, &told).await {
            tracing::warn!(%error, "cannot listen for appended events");
        }
        tokio::time::sleep(CONNECT).await;
    }
}

async fn listen_until_broken(
    options: &PgConnectOptions,
    readers: &PgPool,
    told: &watch::Sender<Position>,
) -> Result<(), sqlx::Error> {
    // A pool of its own: a listener keeps its connection, and readers shall not wait for it.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT)
        .connect_with(options.clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen("servelink_events").await?;
    loop {
        listener.recv().await?;
        // Many notices may have come meanwhile: one look at the head answers them all.
        while listener.next_buffered().is_some() {}
        advance(told, rows::head(readers).await?);
    }
}

#[async_trait]
impl EventLog for PostgresLog {
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
        self.listener.abort();
        self.readers.close().await;
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
