//! A full queue, and the end.

use futures::future::join_all;

use crate::log::{AppendError, Expected, Position};
use crate::testing::requests::{history, request};
use crate::testing::{Harness, in_time};

/// More than the queue holds, in one go: some are told to come back, and the others are not harmed by it.
pub async fn a_full_queue_is_busy(harness: &dyn Harness) {
    let log = harness.open().await;
    let all = (0..5_000).map(|n| log.append(request(&n.to_string(), "a", Expected::Any)));
    let (taken, refused): (Vec<_>, Vec<_>) = join_all(all).await.into_iter().partition(Result::is_ok);
    assert!(!taken.is_empty());
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|answer| matches!(answer, Err(AppendError::Busy))), "{:?}", refused.first());
    assert_eq!(log.head().await.unwrap(), Position(taken.len() as u64));
    log.append(request("later", "a", Expected::Any)).await.unwrap();
}

/// Whatever was taken before is answered and durable; whatever comes after is not taken.
pub async fn closing_answers_what_was_taken(harness: &dyn Harness) {
    let log = harness.open().await;
    let before = (0..1_500).map(|n| log.append(request(&n.to_string(), "a", Expected::Any)));
    let (answers, (), ()) = tokio::join!(join_all(before), log.close(), log.close());
    for answer in answers {
        answer.unwrap();
    }
    let after = log.append(request("after", "a", Expected::Any)).await;
    assert!(matches!(after, Err(AppendError::Closed)), "{after:?}");
    drop(log);
    assert_eq!(history(&*harness.open().await).await.len(), 1_500);
}

/// Who waits for events of a log that is closed waits no more.
pub async fn closing_ends_the_waiting(harness: &dyn Harness) {
    let log = harness.open().await;
    let mut wake = log.wake();
    log.close().await;
    in_time(async { while wake.changed().await.is_ok() {} }).await;
    assert!(log.wake().has_changed().is_err());
}
