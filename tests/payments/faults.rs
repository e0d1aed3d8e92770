//! A backend that loses answers, hangs, talks nonsense or is not there.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::eventually;
use crate::shop::Shop;

/// A payment of which nobody knows whether the backend has it.
async fn lost(shop: &Shop, initiate: Value) -> Value {
    shop.behave(json!({ "initiate": initiate }));
    let begun = Instant::now();
    let answer = shop.initiate().await;
    assert!(begun.elapsed() < Duration::from_secs(28), "{:?}", begun.elapsed());
    assert_eq!(answer.status, 202, "{answer:?}");
    let payment = answer.json();
    assert_eq!((&payment["payment_url"], &payment["status"]), (&Value::Null, &json!("pending")));
    if initiate.get("times").is_none() {
        assert_eq!(shop.status(&payment).await["flags"]["unknown"], json!(true));
    }
    shop.behave(json!({}));
    payment
}

/// It is found by the reconciler, and paid.
async fn found_and_paid(shop: &Shop, payment: &Value) {
    let known = eventually("the backend's name of the payment", || async {
        let again = shop.initiate().await.ok();
        assert_eq!(again["payment_id"], payment["payment_id"], "it is the team's open payment");
        if again["payment_url"].is_string() { Ok(again) } else { Err(again.to_string()) }
    })
    .await;
    shop.press(&known, "pay").await;
    shop.becomes(payment, "completed").await;
    shop.lifted().await;
    assert_eq!(shop.sandbox.payments().len(), 1, "the backend has it once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_found_again() {
    let shop = Shop::open().await;
    let payment = lost(&shop, json!({ "answer": "drop", "times": 3 })).await;
    found_and_paid(&shop, &payment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_hangs_costs_a_bounded_time() {
    let shop = Shop::open().await;
    let payment = lost(&shop, json!({ "answer": "hang" })).await;
    found_and_paid(&shop, &payment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_and_internal_errors_leave_the_payment_as_it_is() {
    for answer in [json!("html_200"), json!("html_500"), json!({ "status": 503 })] {
        let shop = Shop::open().await;
        let payment = lost(&shop, json!({ "answer": answer })).await;
        found_and_paid(&shop, &payment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_fails_is_left_alone_after_a_while_and_nothing_is_recorded_then() {
    let shop = Shop::open().await;
    let fault = json!({ "answer": { "status": 503 } });
    shop.behave(json!({ "initiate": fault, "status": fault }));
    is_left_alone(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_one_that_is_down() {
    // Nobody listens at the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shop = Shop::open().await.with(&[("PAYMENT_BACKEND_URL", &format!("http://{gone}"))]).await;
    is_left_alone(&shop).await;
}

async fn is_left_alone(shop: &Shop) {
    assert_eq!(shop.initiate().await.status, 202);
    let (path, other) = shop.another_team().await;
    // Whoever asks again has the backend asked again, every few seconds; that opens the breaker.
    eventually("the breaker", || async {
        assert_eq!(shop.initiate().await.status, 202);
        if shop.home.log().contains("it is not asked for a while") { Ok(()) } else { Err("not yet".into()) }
    })
    .await;
    let order = json!({ "payment_method": "mobile_money", "plan_upgrade": true, "new_plan": "pro" });
    let head = shop.client.head().await;
    let answer = other.send(other.as_user(Method::POST, &path).json(&order)).await;
    assert!(answer.status == 503 && answer.text.contains("payment backend"), "{answer:?}");
    assert_eq!(shop.client.head().await, head, "nothing is recorded");
    // What is under way needs no backend to be told of.
    assert_eq!(shop.initiate().await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_fails_the_payment_and_says_so() {
    let shop = Shop::open().await;
    shop.behave(json!({ "initiate": { "answer": { "status": 400 } } }));
    let answer = shop.initiate().await;
    assert_eq!(answer.status, 502, "{answer:?}");
    eventually("the failed payment", || async {
        let history = shop.history().await;
        if history.iter().any(|payment| payment["status"] == "failed") {
            Ok(())
        } else {
            Err(format!("{history:?}"))
        }
    })
    .await;
    shop.behave(json!({}));
    assert_eq!(shop.initiate().await.status, 201, "another try is another payment");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_callback_is_made_good_by_asking() {
    let shop = Shop::open().await;
    shop.behave(json!({ "callbacks": { "none": true } }));
    let payment = shop.begun().await;
    shop.press(&payment, "pay").await;
    // Nobody looks at the payment: the reconciler asks by itself.
    shop.lifted().await;
    assert_eq!(shop.history().await[0]["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_was_not_heard_is_said_again() {
    let shop = Shop::open().await;
    let payment = shop.begun().await;
    shop.behave(json!({ "cancel": { "answer": { "status": 500 }, "times": 1 } }));
    let cancel = format!("/api/payments/{}/cancel", payment["payment_id"].as_str().unwrap());
    let answer = shop.client.send(shop.client.as_user(Method::POST, &cancel)).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    shop.becomes(&payment, "cancelled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_money_than_asked_is_a_conflict_and_no_plan() {
    for wrong in ["wrong_amount", "wrong_currency"] {
        let shop = Shop::open().await;
        let payment = shop.begun().await;
        shop.behave(json!({ "callbacks": { wrong: true } }));
        shop.press(&payment, "pay").await;
        eventually("the conflict", || async {
            let now = shop.status(&payment).await;
            if now["flags"]["conflicted"] == json!(true) { Ok(()) } else { Err(now.to_string()) }
        })
        .await;
        assert_ne!(shop.status(&payment).await["status"], "completed");
        assert_eq!(shop.subscription().await["plan"], "free");
    }
}
