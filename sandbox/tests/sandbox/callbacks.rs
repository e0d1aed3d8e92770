//! What is told, how it is signed, and how often it is tried.

use ring::hmac;
use serde_json::{Value, json};
use servelink_sandbox::{PHONE_NUMBER, SandboxConfig, Signing};
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::receiver::Received;
use crate::rig::{PATIENCE, Rig, SECRET, patient};

fn verifies(received: &Received, webhook: &Webhook) -> bool {
    webhook.verify(&received.body, &received.headers).is_ok()
}

#[tokio::test]
async fn a_callback_tells_what_the_contract_says() {
    let rig = Rig::start(patient()).await;
    let id = rig.ordered("5.5", "EUR").await;
    rig.press(&id, "pay").await;
    let received = rig.receiver.wait(2).await;
    assert_eq!(
        received[0].json(),
        json!({ "external_payment_id": id, "status": "processing", "payment_id": "0199-ours",
            "metadata": { "provider": "orange_money", "phone_number": PHONE_NUMBER } })
    );
    let told = rig.told(&id).await;
    let body = received[1].json();
    assert_eq!((&body["status"], &body["currency"]), (&json!("completed"), &json!("EUR")));
    assert!(received[1].body.windows(13).any(|text| text == br#""amount":5.50"#), "{body}");
    for field in ["transaction_id", "provider_reference", "completed_at"] {
        assert!(told[field].is_string());
        assert_eq!(body["metadata"][field], told[field], "{field}");
    }
    assert_eq!(received[1].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn standard_signatures_are_good() {
    let with_prefix = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let of_text = Webhook::from_bytes(SECRET.as_bytes().to_vec()).unwrap();
    for (secret, webhook) in [(SECRET, &of_text), (with_prefix, &Webhook::new(with_prefix).unwrap())] {
        let signing = Signing::Standard { secret: secret.into() };
        let rig = Rig::start(SandboxConfig { signing, ..patient() }).await;
        rig.ordered("0.01", "EUR").await;
        let received = rig.receiver.wait(2).await;
        for callback in &received {
            assert!(verifies(callback, webhook), "{callback:?}");
            let id = callback.header("webhook-id").unwrap();
            assert!(
                id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)),
                "{id}"
            );
            let mut changed = callback.clone();
            changed.body = [b" ", &*callback.body].concat().into();
            assert!(!verifies(&changed, webhook));
        }
        assert_ne!(received[0].header("webhook-id"), received[1].header("webhook-id"));
        assert!(received[0].header("x-payment-signature").is_none());
    }
}

#[tokio::test]
async fn legacy_signatures_are_good() {
    let signing = Signing::Legacy { secret: SECRET.into() };
    let rig = Rig::start(SandboxConfig { signing, ..patient() }).await;
    rig.ordered("0.02", "EUR").await;
    let callback = &rig.receiver.wait(1).await[0];
    let signature = callback.header("x-payment-signature").unwrap().strip_prefix("sha256=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, &callback.body, &hex::decode(signature).unwrap()).unwrap();
    assert!(callback.header("webhook-signature").is_none());
}

#[tokio::test]
async fn unsigned_means_no_signature() {
    let rig = Rig::start(SandboxConfig { signing: Signing::None, ..patient() }).await;
    rig.ordered("0.02", "EUR").await;
    let callback = &rig.receiver.wait(1).await[0];
    assert!(!callback.headers.keys().any(|name| name.as_str().contains("signature")), "{callback:?}");
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_the_same_and_signed_anew() {
    let refusals = [500, 404, 302, 503];
    let rig = Rig::with(patient(), &refusals).await;
    rig.ordered("0.02", "EUR").await;
    let callbacks = rig.callbacks(|callbacks| callbacks[0].taken).await;
    assert_eq!((callbacks[0].tries, callbacks[0].last_answer), (5, Some(200)));
    let received = rig.receiver.wait(5).await;
    assert_eq!(received.len(), 5);
    let webhook = Webhook::from_bytes(SECRET.as_bytes().to_vec()).unwrap();
    for callback in &received {
        assert_eq!(callback.header("webhook-id"), Some(callbacks[0].id.as_str()));
        assert_eq!(callback.body, received[0].body);
        assert!(verifies(callback, &webhook));
    }
}

#[tokio::test]
async fn in_the_end_it_is_given_up() {
    let rig = Rig::with(patient(), &[500; 20]).await;
    rig.ordered("0.02", "EUR").await;
    let callbacks = rig.callbacks(|callbacks| callbacks[0].tries == 6).await;
    assert!(!callbacks[0].taken && callbacks[0].last_answer == Some(500), "{callbacks:?}");
    // The next payment's callback is the next that comes.
    rig.behave(json!({ "callbacks": { "delay_ms": 50 } }));
    rig.ordered("0.01", "EUR").await;
    assert_eq!(rig.receiver.statuses(7).await[6], "processing");
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let rig = Rig::start(patient()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut order: Value = serde_json::from_str(&rig.order("0.02", "EUR")).unwrap();
    order["callback_url"] = json!(url);
    let answer = rig.post("/api/v1/payments/initiate").body(order.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let call = || async { timeout(PATIENCE, listener.accept()).await.expect("no callback comes").unwrap().0 };
    drop(call().await);
    let mut stream = call().await;
    let mut request = [0; 4_096];
    assert!(stream.read(&mut request).await.unwrap() > 0);
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    let callbacks = rig.callbacks(|callbacks| callbacks[0].taken).await;
    assert_eq!((callbacks[0].tries, callbacks[0].last_answer), (2, Some(204)));
}
