//! Conditions: "unless such an event was appended after this position".

use crate::log::{Append, AppendError, Condition, EventLog, Expected, Position};
use crate::testing::Harness;
use crate::testing::requests::{event, request, stream};

fn unless(event_type: Option<&'static str>, unless_after: Position) -> Condition {
    Condition { aggregate_type: "team", event_type, unless_after }
}

/// A request to a stream of its own, so that nothing but the condition can fail.
async fn guarded(log: &dyn EventLog, name: &str, condition: Condition) -> Result<Position, AppendError> {
    let mut append = request(name, name, Expected::Exactly(0));
    append.conditions = vec![condition];
    append.streams[0].events = vec![event("PlanActivated", name)];
    log.append(append).await.map(|appended| appended.position)
}

fn failed(answer: &Result<Position, AppendError>, condition: Condition) {
    assert!(matches!(answer, Err(AppendError::Changed(failed)) if *failed == condition), "{answer:?}");
}

/// Two that rest on the same position: one is recorded, also when both come at once.
pub async fn a_condition_fails_once_such_an_event_exists(harness: &dyn Harness) {
    let log = harness.open().await;
    let condition = unless(None, Position(0));
    let (one, other) = tokio::join!(guarded(&*log, "one", condition), guarded(&*log, "other", condition));
    assert_eq!(one.unwrap(), Position(1));
    failed(&other, condition);
    failed(&guarded(&*log, "third", condition).await, condition);
    assert_eq!(guarded(&*log, "fourth", unless(None, Position(1))).await.unwrap(), Position(2));
}

/// Other aggregate types and other event types do not matter.
pub async fn a_condition_minds_the_type(harness: &dyn Harness) {
    let log = harness.open().await;
    let mut usage = request("usage", "", Expected::Any);
    usage.streams[0].stream = crate::log::StreamId::new("usage", "a");
    log.append(usage).await.unwrap();
    guarded(&*log, "no team yet", unless(None, Position(0))).await.unwrap();
    guarded(&*log, "no removal", unless(Some("TeamRemoved"), Position(0))).await.unwrap();
    let activated = unless(Some("PlanActivated"), Position(0));
    failed(&guarded(&*log, "but activated", activated).await, activated);
    let mut both = request("both", "both", Expected::Any);
    both.conditions = vec![unless(Some("TeamRemoved"), Position(0)), activated];
    let answer = log.append(Append { ..both }).await.map(|appended| appended.position);
    failed(&answer, activated);
}

/// What a stock repository or another node appends counts like our own.
pub async fn a_condition_sees_what_others_append(harness: &dyn Harness) {
    let log = harness.open().await;
    log.append(request("ours", "a", Expected::Any)).await.unwrap();
    harness.append_as_stranger(&stream("b"), 1, "TeamRemoved").await;
    let (removed, any) = (unless(Some("TeamRemoved"), Position(1)), unless(None, Position(1)));
    failed(&guarded(&*log, "removed", removed).await, removed);
    failed(&guarded(&*log, "any", any).await, any);
    guarded(&*log, "renamed", unless(Some("TeamRenamed"), Position(1))).await.unwrap();
    guarded(&*log, "from there on", unless(Some("TeamRemoved"), Position(2))).await.unwrap();
}

/// A writer that has just started does not know what was appended before: such a request is made to look again.
pub async fn a_condition_that_is_older_than_the_writer_s_memory_fails(harness: &dyn Harness) {
    let log = harness.open().await;
    for name in ["one", "two"] {
        log.append(request(name, "a", Expected::Any)).await.unwrap();
    }
    log.close().await;
    drop(log);
    let log = harness.open().await;
    let old = unless(Some("TeamRemoved"), Position(1));
    failed(&guarded(&*log, "old", old).await, old);
    guarded(&*log, "fresh", unless(Some("TeamRemoved"), log.head().await.unwrap())).await.unwrap();
}
