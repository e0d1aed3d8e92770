//! The three endpoints: what they take, answer and refuse.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use servelink_sandbox::{PHONE_NUMBER, SandboxConfig, Signing, Status};

use crate::rig::{PATIENCE, Rig, id, json_of, patient, quick};

#[tokio::test]
async fn an_order_is_answered_with_where_to_pay() {
    let rig = Rig::start(patient()).await;
    let answer = rig.initiate("3.0", "EUR").send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let text = answer.text().await.unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let id = id(&answer);
    assert_eq!(answer["status"], "pending");
    assert_eq!(answer["payment_url"], json!(format!("{}/pay/{id}", rig.sandbox.url())));
    assert!(answer["qr_code"].as_str().unwrap().starts_with("data:image/png;base64,iVBOR"), "{answer}");
    let expires_at: DateTime<Utc> = answer["expires_at"].as_str().unwrap().parse().unwrap();
    let left = expires_at - Utc::now();
    assert!(left > TimeDelta::minutes(14) && left <= TimeDelta::minutes(15), "{left}");
    assert_eq!(answer.as_object().unwrap().len(), 5);
    let payment = &rig.sandbox.payments()[0];
    assert_eq!((payment.payment_id.as_str(), payment.amount.as_str()), ("0199-ours", "3.00"));
    assert_eq!(rig.http.get(answer["payment_url"].as_str().unwrap()).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn qr_codes_and_where_payers_go_may_be_chosen() {
    let public_url = Some("https://pay.example/sandbox/".to_owned());
    let rig = Rig::start(SandboxConfig { draws_qr: false, public_url, ..patient() }).await;
    let answer = json_of(rig.initiate("3.0", "EUR").send().await.unwrap()).await;
    assert!(answer.get("qr_code").is_none());
    assert_eq!(answer["payment_url"], json!(format!("https://pay.example/sandbox/pay/{}", id(&answer))));
    assert!(rig.sandbox.url().starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn amounts_are_exact_in_every_form() {
    let rig = Rig::start(patient()).await;
    for (amount, currency, exact) in
        [("3", "EUR", "3.00"), ("3.10", "EUR", "3.10"), ("2e3", "XOF", "2000"), ("1.005", "TND", "1.005")]
    {
        rig.ordered(amount, currency).await;
        let payment = rig.sandbox.payments().pop().unwrap();
        assert_eq!((payment.amount.as_str(), payment.currency.as_str()), (exact, currency));
    }
}

#[tokio::test]
async fn nobody_is_let_in_without_a_key() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("5.00", "EUR").await;
    let order = rig.order("5.00", "EUR");
    for (method, path) in [
        (Method::POST, "/api/v1/payments/initiate".to_owned()),
        (Method::GET, format!("/api/v1/payments/{id}/status")),
        (Method::POST, format!("/api/v1/payments/{id}/cancel")),
    ] {
        let ask = || rig.open(method.clone(), &path).body(order.clone());
        for refused in
            [ask(), ask().bearer_auth("key-on"), ask().bearer_auth(""), ask().basic_auth("key-one", Some(""))]
        {
            assert_eq!(refused.send().await.unwrap().status(), 401, "{path}");
        }
        let second = ask().header("authorization", "bearer key-two").send().await.unwrap();
        assert!(second.status().is_success(), "{path}");
    }
    let nobody = Rig::start(SandboxConfig { api_keys: vec![], ..patient() }).await;
    assert_eq!(nobody.initiate("3.0", "EUR").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_is_wrong_with_an_order_is_said() {
    let rig = Rig::start(patient()).await;
    let whole: Value = serde_json::from_str(&rig.order("3.5", "EUR")).unwrap();
    let with = |field: &str, value: Value| {
        let mut order = whole.clone();
        order[field] = value;
        order.to_string()
    };
    let without = |field: &str| {
        let mut order = whole.clone();
        order.as_object_mut().unwrap().remove(field);
        order.to_string()
    };
    let mut wrong = vec![
        ("JSON".to_owned(), "{".to_owned()),
        ("amount must be a JSON number".to_owned(), with("amount", json!("3.0"))),
        ("amount must be more than 0".to_owned(), with("amount", json!(0))),
        ("amount must be more than 0".to_owned(), with("amount", json!(-3))),
        ("amount has more than the 2".to_owned(), with("amount", json!(3.001))),
        ("amount has more than the 0".to_owned(), rig.order("2000.5", "XOF")),
        ("currency".to_owned(), with("currency", json!("eur"))),
        ("credit_card".to_owned(), with("payment_method", json!("cash"))),
        ("callback_url".to_owned(), with("callback_url", json!("/callback"))),
        ("callback_url".to_owned(), with("callback_url", json!("file:///etc/passwd"))),
        ("payment_id".to_owned(), with("payment_id", json!(""))),
        ("payment_id".to_owned(), with("payment_id", json!("x".repeat(256)))),
        ("map".to_owned(), with("metadata", json!("none"))),
    ];
    for field in ["payment_id", "amount", "currency", "payment_method", "metadata", "callback_url"] {
        wrong.push((field.to_owned(), without(field)));
    }
    for (said, body) in wrong {
        let answer = rig.post("/api/v1/payments/initiate").body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let text = answer.text().await.unwrap();
        // JSON's own words for the end of the text.
        let said = if said == "JSON" { "EOF" } else { &said };
        assert!(text.contains(said), "{said}: {text}");
    }
    let markup = with("payment_method", json!("<script>"));
    let text = rig.post("/api/v1/payments/initiate").body(markup).send().await.unwrap().text().await.unwrap();
    assert!(!text.contains("<script>"), "{text}");
    let huge = rig.post("/api/v1/payments/initiate").body("x".repeat(70_000)).send().await.unwrap();
    assert_eq!(huge.status(), 413);
    assert_eq!(rig.sandbox.payments(), []);
}

#[tokio::test]
async fn an_unknown_payment_is_not_found() {
    let rig = Rig::start(patient()).await;
    assert_eq!(rig.status("sbx_none").send().await.unwrap().status(), 404);
    assert_eq!(rig.cancel("sbx_none").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer() {
    let rig = Rig::start(patient()).await;
    let order = |key: &str| rig.initiate("5.00", "EUR").header("idempotency-key", key).send();
    let [first, again, other] =
        [order("p:1").await, order("p:1").await, order("p:2").await].map(Result::unwrap);
    assert_eq!((first.status().as_u16(), again.status().as_u16()), (201, 201));
    let first = json_of(first).await;
    assert_eq!(json_of(again).await, first);
    assert_ne!(id(&json_of(other).await), id(&first));
    // Without one, each order is a payment of its own: two links for one payment_id.
    assert_ne!(rig.ordered("5.00", "EUR").await, rig.ordered("5.00", "EUR").await);
    assert_eq!(rig.sandbox.payments().len(), 4);
    // Also in parallel.
    let answers = futures::future::join_all((0..50).map(|_| order("p:3"))).await;
    let first = json_of(order("p:3").await.unwrap()).await;
    for answer in answers {
        assert_eq!(json_of(answer.unwrap()).await, first);
    }
    assert_eq!(rig.sandbox.payments().len(), 5);
    for bad in [String::new(), "x".repeat(256)] {
        assert_eq!(order(&bad).await.unwrap().status(), 400);
    }
}

#[tokio::test]
async fn the_status_tells_what_was_captured() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("2000", "XOF").await;
    assert_eq!(
        rig.told(&id).await,
        json!({ "external_payment_id": id, "status": "pending", "metadata": {} })
    );
    rig.press(&id, "pay").await;
    let answer = rig.status(&id).send().await.unwrap().text().await.unwrap();
    assert!(answer.contains(r#""amount":2000,"currency":"XOF""#), "{answer}");
    let told = rig.told(&id).await;
    assert_eq!(told["status"], "completed");
    assert_eq!(told["metadata"], json!({ "provider": "orange_money", "phone_number": PHONE_NUMBER }));
    let completed_at: DateTime<Utc> = told["completed_at"].as_str().unwrap().parse().unwrap();
    assert!(Utc::now() - completed_at < TimeDelta::minutes(1));
    assert!(told["transaction_id"].is_string() && told["provider_reference"].is_string());
}

#[tokio::test]
async fn a_card_has_no_phone() {
    let rig = Rig::start(patient()).await;
    let order = rig.order("5.00", "EUR").replace("mobile_money", "credit_card");
    let id = id(&json_of(rig.post("/api/v1/payments/initiate").body(order).send().await.unwrap()).await);
    rig.press(&id, "pay").await;
    assert_eq!(rig.told(&id).await["metadata"], json!({ "provider": "stripe" }));
}

#[tokio::test]
async fn an_old_backend_tells_no_amount() {
    let rig = Rig::start(SandboxConfig { tells_amounts: false, ..patient() }).await;
    let id = rig.ordered("5.00", "EUR").await;
    rig.press(&id, "pay").await;
    let told = rig.told(&id).await;
    assert_eq!(told["status"], "completed");
    assert!(told.get("amount").is_none() && told.get("currency").is_none(), "{told}");
    for callback in rig.receiver.wait(2).await {
        let body = callback.json();
        let mut fields: Vec<&String> = body.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(fields, ["external_payment_id", "metadata", "status"]);
    }
}

#[tokio::test]
async fn what_is_open_can_be_cancelled_and_what_is_paid_cannot() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("5.00", "EUR").await;
    let answer = json_of(rig.cancel(&id).send().await.unwrap()).await;
    let cancelled_at = answer["cancelled_at"].as_str().unwrap().to_owned();
    assert!(cancelled_at.parse::<DateTime<Utc>>().is_ok());
    let expected = json!({ "external_payment_id": id, "status": "cancelled", "cancelled_at": cancelled_at });
    assert_eq!(answer, expected);
    assert_eq!(rig.told(&id).await["status"], "cancelled");
    assert_eq!(rig.receiver.statuses(1).await, ["cancelled"]);
    // The contract refuses what is completed or failed; what is cancelled already stays so.
    assert_eq!(json_of(rig.cancel(&id).send().await.unwrap()).await, expected);
    for (button, status) in [("pay", "completed"), ("fail", "failed")] {
        let id = rig.ordered("5.00", "EUR").await;
        rig.press(&id, button).await;
        let answer = rig.cancel(&id).header("idempotency-key", "c").send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert!(answer.text().await.unwrap().contains(status));
        assert_eq!(rig.told(&id).await["status"], status);
    }
}

#[tokio::test]
async fn payments_are_listed_with_their_callbacks() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("0.01", "EUR").await;
    let callbacks =
        rig.callbacks(|callbacks| callbacks.len() == 2 && callbacks.iter().all(|one| one.taken)).await;
    assert_eq!(
        callbacks.iter().map(|one| one.status).collect::<Vec<_>>(),
        [Status::Processing, Status::Completed]
    );
    let listed = json_of(rig.open(Method::GET, "/sandbox/payments").send().await.unwrap()).await;
    assert_eq!(listed[0]["external_payment_id"], json!(id));
    assert_eq!(listed[0]["amount"], "0.01");
    assert_eq!(
        listed[0]["callbacks"][0],
        json!({ "id": callbacks[0].id, "status": "processing", "tries": 1, "last_answer": 200, "taken": true })
    );
}

#[tokio::test]
async fn a_stopped_sandbox_is_gone() {
    let Rig { sandbox, http, .. } = Rig::start(quick()).await;
    let url = sandbox.url().to_owned();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
    sandbox.stop().await;
    assert!(http.get(&url).send().await.is_err());
}

#[tokio::test]
async fn a_dropped_sandbox_is_gone_soon() {
    let Rig { sandbox, http, .. } = Rig::start(quick()).await;
    let url = sandbox.url().to_owned();
    drop(sandbox);
    let gone = async { while http.get(&url).send().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, gone).await.expect("it still answers");
}

#[tokio::test]
async fn a_secret_that_cannot_be_one_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let signing = Signing::Legacy { secret: "whsec_c4n4ry!".into() };
    let error =
        servelink_sandbox::Sandbox::start(listener, SandboxConfig { signing, ..quick() }).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("c4n4ry"));
}
