//! A place where a log and read models are: a folder with two SQLite files, or a Postgres database of its own.

use std::sync::Arc;

use servelink_projections::Db;
use store::EventLog;
use store::testing::{Harness, PostgresStorage, SqliteStorage};
use tempfile::TempDir;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// Where a log and read models are. Gone when it is dropped.
pub(crate) enum Place {
    Sqlite { log: SqliteStorage, reads: TempDir },
    Postgres(Box<PostgresStorage>),
}

impl Place {
    pub(crate) async fn new(kind: Kind) -> Self {
        // What the runner complains about is shown when a test fails.
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        match kind {
            Kind::Sqlite => Self::Sqlite { log: SqliteStorage::new(), reads: tempfile::tempdir().unwrap() },
            Kind::Postgres => Self::Postgres(Box::new(PostgresStorage::create().await)),
        }
    }

    /// The read models; on Postgres a connection pool of its own each time, as each process has one.
    pub(crate) async fn db(&self) -> Db {
        match self {
            Self::Sqlite { reads, .. } => Db::open_sqlite(&reads.path().join("reads.sqlite")).await.unwrap(),
            Self::Postgres(storage) => Db::open_postgres(storage.options()).await.unwrap(),
        }
    }

    /// The read models as another process would have them: SQLite's belong to one process.
    pub(crate) async fn another(&self, db: &Db) -> Db {
        match self {
            Self::Sqlite { .. } => db.clone(),
            Self::Postgres(_) => self.db().await,
        }
    }

    pub(crate) async fn log(&self) -> Arc<dyn EventLog> {
        self.harness().open().await
    }

    pub(crate) fn harness(&self) -> &dyn Harness {
        match self {
            Self::Sqlite { log, .. } => log,
            Self::Postgres(storage) => &**storage,
        }
    }
}

/// Makes two tests of each function: one on SQLite, one on Postgres.
macro_rules! both {
    ($($name:ident)*) => {$(
        mod $name {
            use crate::common::Kind;

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                super::$name(Kind::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                super::$name(Kind::Postgres).await;
            }
        }
    )*};
}
pub(crate) use both;
