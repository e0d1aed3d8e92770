//! Idempotency keys: a request that is sent again gets its first answer again and appends nothing.

use crate::log::{Append, AppendError, Appended, EventLog, Expected, KeyRecord, Position};
use crate::testing::requests::{history, key, request};
use crate::testing::{Harness, until_head};

/// Sends the request again, and checks that the answer is the first one's.
async fn again(log: &dyn EventLog, append: Append, first: &Appended) {
    let head = log.head().await.unwrap();
    let keys = append.keys.clone();
    let answer = log.append(append).await.unwrap();
    assert_eq!(answer.position, first.position);
    let record = |key: crate::log::Key| KeyRecord {
        id: key.id,
        digest: key.digest,
        position: first.position,
        answer: key.answer,
    };
    assert_eq!(answer.earlier, Some(keys.into_iter().map(record).collect()));
    assert_eq!(log.head().await.unwrap(), head, "nothing is appended");
}

/// Also long after, and also at a sequence that has passed since.
pub async fn the_same_key_gets_the_same_answer(harness: &dyn Harness) {
    let log = harness.open().await;
    let append = request("request", "a", Expected::Exactly(0));
    let first = log.append(append.clone()).await.unwrap();
    assert_eq!(first, Appended { position: Position(1), earlier: None });
    again(&*log, append.clone(), &first).await;
    log.append(request("another", "a", Expected::Exactly(1))).await.unwrap();
    again(&*log, append, &first).await;
}

/// The key is as durable as the events.
pub async fn the_same_key_gets_the_same_answer_after_a_restart(harness: &dyn Harness) {
    let log = harness.open().await;
    let append = request("request", "a", Expected::Exactly(0));
    let first = log.append(append.clone()).await.unwrap();
    log.close().await;
    drop(log);
    let log = harness.open().await;
    again(&*log, append, &first).await;
}

/// Whoever asked has gone away before it was answered.
pub async fn the_same_key_gets_the_same_answer_when_the_first_was_lost(harness: &dyn Harness) {
    let log = harness.open().await;
    let append = request("request", "a", Expected::Exactly(0));
    tokio::select! {
        biased;
        answer = log.append(append.clone()) => panic!("answered at once: {answer:?}"),
        () = std::future::ready(()) => {}
    }
    until_head(&*log, Position(1)).await;
    again(&*log, append, &Appended { position: Position(1), earlier: None }).await;
}

/// The same request twice in one group.
pub async fn a_key_of_one_group_is_recorded_once(harness: &dyn Harness) {
    let log = harness.open().await;
    let append = request("request", "a", Expected::Any);
    let (first, second) = tokio::join!(log.append(append.clone()), log.append(append));
    assert_eq!(first.unwrap(), Appended { position: Position(1), earlier: None });
    let second = second.unwrap();
    assert_eq!(second.position, Position(1));
    assert!(second.earlier.is_some());
    assert_eq!(history(&*log).await.len(), 1);
}

/// Neither the first content nor the second is touched.
pub async fn a_key_with_other_content_is_refused(harness: &dyn Harness) {
    let log = harness.open().await;
    let append = request("request", "a", Expected::Any);
    log.append(append.clone()).await.unwrap();
    let mut other = request("new", "a", Expected::Any);
    other.keys.push(key("request", "other content"));
    let refused = log.append(other).await;
    assert!(
        matches!(&refused, Err(AppendError::KeysReused(keys)) if *keys == [append.keys[0].id]),
        "only the key that was used before is named: {refused:?}"
    );
    assert_eq!(history(&*log).await.len(), 1);
    log.append(request("new", "a", Expected::Any)).await.unwrap();
}

/// The caller is told which keys were recorded, and leaves them out.
pub async fn recorded_and_new_keys_do_not_mix(harness: &dyn Harness) {
    let log = harness.open().await;
    let old = request("old", "a", Expected::Any);
    log.append(old.clone()).await.unwrap();
    let mut mixed = request("new", "a", Expected::Any);
    mixed.keys.push(old.keys[0].clone());
    match log.append(mixed).await {
        Err(AppendError::PartlyRecorded(records)) => {
            assert_eq!(records.len(), 1);
            assert_eq!((records[0].id, records[0].position), (old.keys[0].id, Position(1)));
            assert_eq!(records[0].answer, old.keys[0].answer);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(log.append(request("new", "a", Expected::Any)).await.unwrap().position, Position(2));
}

/// A request may leave nothing to record and still be one.
pub async fn a_request_of_no_events_keeps_its_key(harness: &dyn Harness) {
    let log = harness.open().await;
    log.append(request("first", "a", Expected::Any)).await.unwrap();
    let empty = Append { keys: vec![key("empty", "")], ..Append::default() };
    let first = log.append(empty.clone()).await.unwrap();
    assert_eq!(first, Appended { position: Position(1), earlier: None });
    log.append(request("second", "a", Expected::Any)).await.unwrap();
    again(&*log, empty, &first).await;
}
