//! A SQLite file in a temporary folder.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use super::STRANGERS_INSERT;
use crate::log::{EventLog, StreamId};
use crate::sqlite::SqliteLog;
use crate::testing::{Harness, SqlHarness};

/// Storage in a file.
pub struct SqliteStorage(TempDir);

impl SqliteStorage {
    /// A new, empty folder.
    ///
    /// # Panics
    /// When there cannot be one.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The log's file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.0.path().join("log.sqlite")
    }

    /// Another connection to the file, beside the log's own.
    pub async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.file()).connect().await.unwrap()
    }
}

impl Default for SqliteStorage {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Harness for SqliteStorage {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(SqliteLog::open(&self.file()).await.unwrap())
    }

    async fn append_as_stranger(&self, stream: &StreamId, sequence: u64, event_type: &'static str) {
        let mut connection = self.connect().await;
        sqlx::query(&format!("{STRANGERS_INSERT} (?, ?, ?, ?, '1', '{{}}', '{{}}')"))
            .bind(stream.aggregate_type.as_ref())
            .bind(&stream.aggregate_id)
            .bind(i64::try_from(sequence).unwrap())
            .bind(event_type)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
}

#[async_trait]
impl SqlHarness for SqliteStorage {
    async fn execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let mut connection = self.connect().await;
        let done = connection.execute(sql).await.map(|_| ());
        connection.close().await?;
        done
    }
}
