//! A server that is killed right after a step was recorded: the next one goes on from there, and does no step twice.

use std::time::Duration;

use sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::common::{Answer, Home, eventually};
use crate::endings::{NO_WORKERS, month_is};
use crate::shop::{Shop, standard, told};

async fn tell(shop: &Shop, message: &str, body: &Value) -> Answer {
    shop.client.send(shop.signed(message, &body.to_string())).await
}

/// A callback that overtakes the backend's answer, and nobody who could say whose it is.
#[tokio::test(flavor = "multi_thread")]
async fn killed_with_a_callback_that_waits_for_its_payment() {
    let mut shop = Shop::open_with(standard(), Home::embedded(), NO_WORKERS).await;
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
    assert_eq!(shop.subscription().await["period_end"], lifted["period_end"]);
    assert_eq!(shop.history().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_a_conflict() {
    let mut shop = Shop::open_with(standard(), Home::embedded(), NO_WORKERS).await;
    let payment = shop.begun().await;
    let short = json!({
        "external_payment_id": payment["external_payment_id"], "status": "completed", "amount": 1999,
        "currency": "XOF",
    });
    tell(&shop, "short", &short).await.ok();
    shop.kill().await;
    shop.restart(NO_WORKERS).await;
    let flags = json!({ "unknown": false, "conflicted": true, "refund_due": false });
    eventually("the conflict", || async {
        let now = shop.status(&payment).await;
        if now["flags"] == flags { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    let head = shop.client.head().await;
    tell(&shop, "short", &short).await.ok();
    assert_eq!(shop.client.head().await, head, "the same message");
    tell(&shop, "short-again", &short).await.ok();
    assert_eq!(shop.client.head().await, head, "the same words");
    assert_eq!(shop.subscription().await["plan"], "free");
}

/// Two payments for one month: the first counted as failed when the second began, and both are paid. The server is
/// killed again and again while it makes a plan of the one and a refund of the other.
async fn killed_while_it_settles(home: Home) {
    let config = SandboxConfig { settle_after: Duration::from_secs(3_600), ..standard() };
    let mut shop = Shop::open_with(config, home, NO_WORKERS).await;
    let first = shop.begun().await;
    tell(&shop, "failed", &serde_json::from_str(&told(&first, "failed")).unwrap()).await.ok();
    let second = shop.begun().await;
    for payment in [&second, &first] {
        shop.press(payment, "pay").await;
        shop.becomes(payment, "completed").await;
    }
    for round in 0..6 {
        shop.kill().await;
        shop.restart("").await;
        tokio::time::sleep(Duration::from_millis(round * 20)).await;
    }
    shop.lifted().await;
    let due = async || {
        let mut due = Vec::new();
        for payment in [&first, &second] {
            due.push(shop.status(payment).await["flags"]["refund_due"] == json!(true));
        }
        due
    };
    let one_is_due = async || {
        eventually("one refund that is due", || async {
            let due = due().await;
            if due.iter().filter(|due| **due).count() == 1 { Ok(due) } else { Err(format!("{due:?}")) }
        })
        .await
    };
    let settled = one_is_due().await;
    month_is(&shop, 1).await;
    // And nothing more comes of either.
    let report = shop.home.json("jobs run settle --json").await;
    assert_eq!(report["report"], "0 activated, 0 to be refunded");
    assert_eq!(one_is_due().await, settled);
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
