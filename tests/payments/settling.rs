//! A server that is killed while money becomes a plan, a refund, a conflict, or waits for its payment.

use std::time::Duration;

use serde_json::{Value, json};

use crate::brake::{Brake, recorded};
use crate::common::{Answer, Home, eventually};
use crate::endings::{NO_WORKERS, month_is};
use crate::shop::{Shop, standard, told};

pub(crate) async fn tell(shop: &Shop, message: &str, body: &Value) -> Answer {
    shop.client.send(shop.signed(message, &body.to_string())).await
}

async fn nothing_is_left_to_settle(shop: &Shop) {
    let report = shop.home.json("jobs run settle --json").await;
    assert_eq!(report["report"], "0 activated, 0 to be refunded");
}

/// A callback that overtakes the backend's answer, and nobody who could say whose it is.
async fn killed_with_a_callback_that_waits_for_its_payment(home: Home) {
    let mut shop = Shop::open_with(standard(), home, NO_WORKERS).await;
    shop.behave(json!({ "initiate": { "answer": "drop", "times": 3 } }));
    let lost = shop.initiate().await;
    assert_eq!(lost.status, 202, "{lost:?}");
    let external = shop.sandbox.payments()[0].external_payment_id.clone();
    let paid = json!({ "external_payment_id": external, "status": "completed" });
    let waits = tell(&shop, "paid", &paid).await.ok();
    assert_eq!(waits["payment_id"], Value::Null, "nobody knows it yet");
    shop.kill().await;
    shop.restart("").await;
    // The reconciler asks for it once more, and gets its name.
    shop.becomes(&lost.json(), "completed").await;
    let lifted = shop.lifted().await;
    month_is(&shop, 1).await;
    let again = tell(&shop, "paid", &paid).await;
    assert_eq!(again.status, 200, "{again:?}");
    nothing_is_left_to_settle(&shop).await;
    assert_eq!(shop.subscription().await["period_end"], lifted["period_end"]);
    assert_eq!(shop.history().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_a_callback_that_waits_on_the_embedded_store() {
    killed_with_a_callback_that_waits_for_its_payment(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_a_callback_that_waits_on_postgres() {
    killed_with_a_callback_that_waits_for_its_payment(Home::postgres().await).await;
}

async fn killed_after_a_conflict(home: Home) {
    let mut shop = Shop::open_with(standard(), home, NO_WORKERS).await;
    let payment = shop.begun().await;
    let short = json!({
        "external_payment_id": payment["external_payment_id"], "status": "completed", "amount": 1999,
        "currency": "XOF",
    });
    tell(&shop, "short", &short).await.ok();
    shop.kill().await;
    // Now with those who would make a plan of it if they could.
    shop.restart("").await;
    let flags = json!({ "unknown": false, "conflicted": true, "refund_due": false });
    eventually("the conflict", || async {
        let now = shop.status(&payment).await;
        if now["flags"] == flags { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    nothing_is_left_to_settle(&shop).await;
    let head = shop.client.head().await;
    tell(&shop, "short", &short).await.ok();
    assert_eq!(shop.client.head().await, head, "the same message");
    tell(&shop, "short-again", &short).await.ok();
    assert_eq!(shop.client.head().await, head, "the same words");
    nothing_is_left_to_settle(&shop).await;
    assert_eq!(shop.subscription().await["plan"], "free");
    let plans = recorded(&shop.home).await.iter().filter(|event| event.starts_with("Plan")).count();
    assert_eq!(plans, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_a_conflict_on_the_embedded_store() {
    killed_after_a_conflict(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_a_conflict_on_postgres() {
    killed_after_a_conflict(Home::postgres().await).await;
}

/// Two payments for one month, both paid: the first counted as failed when the second began. Nobody has settled them.
pub(crate) async fn both_paid(shop: &Shop) -> [Value; 2] {
    let first = shop.begun().await;
    tell(shop, "failed", &serde_json::from_str(&told(&first, "failed")).unwrap()).await.ok();
    let second = shop.begun().await;
    for payment in [&second, &first] {
        shop.press(payment, "pay").await;
        shop.becomes(payment, "completed").await;
    }
    [first, second]
}

/// Which of the payments are due for a refund.
async fn due(shop: &Shop, payments: &[Value; 2]) -> [bool; 2] {
    let mut due = [false; 2];
    for (due, payment) in due.iter_mut().zip(payments) {
        *due = shop.status(payment).await["flags"]["refund_due"] == json!(true);
    }
    due
}

pub(crate) async fn one_is_due(shop: &Shop, payments: &[Value; 2]) -> [bool; 2] {
    eventually("one refund that is due", || async {
        let due = due(shop, payments).await;
        if due.iter().filter(|due| **due).count() == 1 { Ok(due) } else { Err(format!("{due:?}")) }
    })
    .await
}

/// The server is killed with the plan recorded and the refund not, and then with both.
async fn killed_between_a_plan_and_a_refund(home: Home) {
    let mut shop = Shop::open_with(standard(), home, NO_WORKERS).await;
    let payments = both_paid(&shop).await;
    shop.kill().await;
    let brake = Brake::before(&shop.home, "RefundDue").await;
    shop.restart("").await;
    brake.reached(&shop.home).await;
    let lifted = shop.lifted().await;
    assert_eq!(due(&shop, &payments).await, [false, false]);
    shop.kill().await;
    brake.release(&shop.home).await;
    shop.restart("").await;
    let settled = one_is_due(&shop, &payments).await;
    let events = recorded(&shop.home).await;
    for _ in 0..2 {
        shop.kill().await;
        shop.restart("").await;
        nothing_is_left_to_settle(&shop).await;
        assert_eq!(one_is_due(&shop, &payments).await, settled);
        assert_eq!(shop.subscription().await, lifted);
        assert_eq!(recorded(&shop.home).await, events);
    }
    month_is(&shop, 1).await;
    for (event, times) in [("PlanActivated", 1), ("RefundDue", 1), ("PaymentCompleted", 2)] {
        assert_eq!(events.iter().filter(|found| *found == event).count(), times, "{event}: {events:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_a_plan_and_a_refund_on_the_embedded_store() {
    killed_between_a_plan_and_a_refund(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_a_plan_and_a_refund_on_postgres() {
    killed_between_a_plan_and_a_refund(Home::postgres().await).await;
}

/// The server is killed again and again while it makes a plan of the one and a refund of the other.
async fn killed_while_it_settles(home: Home) {
    let mut shop = Shop::open_with(standard(), home, NO_WORKERS).await;
    let payments = both_paid(&shop).await;
    for round in 0..6 {
        shop.kill().await;
        shop.restart("").await;
        tokio::time::sleep(Duration::from_millis(round * 20)).await;
    }
    shop.lifted().await;
    let settled = one_is_due(&shop, &payments).await;
    month_is(&shop, 1).await;
    // And nothing more comes of either.
    nothing_is_left_to_settle(&shop).await;
    assert_eq!(one_is_due(&shop, &payments).await, settled);
    month_is(&shop, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_settles_on_the_embedded_store() {
    killed_while_it_settles(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_settles_on_postgres() {
    killed_while_it_settles(Home::postgres().await).await;
}
