//! What is neither an event nor made from events: which node runs which job until when ([`jobs`]), and the keys of what
//! is sealed in events ([`subject_keys`]). Why it is not in the log: docs/adr/0013-state-beside-the-log.md.
//!
//! A few small rows, in a file of their own or in the log's database; every write is durable when it is answered.

pub mod jobs;
pub mod subject_keys;

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};

use crate::seal::SealError;

/// How long it may take to get a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Connections to Postgres: statements are few and short.
const CONNECTIONS: u32 = 2;

/// The state did not do its part. Nothing changed, unless the connection broke in the middle; every change here may be
/// tried again.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be reached, or refused.
    #[error("the store of leases and keys is not available")]
    Store(#[from] sqlx::Error),
    /// Its tables cannot be brought up to date.
    #[error("the tables of leases and keys cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Somebody else reads the file, so that a destroyed key cannot be wiped from what is beside it.
    #[error(
        "another process reads the file of keys, which may still hold a key that was destroyed; try again"
    )]
    Held,
    /// A text cannot be sealed or opened.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// A row holds what it never should.
    #[error("the state holds {0}, which it never should")]
    Corrupt(String),
}

/// The state.
#[derive(Debug, Clone)]
pub struct State {
    pool: Pool,
}

#[derive(Debug, Clone)]
enum Pool {
    /// One file, one connection.
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The same statement, which both understand, on whichever it is.
macro_rules! on {
    ($state:expr, $pool:ident => $run:expr) => {
        match &$state.pool {
            $crate::state::Pool::Sqlite($pool) => $run,
            $crate::state::Pool::Postgres($pool) => $run,
        }
    };
}
use on;

impl State {
    /// The state in one SQLite file, made if it is not there. The caller owns it alone (the data folder's lock).
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn open_sqlite(file: &Path) -> Result<Self, StateError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A key that is lost after it has sealed something is an address that nobody can read.
            .synchronous(SqliteSynchronous::Full)
            // What is deleted is overwritten: a destroyed key must not be left in the file, nor a copy elsewhere.
            .pragma("secure_delete", "ON")
            .pragma("temp_store", "MEMORY")
            .busy_timeout(ACQUIRE);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(ACQUIRE)
            .connect_with(options)
            .await?;
        sqlx::migrate!("../migrations/state").set_ignore_missing(true).run(&pool).await?;
        // Whoever had a job here was killed.
        sqlx::query("UPDATE state_job SET holder = NULL WHERE holder IS NOT NULL").execute(&pool).await?;
        Ok(Self { pool: Pool::Sqlite(pool) })
    }

    /// A state that ends with this process: for tests.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn in_memory() -> Result<Self, StateError> {
        Self::open_sqlite(Path::new(":memory:")).await
    }

    /// The state in a Postgres database, which nodes share.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn open_postgres(options: PgConnectOptions) -> Result<Self, StateError> {
        let options = options.application_name("servelink").options([
            ("statement_timeout", "5s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "15s"),
            ("synchronous_commit", "on"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .connect_with(options)
            .await?;
        sqlx::migrate!("../migrations/state").set_ignore_missing(true).run(&pool).await?;
        Ok(Self { pool: Pool::Postgres(pool) })
    }

    /// What time it is to the store, where nodes share one: the one clock that none of them can set. None: there is one
    /// node, and its clock is as good as any.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn time(&self) -> Result<Option<DateTime<Utc>>, StateError> {
        match &self.pool {
            Pool::Sqlite(_) => Ok(None),
            Pool::Postgres(pool) => {
                Ok(Some(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(pool).await?))
            }
        }
    }

    /// Lets go of the store.
    pub async fn close(&self) {
        on!(self, pool => pool.close().await);
    }
}
