//! What arrives is what was signed, as the library of the Standard Webhooks' authors sees it.

use chrono::{DateTime, TimeDelta, Utc};
use servelink_workers::webhook::Message;
use standardwebhooks::{Webhook, WebhookError};
use uuid::Uuid;

use crate::server::{Received, Reply, Server};
use crate::{BODY, SECRET, config, config_with, message, sender};

const OTHER: &str = "whsec_dGhlIG90aGVyIHNlY3JldCwgMjQgYnl0ZXM=";
const PLAIN: &str = "plain text and no base64: é";

fn verify(secret: &str, got: &Received) -> Result<(), WebhookError> {
    Webhook::new(secret).unwrap().verify(&got.body, &got.headers)
}

#[tokio::test]
async fn a_webhook_is_signed_as_the_standard_says() {
    let server = Server::start(Reply::status(204)).await;
    let message = message();
    let url = format!("{}/hooks/servelink?token=a%20b", server.url);
    sender(&config(&url)).send(&message).await.unwrap();

    let got = server.only();
    assert_eq!(got.uri, "/hooks/servelink?token=a%20b");
    assert_eq!(got.body, BODY.as_bytes());
    assert_eq!(got.header("webhook-id"), message.id.to_string());
    assert_eq!(got.header("webhook-timestamp"), message.at.timestamp().to_string());
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("user-agent"), concat!("servelink/", env!("CARGO_PKG_VERSION")));
    verify(SECRET, &got).unwrap();

    assert!(matches!(verify(OTHER, &got), Err(WebhookError::InvalidSignature)));
    let mut other = got.clone();
    other.body = BODY.replace("lapsed", "renewed").into();
    assert!(matches!(verify(SECRET, &other), Err(WebhookError::InvalidSignature)));
    for (header, value) in [
        ("webhook-id", Uuid::now_v7().to_string()),
        ("webhook-timestamp", (message.at.timestamp() + 1).to_string()),
    ] {
        let mut other = got.clone();
        other.headers.insert(header, value.parse().unwrap());
        assert!(matches!(verify(SECRET, &other), Err(WebhookError::InvalidSignature)), "{header}");
    }
}

#[tokio::test]
async fn during_a_rotation_either_secret_is_right() {
    let server = Server::start(Reply::status(200)).await;
    let secrets = format!("{OTHER},{PLAIN}, {SECRET}");
    sender(&config_with(&server.url, &secrets, &["127.0.0.1"])).send(&message()).await.unwrap();

    let got = server.only();
    assert_eq!(got.header("webhook-signature").split(' ').count(), 3);
    verify(OTHER, &got).unwrap();
    verify(SECRET, &got).unwrap();
    let plain = Webhook::from_bytes(PLAIN.into()).unwrap();
    plain.verify(&got.body, &got.headers).unwrap();
}

/// Worked out with OpenSSL: `openssl dgst -sha256 -hmac 0123456789abcdef01234567 -binary | base64`.
#[tokio::test]
async fn a_known_signature_arrives() {
    let server = Server::start(Reply::status(200)).await;
    let message = Message {
        id: "0192f0c1-2b3c-7d4e-8f50-617283940a5b".parse().unwrap(),
        at: DateTime::from_timestamp(1_795_435_200, 999_999_999).unwrap(),
        body: BODY.into(),
    };
    sender(&config(&server.url)).send(&message).await.unwrap();
    assert_eq!(server.only().header("webhook-signature"), "v1,a5+g6uAxqmFe3XHn2byQAm1ZAHk3AXFjtORm4x6arj0=");
}

#[tokio::test]
async fn another_try_has_the_same_id_and_another_time() {
    let server = Server::start(Reply::status(200)).await;
    let sender = sender(&config(&server.url));
    let now = Utc::now();
    let first = Message { at: now - TimeDelta::minutes(2), ..message() };
    let second = Message { at: now, ..first.clone() };
    sender.send(&first).await.unwrap();
    sender.send(&second).await.unwrap();

    let [first, second] = &server.received()[..] else { panic!("two were sent") };
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
    verify(SECRET, first).unwrap();
    verify(SECRET, second).unwrap();
}
