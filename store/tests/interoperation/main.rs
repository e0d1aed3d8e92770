//! The stock repositories of cqrs-es, postgres-es and sqlite-es, on the same tables as ours: what they write is in our
//! order, what we write they can load, and both may write at once.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod properties;

use postgres_es::PostgresEventRepository;
use servelink_store::testing::{Harness, PostgresStorage, SqliteStorage};
use sqlite_es::SqliteEventRepository;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

async fn sqlite() -> (SqliteStorage, SqliteEventRepository) {
    let storage = SqliteStorage::new();
    // The tables are ours: whoever uses the stock repository comes after us.
    storage.open().await.close().await;
    let options = SqliteConnectOptions::new().filename(storage.file());
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    (storage, SqliteEventRepository::new(pool))
}

async fn postgres() -> (PostgresStorage, PostgresEventRepository) {
    let storage = PostgresStorage::create().await;
    storage.open().await.close().await;
    let pool = PgPoolOptions::new().max_connections(4).connect_with(storage.options()).await.unwrap();
    (storage, PostgresEventRepository::new(pool))
}

macro_rules! properties {
    ($backend:ident: $($property:ident)*) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $property() {
                    let (storage, repository) = super::$backend().await;
                    super::properties::$property(&storage, repository).await;
                }
            )*
        }
    };
}

properties!(sqlite: what_they_write_is_in_our_order what_we_write_they_can_load both_write_at_once);
properties!(postgres: what_they_write_is_in_our_order what_we_write_they_can_load both_write_at_once);
