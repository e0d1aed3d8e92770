//! Every switch for misbehaviour.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use servelink_sandbox::{Answer, Behaviour, Fault};

use crate::receiver::Received;
use crate::rig::{Rig, id, json_of, patient, quick};

/// Each endpoint's request: to a payment that is open.
async fn requests(rig: &Rig) -> Vec<(&'static str, reqwest::RequestBuilder)> {
    let [one, other] = [rig.ordered("5.00", "EUR").await, rig.ordered("5.00", "EUR").await];
    vec![
        ("initiate", rig.initiate("7.00", "EUR")),
        ("status", rig.status(&one)),
        ("cancel", rig.cancel(&other)),
    ]
}

/// How many payments were ordered at 7.00, and how many are cancelled: the work that requests leave behind.
fn work(rig: &Rig) -> (usize, usize) {
    let payments = rig.sandbox.payments();
    let ordered = payments.iter().filter(|payment| payment.amount == "7.00").count();
    let cancelled =
        payments.iter().filter(|payment| payment.status == servelink_sandbox::Status::Cancelled).count();
    (ordered, cancelled)
}

#[tokio::test]
async fn a_dropped_answer_leaves_the_work_done() {
    let rig = Rig::start(patient()).await;
    for (endpoint, request) in requests(&rig).await {
        rig.behave(json!({ endpoint: { "answer": "drop", "times": 1 } }));
        let error = request.try_clone().unwrap().send().await.unwrap_err();
        assert!(!error.is_timeout() && error.status().is_none(), "{endpoint}: {error:?}");
        assert_eq!(rig.sandbox.behaviour(), Behaviour::default(), "{endpoint}: it was met once");
        if endpoint != "initiate" {
            assert_eq!(request.send().await.unwrap().status(), 200, "{endpoint}: then all is normal");
        }
    }
    assert_eq!(work(&rig), (1, 1));
}

#[tokio::test]
async fn a_lost_order_is_found_again_by_its_key() {
    let rig = Rig::start(patient()).await;
    rig.behave(json!({ "initiate": { "answer": "drop", "times": 2 } }));
    let order = || rig.initiate("7.00", "EUR").header("idempotency-key", "p:1").send();
    assert!(order().await.is_err() && order().await.is_err());
    let answer = json_of(order().await.unwrap()).await;
    assert_eq!(rig.sandbox.payments()[0].external_payment_id, id(&answer));
    assert_eq!(work(&rig), (1, 0));
}

#[tokio::test]
async fn a_hanging_answer_leaves_the_work_done() {
    let rig = Rig::start(patient()).await;
    for (endpoint, request) in requests(&rig).await {
        rig.behave(json!({ endpoint: { "answer": "hang" } }));
        let error = request.timeout(Duration::from_millis(200)).send().await.unwrap_err();
        assert!(error.is_timeout(), "{endpoint}: {error:?}");
    }
    assert_eq!(work(&rig), (1, 1));
}

#[tokio::test]
async fn other_answers_come_instead_of_the_work() {
    let rig = Rig::start(patient()).await;
    for (endpoint, request) in requests(&rig).await {
        for (answer, status) in [
            (json!("html_500"), 500),
            (json!("html_200"), 200),
            (json!({ "status": 503 }), 503),
            (json!({ "status": 429 }), 429),
        ] {
            let html = answer.is_string();
            rig.behave(json!({ endpoint: { "answer": answer } }));
            let answered = request.try_clone().unwrap().send().await.unwrap();
            assert_eq!(answered.status(), status, "{endpoint}");
            let content_type = answered.headers().get("content-type").map(|value| value.to_str().unwrap());
            assert_eq!(content_type.is_some_and(|kind| kind.starts_with("text/html")), html, "{endpoint}");
            assert!(serde_json::from_str::<Value>(&answered.text().await.unwrap()).is_err(), "{endpoint}");
        }
    }
    assert_eq!(work(&rig), (0, 0));
}

