//! A transaction that writes. Dropped without a commit, it never was.

use sqlx::{Executor, Postgres, Sqlite, Transaction};

use super::row::{Param, Row, bind_postgres, bind_sqlite, fetch_postgres, fetch_sqlite};
use super::{Db, DbError, rows_of};

/// A transaction that writes.
pub enum Tx {
    /// On the one connection that writes.
    Sqlite(Transaction<'static, Sqlite>),
    /// On any connection.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(super) async fn begin(db: &Db) -> Result<Self, DbError> {
        match db {
            Db::Sqlite { writer, .. } => {
                // In a task of its own, which nobody cancels: when whoever asked goes away after the beginning and
                // before he is told of it, sqlx 0.8.6 leaves the one writing connection in that transaction for ever.
                let writer = writer.clone();
                let begun = tokio::spawn(async move { writer.begin_with("BEGIN IMMEDIATE").await });
                Ok(Self::Sqlite(begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??))
            }
            Db::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                // Read models can be rebuilt: a crash loses the last commits with their checkpoints, and the runner
                // applies those events again.
                tx.execute("SET LOCAL synchronous_commit = off").await?;
                Ok(Self::Postgres(tx))
            }
        }
    }

    /// See [`Db::rows`].
    #[must_use]
    pub const fn rows(&self) -> &'static str {
        rows_of(matches!(self, Self::Postgres(_)))
    }

    /// Runs a statement, and says how many rows it changed.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, DbError> {
        Ok(match self {
            Self::Sqlite(tx) => tx.execute(bind_sqlite(sql, params)).await?.rows_affected(),
            Self::Postgres(tx) => tx.execute(bind_postgres(sql, params)).await?.rows_affected(),
        })
    }

    /// The rows that this statement gives.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn fetch(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, DbError> {
        match self {
            Self::Sqlite(tx) => fetch_sqlite(&mut **tx, sql, params).await,
            Self::Postgres(tx) => fetch_postgres(&mut **tx, sql, params).await,
        }
    }

    /// Makes it so.
    ///
    /// # Errors
    /// [`DbError`]; then it may or may not be so.
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
