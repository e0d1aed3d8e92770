//! Waiting for events.

use tokio::sync::watch;

use crate::log::{Expected, Position};
use crate::testing::requests::{request, stream};
use crate::testing::{Harness, in_time};

async fn hears_of(mut wake: watch::Receiver<Position>, position: Position) {
    in_time(wake.wait_for(|told| *told >= position)).await.unwrap();
}

/// Own commits wake every waiter.
pub async fn waiters_hear_of_appends(harness: &dyn Harness) {
    let log = harness.open().await;
    let (early, mut idle) = (log.wake(), log.wake());
    assert_eq!(*early.borrow(), Position(0));
    let (answer, ()) =
        tokio::join!(log.append(request("one", "a", Expected::Any)), hears_of(early, Position(1)));
    answer.unwrap();
    assert!(idle.has_changed().unwrap());
    assert_eq!(*idle.borrow_and_update(), Position(1));
    let late = log.wake();
    assert_eq!(*late.borrow(), Position(1));
    assert!(!late.has_changed().unwrap(), "it holds what was so when it began");
}

/// So do those of another process.
pub async fn waiters_hear_of_what_others_append(harness: &dyn Harness) {
    let log = harness.open().await;
    let to = stream("a");
    let wake = log.wake();
    tokio::join!(harness.append_as_stranger(&to, 1, "TeamRenamed"), hears_of(wake, Position(1)));
    log.append(request("ours", "a", Expected::Any)).await.unwrap();
    let wake = log.wake();
    tokio::join!(harness.append_as_stranger(&to, 3, "TeamRenamed"), hears_of(wake, Position(3)));
}
