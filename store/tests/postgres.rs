//! The contract on Postgres, and what only a server can do.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::sync::Arc;

use servelink_store::testing::requests::{event, history, request};
use servelink_store::testing::{Harness, PostgresStorage, in_time};
use servelink_store::{AppendError, EventLog, Expected, Filter, Position, ReadError};

servelink_store::contract_of_every_log!(PostgresStorage::create().await);
servelink_store::contract_of_nodes!(PostgresStorage::create().await);
servelink_store::contract_of_sql!(PostgresStorage::create().await);

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_in_mid_read_is_an_error_and_never_an_end() {
    const EVENTS: usize = 10_000;
    let storage = Arc::new(PostgresStorage::create().await);
    let log = storage.open().await;
    let mut append = request("all", "a", Expected::Any);
    append.streams[0].events = (0..EVENTS).map(|_| event("TrafficRecorded", "x")).collect();
    log.append(append).await.unwrap();

    let cutting = tokio::spawn({
        let storage = Arc::clone(&storage);
        async move {
            loop {
                storage.cut_connections().await;
            }
        }
    });
    let mut errors = 0;
    in_time(async {
        while errors < 5 {
            match log.read_after(Position(0), EVENTS + 1, Filter::All).await {
                Ok(events) => assert_eq!(events.len(), EVENTS, "all of it or an error"),
                Err(ReadError::Store(_)) => errors += 1,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
    cutting.abort();
    assert!(cutting.await.unwrap_err().is_cancelled());
    assert_eq!(history(&*log).await.len(), EVENTS, "the next read is on a new connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_whose_connection_is_cut_appends_everything_once() {
    const WRITERS: usize = 8;
    const REQUESTS: usize = 15;
    let storage = PostgresStorage::create().await;
    let log = storage.open().await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for n in 0..REQUESTS {
                    answers.push(append_until_answered(&*log, &format!("{writer} {n}")).await);
                }
                answers
            })
        })
        .collect();
    let mut cut = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        cut += storage.cut_connections().await;
        // Some progress between two cuts, or it would never end.
        let before = log.head().await.unwrap_or_default();
        let _ =
            in_time(log.wake().wait_for(|head| *head > before || before.0 >= (WRITERS * REQUESTS) as u64))
                .await;
    }
    assert!(cut > 0);
    let mut answers = HashMap::new();
    for writer in writers {
        answers.extend(writer.await.unwrap());
    }
    let recorded: HashMap<_, _> =
        history(&*log).await.into_iter().map(|event| (event.payload, event.position)).collect();
    assert_eq!(recorded, answers);
    assert_eq!(log.head().await.unwrap(), Position((WRITERS * REQUESTS) as u64));
}

/// Asks with the same id until there is an answer: the event's payload and where it is said to stand.
async fn append_until_answered(log: &dyn EventLog, name: &str) -> (String, Position) {
    loop {
        match log.append(request(name, "a", Expected::Any)).await {
            Ok(appended) => return (event("TeamRenamed", name).payload, appended.position),
            Err(AppendError::Unavailable(_) | AppendError::Uncertain(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_connection_that_was_cut_while_idle_costs_no_request() {
    let storage = PostgresStorage::create().await;
    let log = storage.open().await;
    for n in 0..3 {
        log.append(request(&n.to_string(), "a", Expected::Exactly(n))).await.unwrap();
        assert!(storage.cut_connections().await > 0);
    }
    assert_eq!(history(&*log).await.len(), 3);
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_leaves_no_gap() {
    let storage = PostgresStorage::create().await;
    let log = storage.open().await;
    let mut stranger = storage.connect().await;
    let insert = "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, \
                  metadata) VALUES ('team', 'b', 1, 'TeamRenamed', '1', '{}', '{}')";
    for sql in ["BEGIN", insert] {
        sqlx::Executor::execute(&mut stranger, sql).await.unwrap();
    }
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.append(request("ours", "a", Expected::Any)).await }
    });
    // It cannot be answered while the other transaction has a position that may yet count.
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    assert_eq!(log.head().await.unwrap(), Position(0));
    sqlx::Executor::execute(&mut stranger, "ROLLBACK").await.unwrap();
    assert_eq!(in_time(waiting).await.unwrap().unwrap().position, Position(1));
    assert_eq!(history(&*log).await.len(), 1);
}

#[tokio::test]
async fn the_few_are_found_by_their_own_index() {
    let storage = PostgresStorage::create().await;
    let log = storage.open().await;
    let mut append = request("all", "a", Expected::Any);
    append.streams[0].events = (0..5_000).map(|_| event("TrafficRecorded", "x")).collect();
    log.append(append).await.unwrap();
    let mut connection = storage.connect().await;
    sqlx::Executor::execute(&mut connection, "ANALYZE events").await.unwrap();
    let sql = "EXPLAIN SELECT payload FROM events WHERE position > 0 AND event_type NOT IN \
               ('TrafficRecorded', 'TrafficCompared', 'StorageMeasured', 'UsageCorrected', 'CountersRead') \
               ORDER BY position LIMIT 10";
    let plan: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
    assert!(plan.iter().any(|step| step.contains("events_except_measurements")), "{plan:?}");
}