#[tokio::test]
async fn delays_delay() {
    let rig = Rig::start(patient()).await;
    for (endpoint, request) in requests(&rig).await {
        rig.behave(json!({ endpoint: { "delay_ms": 60 } }));
        let start = Instant::now();
        assert!(request.send().await.unwrap().status().is_success(), "{endpoint}");
        assert!(start.elapsed() >= Duration::from_millis(60), "{endpoint}");
    }
    rig.behave(json!({ "callbacks": { "delay_ms": 60 } }));
    let start = Instant::now();
    rig.ordered("0.02", "EUR").await;
    // After that of the cancellation, which had no delay.
    rig.receiver.wait(2).await;
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn an_answer_that_is_held_back_tells_what_was() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("5.00", "EUR").await;
    rig.behave(json!({ "status": { "late_ms": 400 } }));
    let asked = tokio::spawn(rig.status(&id).send());
    rig.payment(|payment| payment.asked == 1).await;
    rig.press(&id, "pay").await;
    assert_eq!(rig.receiver.statuses(2).await, ["processing", "completed"]);
    assert_eq!(rig.sandbox.payments()[0].answered, 0, "the answer comes after the callbacks");
    assert_eq!(json_of(asked.await.unwrap().unwrap()).await["status"], "pending");
    assert_eq!(rig.told(&id).await["status"], "completed");
    rig.payment(|payment| (payment.asked, payment.answered) == (2, 2)).await;
}

#[tokio::test]
async fn whoever_ignores_keys_takes_an_order_again() {
    let rig = Rig::start(patient()).await;
    let ordered = || async {
        let order = rig.initiate("5.00", "EUR").header("idempotency-key", "i:1");
        json_of(order.send().await.unwrap()).await["external_payment_id"].clone()
    };
    let first = ordered().await;
    assert_eq!(ordered().await, first);
    rig.behave(json!({ "ignores_keys": true }));
    let others = [ordered().await, ordered().await];
    assert!(others[0] != others[1] && !others.contains(&first), "{others:?}");
    rig.behave(json!({}));
    assert_eq!(ordered().await, first);
    assert_eq!(rig.sandbox.payments().len(), 3);
}

