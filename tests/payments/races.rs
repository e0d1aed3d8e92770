//! What comes twice, at once or in the wrong order.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use sandbox::{SandboxConfig, Status};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::brake::recorded;
use crate::common::{Home, PATIENCE, eventually};
use crate::endings::NO_WORKERS;
use crate::shop::{Shop, standard, told};

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
    let mut all = BTreeSet::new();
    for keys in [1, 50] {
        let mut orders = JoinSet::new();
        for n in 0..50 {
            let order = shop.order().header("Idempotency-Key", format!("{keys}-keys-{}", n % keys));
            let client = shop.client.clone();
            orders.spawn(async move { client.send(order).await });
        }
        let mut payments = BTreeSet::new();
        while let Some(answer) = orders.join_next().await {
            let answer = answer.unwrap();
            match answer.status {
                200 | 201 => payments.insert(answer.json().to_string()),
                409 if keys == 1 => continue,
                _ => panic!("{answer:?}"),
            };
        }
        assert_eq!(payments.len(), 1, "{keys} keys: {payments:?}");
        let again = shop.client.send(shop.order().header("Idempotency-Key", format!("{keys}-keys-0"))).await;
        assert!([200, 201].contains(&again.status), "{again:?}");
        assert!(payments.contains(&again.json().to_string()), "{again:?} is none of {payments:?}");
        all.append(&mut payments);
    }
    assert_eq!(all.len(), 1, "{all:?}");
    let payment: Value = serde_json::from_str(&all.pop_first().unwrap()).unwrap();
    assert_eq!((&payment["amount"], &payment["currency"]), (&json!(2000), &json!("XOF")));
    assert!(payment["payment_url"].is_string() && payment["qr_code"].is_string(), "{payment}");
    let [ordered] = shop.sandbox.payments().try_into().unwrap();
    assert_eq!((ordered.amount.as_str(), ordered.currency.as_str()), ("2000", "XOF"));
    assert_eq!(payment["external_payment_id"], json!(ordered.external_payment_id));
    assert_eq!(payment["payment_id"], json!(ordered.payment_id));
    let [kept] = shop.history().await.try_into().unwrap();
    assert_eq!(
        (&kept["payment_id"], &kept["payment_method"]),
        (&payment["payment_id"], &json!("mobile_money"))
    );
    let other = json!({ "payment_method": "credit_card", "plan_upgrade": true, "new_plan": "pro" });
    let other = shop.client.as_user(Method::POST, "/api/payments/team-one/initiate").json(&other);
    let reused = shop.client.send(other.header("Idempotency-Key", "1-keys-0")).await;
    assert_eq!(reused.status, 422, "{reused:?}");
}

