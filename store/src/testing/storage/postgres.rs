//! A database of its own on the tests' Postgres. It is left behind and goes with the server, which `scripts/test`
//! makes for one run: to drop it would wait for every connection of every test, those that are being made too.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::STRANGERS_INSERT;
use crate::log::{EventLog, StreamId};
use crate::postgres::PostgresLog;
use crate::testing::{Harness, SqlHarness};

/// Names the server whose superuser makes a database for each test.
const SERVER: &str = "SERVELINK_TEST_POSTGRES_URL";

/// Storage in a Postgres database.
pub struct PostgresStorage {
    server: PgConnectOptions,
    database: String,
}

impl PostgresStorage {
    /// A new, empty database.
    ///
    /// # Panics
    /// When there is no Postgres to make it on: such a test fails, it is never skipped.
    pub async fn create() -> Self {
        let url = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!(
                "{SERVER} is not set: run the tests with scripts/test, which starts a Postgres of their own"
            )
        });
        let server: PgConnectOptions = url.parse().unwrap_or_else(|error| panic!("{SERVER}: {error}"));
        let database = format!("servelink_test_{}", Uuid::new_v4().simple());
        let mut connection = server.connect().await.unwrap_or_else(|error| panic!("{SERVER}: {error}"));
        connection.execute(format!("CREATE DATABASE {database}").as_str()).await.unwrap();
        connection.close().await.unwrap();
        Self { server, database }
    }

    /// How to connect to the database.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.database)
    }

    /// Another connection to the database, beside the log's own.
    pub async fn connect(&self) -> PgConnection {
        self.options().connect().await.unwrap()
    }

    /// Cuts every connection that a log has to the database, and tells how many there were.
    pub async fn cut_connections(&self) -> i64 {
        let mut connection = self.server.connect().await.unwrap();
        let sql = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = $1 AND application_name = 'servelink'";
        let cut = sqlx::query_scalar(sql).bind(&self.database).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        cut
    }
}

#[async_trait]
impl Harness for PostgresStorage {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(PostgresLog::open(self.options()).await.unwrap())
    }

    async fn append_as_stranger(&self, stream: &StreamId, sequence: u64, event_type: &'static str) {
        let mut connection = self.connect().await;
        sqlx::query(&format!("{STRANGERS_INSERT} ($1, $2, $3, $4, '1', '{{}}', '{{}}')"))
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
impl SqlHarness for PostgresStorage {
    async fn execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let mut connection = self.connect().await;
        let done = connection.execute(sql).await.map(|_| ());
        connection.close().await?;
        done
    }
}