#[tokio::test]
async fn the_switches_are_set_and_shown_over_http() {
    let rig = Rig::start(patient()).await;
    let put = |body: &str| rig.open(Method::PUT, "/sandbox/behaviour").body(body.to_owned()).send();
    let show = || async { json_of(rig.open(Method::GET, "/sandbox/behaviour").send().await.unwrap()).await };
    let normal = show().await;
    assert_eq!(normal["initiate"], json!({ "delay_ms": 0, "answer": "normal", "late_ms": 0, "times": null }));
    assert_eq!(put(r#"{"status": {"answer": {"status": 502}, "times": 2}}"#).await.unwrap().status(), 200);
    let id = rig.ordered("5.00", "EUR").await;
    assert_eq!(rig.status(&id).send().await.unwrap().status(), 502);
    assert_eq!(
        show().await["status"],
        json!({ "delay_ms": 0, "answer": { "status": 502 }, "late_ms": 0, "times": 1 })
    );
    let expected = Fault { answer: Answer::Status(502), times: Some(1), ..Fault::default() };
    assert_eq!(rig.sandbox.behaviour().status, expected);
    // What is not understood changes nothing; what is, replaces all.
    let refused = put(r#"{"initiate": {"answr": "drop"}}"#).await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("answr"));
    assert_eq!(rig.sandbox.behaviour().status, expected);
    put("{}").await.unwrap();
    assert_eq!(show().await, normal);
}

#[tokio::test]
async fn the_payment_wins_the_race_against_its_cancellation() {
    let rig = Rig::start(patient()).await;
    rig.behave(json!({ "cancel_race": "completes_on_cancel" }));
    let id = rig.ordered("5.00", "EUR").await;
    assert_eq!(rig.cancel(&id).send().await.unwrap().status(), 400);
    assert_eq!(rig.told(&id).await["status"], "completed");
    assert_eq!(rig.receiver.statuses(2).await, ["processing", "completed"]);
}

#[tokio::test]
async fn a_confirmed_cancellation_is_completed_all_the_same() {
    let rig = Rig::start(patient()).await;
    rig.behave(json!({ "cancel_race": "cancels_then_completes" }));
    let id = rig.ordered("5.00", "EUR").await;
    let cancel = || rig.cancel(&id).header("idempotency-key", "c:1").send();
    let answer = json_of(cancel().await.unwrap()).await;
    assert_eq!(answer["status"], "cancelled");
    let told = rig.told(&id).await;
    assert_eq!(told["status"], "completed");
    assert_eq!(rig.receiver.statuses(2).await, ["cancelled", "completed"]);
    assert_eq!(json_of(cancel().await.unwrap()).await, answer, "the same key, the same answer");
    assert_eq!(rig.cancel(&id).send().await.unwrap().status(), 400);
    assert_eq!(rig.told(&id).await, told);
}

#[tokio::test]
async fn callbacks_may_be_left_out() {
    let rig = Rig::start(patient()).await;
    rig.behave(json!({ "callbacks": { "none": true } }));
    let id = rig.ordered("0.01", "EUR").await;
    assert_eq!(rig.told(&id).await["status"], "completed");
    assert_eq!(rig.sandbox.payments()[0].callbacks, []);
    rig.behave(json!({}));
    rig.ordered("0.02", "EUR").await;
    assert_eq!(rig.receiver.statuses(1).await, ["failed"]);
}

#[tokio::test]
async fn callbacks_may_come_many_times() {
    let rig = Rig::start(patient()).await;
    rig.behave(json!({ "callbacks": { "duplicate": 99 } }));
    rig.ordered("0.02", "EUR").await;
    let received = rig.receiver.wait(100).await;
    assert!(received.iter().all(|one| one.body == received[0].body), "the same body");
    assert!(received.iter().all(|one| one.header("webhook-id") == received[0].header("webhook-id")));
    let callbacks = rig.callbacks(|callbacks| callbacks[0].tries == 100).await;
    assert!(callbacks.len() == 1 && callbacks[0].taken);
}

#[tokio::test]
async fn callbacks_may_come_in_the_wrong_order() {
    let rig = Rig::start(patient()).await;
    rig.behave(json!({ "callbacks": { "reorder": true } }));
    rig.ordered("0.01", "EUR").await;
    assert_eq!(rig.receiver.statuses(2).await, ["completed", "processing"]);
}

#[tokio::test]
async fn callbacks_may_come_before_the_answer() {
    for (amount, currency, told) in [
        ("0.01", "EUR", &["processing", "completed"][..]),
        ("0.02", "EUR", &["failed"]),
        ("0.03", "EUR", &["cancelled"]),
        ("3.00", "EUR", &["processing", "completed"]),
        ("2000", "XOF", &["processing", "completed"]),
    ] {
        let rig = Rig::start(patient()).await;
        rig.behave(json!({ "callbacks": { "before_answer": true, "delay_ms": 20 } }));
        let answer = json_of(rig.initiate(amount, currency).send().await.unwrap()).await;
        assert_eq!(answer["status"], "pending");
        let received: Vec<String> = rig.receiver.so_far().iter().map(Received::status).collect();
        assert_eq!(received, told, "{amount} {currency}");
    }
}

#[tokio::test]
async fn callbacks_before_the_answer_survive_a_client_that_goes_away() {
    let rig = Rig::start(quick()).await;
    rig.behave(json!({ "callbacks": { "before_answer": true, "delay_ms": 150 } }));
    let order = rig.initiate("3.00", "EUR").timeout(Duration::from_millis(50));
    assert!(order.send().await.unwrap_err().is_timeout());
    assert_eq!(rig.receiver.statuses(2).await, ["processing", "completed"]);
}

#[tokio::test]
async fn what_is_captured_may_be_wrong() {
    for (wrong, asked, captured) in [
        ("wrong_amount", ("3.00", "EUR"), r#""amount":2.99,"currency":"EUR""#),
        ("wrong_amount", ("2000", "XOF"), r#""amount":1999,"currency":"XOF""#),
        ("wrong_currency", ("3.00", "EUR"), r#""amount":3.00,"currency":"USD""#),
        ("wrong_currency", ("2000", "XOF"), r#""amount":2000,"currency":"XAF""#),
    ] {
        let rig = Rig::start(patient()).await;
        rig.behave(json!({ "callbacks": { wrong: true } }));
        let id = rig.ordered(asked.0, asked.1).await;
        rig.press(&id, "pay").await;
        let status = rig.status(&id).send().await.unwrap().text().await.unwrap();
        assert!(status.contains(captured), "{status}");
        let callback = String::from_utf8(rig.receiver.wait(2).await[1].body.to_vec()).unwrap();
        assert!(callback.contains(captured), "{callback}");
    }
}