/// A backend that knows no `Idempotency-Key`, and whose first answer is lost, has the payment twice. The payer gets the
/// second one's link, and the first one's by a message to his phone, say; he pays both.
async fn both_links_are_paid(config: SandboxConfig, home: Home) {
    let shop = Shop::open_with(config, home, "").await;
    shop.behave(json!({ "ignores_keys": true, "initiate": { "answer": "drop", "times": 1 } }));
    let payment = shop.begun().await;
    let [lost, own] = shop.sandbox.payments().try_into().unwrap();
    assert_eq!(payment["external_payment_id"], json!(own.external_payment_id));
    assert_eq!(lost.payment_id, own.payment_id);
    shop.press(&payment, "pay").await;
    shop.becomes(&payment, "completed").await;
    lifted_for_one_month(&shop).await;
    let url = payment["payment_url"].as_str().unwrap();
    let lost = json!({ "payment_url": url.replace(&own.external_payment_id, &lost.external_payment_id) });
    shop.press(&lost, "pay").await;
    let flags = json!({ "unknown": false, "conflicted": true, "refund_due": false });
    eventually("the conflict", || async {
        let now = shop.status(&payment).await;
        if now["flags"] == flags && now["status"] == "completed" { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    lifted_for_one_month(&shop).await;
    let conflicts = recorded(&shop.home).await.into_iter().filter(|event| event == "PaymentConflicted");
    assert_eq!((conflicts.count(), shop.history().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_links_that_are_both_paid_are_one_plan_and_one_conflict() {
    both_links_are_paid(standard(), Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_links_that_are_both_paid_are_one_plan_and_one_conflict_on_postgres() {
    both_links_are_paid(standard(), Home::postgres().await).await;
}

/// What the backend told first: where the payment stands, by its answer to a poll, or that it is paid, by its callback.
#[derive(Debug, PartialEq, Eq)]
enum First {
    Poll,
    Callback,
}

/// A look has the backend asked, since its last answer is 5 seconds old. While that question is under way the payer
/// pays, and the callback is sent `after` so many milliseconds.
async fn a_callback_meets_a_poll(home: Home, status: Value, after: u64) -> First {
    // Nobody asks but who looks, and nobody settles.
    let mut shop = Shop::open_with(standard(), home, NO_WORKERS).await;
    let payment = shop.begun().await;
    shop.behave(json!({ "status": status, "callbacks": { "delay_ms": after, "reorder": true } }));
    let path = format!("/api/payments/{}/status", payment["payment_id"].as_str().unwrap());
    let mut looks = JoinSet::new();
    for _ in 0..8 {
        let (path, client) = (path.clone(), shop.client.clone());
        looks.spawn(async move {
            while client.get(&path).await.ok()["status"] != "completed" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    eventually("the backend to be asked", || async {
        if shop.sandbox.payments()[0].asked > 0 { Ok(()) } else { Err("nobody asks".into()) }
    })
    .await;
    shop.press(&payment, "pay").await;
    let first = eventually("the capture", || async {
        if !recorded(&shop.home).await.iter().any(|event| event == "PaymentCompleted") {
            return Err("not recorded".into());
        }
        let told = shop.sandbox.payments().remove(0);
        Ok(if told.asked > told.answered { First::Callback } else { First::Poll })
    })
    .await;
    eventually("the callback that it is paid", || async {
        let told = shop.sandbox.payments().remove(0);
        let paid = told.callbacks.iter().any(|one| one.status == Status::Completed && one.taken);
        if paid { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    let all_looks = async { while looks.join_next().await.transpose().unwrap().is_some() {} };
    timeout(PATIENCE, all_looks).await.expect("everybody who looks sees it");
    let asked = shop.sandbox.payments()[0].asked;
    assert_eq!(asked, 1, "eight look, one asks");
    let paid = shop.status(&payment).await;
    assert_eq!(paid["status"], "completed");
    assert_eq!(paid["flags"], json!({ "unknown": false, "conflicted": false, "refund_due": false }));
    shop.kill().await;
    shop.restart("").await;
    lifted_for_one_month(&shop).await;
    let report = shop.home.json("jobs run settle --json").await;
    assert_eq!(report["report"], "0 activated, 0 to be refunded");
    lifted_for_one_month(&shop).await;
    assert_eq!(shop.history().await.len(), 1);
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_says_what_its_callback_has_said_changes_nothing() {
    for home in [Home::embedded(), Home::postgres().await] {
        let first = a_callback_meets_a_poll(home, json!({ "delay_ms": 3_000 }), 0).await;
        assert_eq!(first, First::Callback);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_its_callback_has_overtaken_changes_nothing() {
    for home in [Home::embedded(), Home::postgres().await] {
        let first = a_callback_meets_a_poll(home, json!({ "late_ms": 3_000 }), 0).await;
        assert_eq!(first, First::Callback);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_says_what_a_poll_has_said_changes_nothing() {
    for home in [Home::embedded(), Home::postgres().await] {
        assert_eq!(a_callback_meets_a_poll(home, json!({ "delay_ms": 1_000 }), 2_500).await, First::Poll);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_and_a_callback_that_say_the_same_at_once_count_once() {
    let homes = [Home::embedded(), Home::embedded(), Home::embedded(), Home::postgres().await];
    let races = homes.into_iter().zip([570, 585, 600, 585]);
    let races = races.map(|(home, after)| a_callback_meets_a_poll(home, json!({ "delay_ms": 600 }), after));
    futures::future::join_all(races).await;
}
