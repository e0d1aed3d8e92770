//! What each amount makes of a payment.

use std::time::Duration;

use servelink_sandbox::{SandboxConfig, Status};

use crate::rig::{Rig, patient, quick};

#[tokio::test]
async fn one_cent_succeeds_at_once() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("0.01", "EUR").await;
    assert_eq!(rig.told(&id).await["status"], "completed");
    assert_eq!(rig.receiver.statuses(2).await, ["processing", "completed"]);
}

#[tokio::test]
async fn two_cents_fail_at_once() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("0.02", "EUR").await;
    assert_eq!(rig.told(&id).await["status"], "failed");
    assert_eq!(rig.receiver.statuses(1).await, ["failed"]);
}

#[tokio::test]
async fn three_cents_time_out() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("0.03", "EUR").await;
    assert_eq!(rig.told(&id).await["status"], "pending");
    let rig = Rig::start(quick()).await;
    let id = rig.ordered("0.03", "EUR").await;
    assert_eq!(rig.receiver.statuses(1).await, ["cancelled"]);
    assert_eq!(rig.told(&id).await["status"], "cancelled");
}

#[tokio::test]
async fn three_euros_succeed_after_a_while() {
    let rig = Rig::start(quick()).await;
    let id = rig.ordered("3.00", "EUR").await;
    assert_eq!(rig.receiver.statuses(2).await, ["processing", "completed"]);
    assert_eq!(rig.told(&id).await["status"], "completed");
}

#[tokio::test]
async fn three_euros_wait_for_it_unless_the_page_is_used() {
    let rig = Rig::start(SandboxConfig { settle_after: Duration::from_millis(200), ..quick() }).await;
    let id = rig.ordered("3.00", "EUR").await;
    assert_eq!(rig.told(&id).await["status"], "pending");
    rig.press(&id, "fail").await;
    // Another one that is ordered later and settles later shows that the first one's time has passed.
    rig.ordered("3.00", "EUR").await;
    assert_eq!(rig.receiver.statuses(3).await, ["failed", "processing", "completed"]);
    assert_eq!(rig.told(&id).await["status"], "failed");
}

#[tokio::test]
async fn everything_else_waits_for_the_payer_until_it_expires() {
    for (amount, currency) in [("3.01", "EUR"), ("3", "XOF"), ("0.01", "USD"), ("2000", "XOF")] {
        let rig = Rig::start(SandboxConfig { settle_after: Duration::ZERO, ..quick() }).await;
        let id = rig.ordered(amount, currency).await;
        assert_eq!(rig.told(&id).await["status"], "pending", "{amount} {currency}");
        let expires_after = Duration::from_millis(20);
        let rig = Rig::start(SandboxConfig { expires_after, ..patient() }).await;
        rig.ordered(amount, currency).await;
        assert_eq!(rig.receiver.statuses(1).await, ["cancelled"], "{amount} {currency}");
    }
}

#[tokio::test]
async fn what_expires_before_it_would_settle_is_cancelled() {
    let rig = Rig::start(SandboxConfig { expires_after: Duration::from_millis(20), ..patient() }).await;
    rig.ordered("3.00", "EUR").await;
    let payment = rig.payment(|payment| payment.status != Status::Pending).await;
    assert_eq!(payment.status, Status::Cancelled);
}
