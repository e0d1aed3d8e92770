//! A database of its own on the tests' Postgres, gone with its owner.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

/// Names the server whose superuser makes a database for each test.
const SERVER: &str = "SERVELINK_TEST_POSTGRES_URL";

/// An empty database.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
    /// As `DATABASE_URL` takes it.
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let url = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!("{SERVER} is not set: run the tests with scripts/test, which starts a Postgres")
        });
        let server: PgConnectOptions = url.parse().unwrap();
        let name = format!("whole_{}", uuid::Uuid::new_v4().simple());
        let mut connection = server.connect().await.unwrap();
        connection.execute(format!("CREATE DATABASE {name}").as_str()).await.unwrap();
        connection.close().await.unwrap();
        let (address, _) = url.rsplit_once('/').unwrap();
        Self { url: format!("{address}/{name}"), server, name }
    }

    /// The password in its address.
    pub(crate) fn password(&self) -> &str {
        let (_, rest) = self.url.split_once("://").unwrap();
        let (user, _) = rest.rsplit_once('@').unwrap();
        user.split_once(':').unwrap().1
    }
}

impl Drop for Database {
    /// On a runtime of its own, because a drop cannot wait on the test's. What is left behind goes with the server.
    fn drop(&mut self) {
        let (server, sql) =
            (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                if let Ok(mut connection) = server.connect().await {
                    let _ = connection.execute(sql.as_str()).await;
                }
            });
        });
        let _ = dropping.join();
    }
}
