//! What comes twice, at once or in the wrong order.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::common::eventually;
use crate::shop::{Shop, told};

/// What the log says of each call to the backend.
const ASKED: &str = "asked the payment backend";

/// The end of the one month that was paid.
async fn lifted_for_one_month(shop: &Shop) {
    let now = shop.lifted().await;
    let instant =
        |field: &str| now[field].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let days = (instant("period_end") - instant("since")).num_days();
    assert!((28..=31).contains(&days), "{now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_may_come_before_the_answer_to_its_order() {
    let shop = Shop::open().await;
    shop.behave(json!({ "callbacks": { "before_answer": true } }));
    let payment = shop.begun().await;
    assert_eq!(payment["status"], "completed");
    assert!(payment["payment_url"].is_string());
    lifted_for_one_month(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_a_hundred_times_at_once_counts_once() {
    let shop = Shop::open().await;
    shop.behave(json!({ "callbacks": { "duplicate": 99 } }));
    let payment = shop.begun().await;
    shop.press(&payment, "pay").await;
    shop.becomes(&payment, "completed").await;
    lifted_for_one_month(&shop).await;
    eventually("all of them to be answered", || async {
        let payments = shop.sandbox.payments();
        let open = payments.iter().flat_map(|payment| &payment.callbacks).filter(|callback| !callback.taken);
        match open.count() {
            0 => Ok(()),
            open => Err(format!("{open} are not")),
        }
    })
    .await;
    lifted_for_one_month(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completed_is_for_ever() {
    let shop = Shop::open().await;
    shop.behave(json!({ "callbacks": { "reorder": true } }));
    let payment = shop.begun().await;
    shop.press(&payment, "pay").await;
    shop.becomes(&payment, "completed").await;
    for status in ["processing", "failed", "cancelled", "pending"] {
        let answer = shop.client.send(shop.signed(&format!("late-{status}"), &told(&payment, status))).await;
        assert_eq!((answer.status, answer.json()["status"].clone()), (200, json!("completed")), "{answer:?}");
    }
    lifted_for_one_month(&shop).await;
}

async fn cancel(shop: &Shop, payment: &Value) -> crate::common::Answer {
    let path = format!("/api/payments/{}/cancel", payment["payment_id"].as_str().unwrap());
    shop.client.send(shop.client.as_user(Method::POST, &path)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_comes_too_late_says_what_came_instead() {
    let shop = Shop::open().await;
    let payment = shop.begun().await;
    shop.behave(json!({ "cancel_race": "completes_on_cancel" }));
    let answer = cancel(&shop, &payment).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.text.contains("completed"), "{answer:?}");
    lifted_for_one_month(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_comes_after_a_cancellation_is_a_plan_or_a_refund() {
    let shop = Shop::open().await;
    let first = shop.begun().await;
    shop.behave(json!({ "cancel_race": "cancels_then_completes" }));
    assert_eq!(cancel(&shop, &first).await.status, 200);
    shop.becomes(&first, "completed").await;
    lifted_for_one_month(&shop).await;

    // The same, but its month is paid by another payment before anybody hears of it.
    shop.behave(json!({ "cancel_race": "cancels_then_completes", "callbacks": { "delay_ms": 3_000 } }));
    let second = shop.begun().await;
    assert_eq!(cancel(&shop, &second).await.status, 200);
    shop.behave(json!({}));
    let third = shop.begun().await;
    shop.press(&third, "pay").await;
    shop.becomes(&third, "completed").await;
    let refunded = eventually("the refund that is due", || async {
        let now = shop.status(&second).await;
        if now["flags"]["refund_due"] == json!(true) { Ok(now) } else { Err(now.to_string()) }
    })
    .await;
    assert_eq!(refunded["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_orders_at_once_are_one_payment() {
    let shop = Shop::open().await;
    for keys in [1, 50] {
        let mut orders = JoinSet::new();
        for n in 0..50 {
            let order = shop.order().header("Idempotency-Key", format!("{keys}-keys-{}", n % keys));
            let client = shop.client.clone();
            orders.spawn(async move { client.send(order).await });
        }
        let mut ids = BTreeSet::new();
        while let Some(answer) = orders.join_next().await {
            let answer = answer.unwrap();
            match answer.status {
                200 | 201 => ids.insert(answer.json()["payment_id"].to_string()),
                409 if keys == 1 => continue,
                _ => panic!("{answer:?}"),
            };
        }
        assert_eq!(ids.len(), 1, "{keys} keys");
        let again = shop.client.send(shop.order().header("Idempotency-Key", format!("{keys}-keys-0"))).await;
        assert!([200, 201].contains(&again.status) && again.json()["payment_url"].is_string(), "{again:?}");
        assert!(ids.contains(&again.json()["payment_id"].to_string()), "{again:?}");
    }
    assert_eq!(shop.sandbox.payments().len(), 1);
    let other = json!({ "payment_method": "credit_card", "plan_upgrade": true, "new_plan": "pro" });
    let other = shop.client.as_user(Method::POST, "/api/payments/team-one/initiate").json(&other);
    let reused = shop.client.send(other.header("Idempotency-Key", "1-keys-0")).await;
    assert_eq!(reused.status, 422, "{reused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_links_that_are_both_paid_are_one_plan_and_one_conflict() {
    let shop = Shop::open().await;
    let payment = shop.begun().await;
    shop.press(&payment, "pay").await;
    shop.becomes(&payment, "completed").await;
    let second = json!({
        "external_payment_id": "second-link", "status": "completed", "payment_id": payment["payment_id"],
        "amount": 2000, "currency": "XOF",
    });
    assert_eq!(shop.client.send(shop.signed("second", &second.to_string())).await.status, 200);
    eventually("the conflict", || async {
        let now = shop.status(&payment).await;
        if now["flags"]["conflicted"] == json!(true) { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    lifted_for_one_month(&shop).await;
}

/// Whoever looks has the backend asked once its last answer is 5 seconds old: just then the callback comes.
#[tokio::test(flavor = "multi_thread")]
async fn polls_and_callbacks_at_once_come_to_one_end() {
    let races = [4_800, 4_950, 5_100].map(|delay_ms| async move {
        let shop = Shop::open().await;
        shop.behave(json!({ "callbacks": { "delay_ms": delay_ms } }));
        let payment = shop.begun().await;
        let mut looks = JoinSet::new();
        for _ in 0..8 {
            let path = format!("/api/payments/{}/status", payment["payment_id"].as_str().unwrap());
            let client = shop.client.clone();
            looks.spawn(async move {
                while client.get(&path).await.ok()["status"] != "completed" {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        shop.press(&payment, "pay").await;
        while let Some(look) = looks.join_next().await {
            look.unwrap();
        }
        lifted_for_one_month(&shop).await;
        let log = shop.home.log();
        log.lines().filter(|line| line.contains(ASKED) && line.contains("status")).count()
    });
    let polls: Vec<usize> = futures::future::join_all(races).await;
    assert!(polls.iter().sum::<usize>() >= 1, "nobody has asked the backend: {polls:?}");
}
