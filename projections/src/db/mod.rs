//! One way to talk to SQLite and Postgres, for the statements that both understand: `$1` placeholders, texts and
//! 64-bit integers, and lists of rows as one JSON text ([`Db::rows`]), so that every statement is one round trip
//! whatever its number of rows.
//!
//! Not an ORM and not a dialect: a statement here is SQL, written once (docs/adr/0003-one-sql-for-both.md).

mod row;
mod tx;

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};

pub use row::{Param, Row};
pub use tx::Tx;

/// Connections that read at the same time.
const READERS: u32 = 4;
/// How long it may take to get a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// The store of the read models did not do its part.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached, or refused.
    #[error("the store of the read models is not available")]
    Store(#[from] sqlx::Error),
    /// Its tables cannot be brought up to date.
    #[error("the tables of the read models cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row holds what it never should.
    #[error("a read model holds {0}, which it never should: rebuild it")]
    Corrupt(String),
}

impl DbError {
    /// What the store says when it refused the values it was given, in contrast to its not being available: asking
    /// again would not help.
    pub(crate) fn refused(&self) -> Option<&dyn sqlx::error::DatabaseError> {
        let Self::Store(sqlx::Error::Database(error)) = self else { return None };
        // Postgres, appendix A: class 22 is "data exception".
        let data = error.code().is_some_and(|code| code.len() == 5 && code.starts_with("22"));
        let constraint = !matches!(error.kind(), sqlx::error::ErrorKind::Other);
        (data || constraint).then_some(&**error)
    }
}

/// The store of the read models.
#[derive(Clone)]
pub enum Db {
    /// One file: one writing connection, some reading ones.
    Sqlite {
        /// The one connection that writes.
        writer: SqlitePool,
        /// Connections that only read.
        readers: SqlitePool,
    },
    /// A database.
    Postgres(PgPool),
}

impl Db {
    /// The read models in one SQLite file. They can be rebuilt, so that commits need not be fsynced: a power failure
    /// loses the last of them together with the checkpoint, and the runner applies those events again.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open_sqlite(file: &Path) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(ACQUIRE)
            .pragma("wal_autocheckpoint", "4000");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone().create_if_missing(true))
            .await?;
        sqlx::migrate!("../migrations/read").set_ignore_missing(true).run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self::Sqlite { writer, readers })
    }

    /// The read models in a Postgres database.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn open_postgres(options: PgConnectOptions) -> Result<Self, DbError> {
        // Every statement looks rows up by key, most of them in memory: what a look-up costs on a spinning disk would
        // make Postgres read whole tables instead.
        let migrating = options.clone();
        let options = options.application_name("servelink").options([
            ("statement_timeout", "20s"),
            ("idle_in_transaction_session_timeout", "15s"),
            ("random_page_cost", "1.1"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(READERS + 4)
            .acquire_timeout(ACQUIRE)
            .connect_with(options)
            .await?;
        // On a connection of its own: to make an index may take longer than any statement of a request.
        let migrating = PgPoolOptions::new().max_connections(1).connect_with(migrating).await?;
        sqlx::migrate!("../migrations/read").set_ignore_missing(true).run(&migrating).await?;
        migrating.close().await;
        Ok(Self::Postgres(pool))
    }

    /// A table of the rows of `$1`, a JSON array of arrays: each is a column `value`, of which `value->>0` is the
    /// first field as a text.
    #[must_use]
    pub const fn rows(&self) -> &'static str {
        rows_of(matches!(self, Self::Postgres(_)))
    }

    /// The hidden column that names a row, for deleting some rows at a time.
    #[must_use]
    pub const fn row_id(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "rowid",
            Self::Postgres(_) => "ctid",
        }
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn begin(&self) -> Result<Tx, DbError> {
        Tx::begin(self).await
    }

    /// The rows that this statement gives.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn fetch(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, DbError> {
        match self {
            Self::Sqlite { readers, .. } => row::fetch_sqlite(readers, sql, params).await,
            Self::Postgres(pool) => row::fetch_postgres(pool, sql, params).await,
        }
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

const fn rows_of(postgres: bool) -> &'static str {
    if postgres { "json_array_elements($1::json)" } else { "json_each($1)" }
}
