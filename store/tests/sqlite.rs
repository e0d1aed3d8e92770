//! The contract on SQLite, and what only a file can do.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use servelink_store::testing::requests::{event, request};
use servelink_store::testing::{Harness, SqliteStorage};
use servelink_store::{EventLog, Expected, Filter, Position, ReadError};
use sqlx::Row;

servelink_store::contract_of_every_log!(SqliteStorage::new());
servelink_store::contract_of_sql!(SqliteStorage::new());

async fn fill(log: &dyn EventLog, requests: usize, events: usize) {
    for n in 0..requests {
        let mut append = request(&n.to_string(), "a", Expected::Any);
        append.streams[0].events = (0..events).map(|_| event("TrafficRecorded", &"x".repeat(200))).collect();
        log.append(append).await.unwrap();
    }
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_never_an_end() {
    const EVENTS: u64 = 4_000;
    let storage = SqliteStorage::new();
    let log = storage.open().await;
    fill(&*log, 4, 1_000).await;
    log.close().await;

    let file = OpenOptions::new().write(true).open(storage.file()).unwrap();
    let middle = file.metadata().unwrap().len() / 2 / 4_096 * 4_096;
    file.write_all_at(&[0xff; 40 * 4_096], middle).unwrap();

    let log = storage.open().await;
    assert_eq!(log.head().await.unwrap(), Position(EVENTS), "the end itself can be read");
    let mut after = Position(0);
    let error = loop {
        match log.read_after(after, 100, Filter::All).await {
            Ok(page) => {
                assert_eq!(page.len(), 100, "a page ends at the end of the log only, not after {after}");
                after = page[99].position;
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Store(_)), "{error:?}");
    assert!(after < Position(EVENTS));
    // The rest is still there for whoever knows where to look.
    assert_eq!(log.read_after(Position(EVENTS - 10), 100, Filter::All).await.unwrap().len(), 10);
}

#[tokio::test]
async fn the_few_are_found_by_their_own_index() {
    let storage = SqliteStorage::new();
    let log = storage.open().await;
    fill(&*log, 1, 1_000).await;
    let mut connection = storage.connect().await;
    let sql = "EXPLAIN QUERY PLAN SELECT payload FROM events WHERE position > 0 AND event_type NOT IN \
               ('TrafficRecorded', 'TrafficCompared', 'StorageMeasured', 'UsageCorrected', 'CountersRead') \
               ORDER BY position LIMIT 10";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    assert!(plan.iter().any(|step| step.contains("events_except_measurements")), "{plan:?}");
}

#[tokio::test]
async fn a_log_that_was_closed_is_one_file() {
    let storage = SqliteStorage::new();
    let log = storage.open().await;
    fill(&*log, 3, 1).await;
    log.close().await;
    let folder = std::fs::read_dir(storage.file().parent().unwrap()).unwrap();
    let names: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    assert_eq!(names, [storage.file()], "a copy of it is a whole backup");
}
