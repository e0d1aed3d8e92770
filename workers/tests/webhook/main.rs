//! Webhooks sent to a real HTTP server on this machine, which does as a test says.
#![allow(clippy::unwrap_used, missing_docs)]

mod answers;
mod bounds;
#[path = "../support/captured.rs"]
mod captured;
#[path = "../mail/certificate.rs"]
mod certificate;
mod private;
mod secrets;
mod server;
mod signatures;
mod tls;

use std::time::Duration;

use chrono::Utc;
use servelink_workers::webhook::{Message, SendError, WebhookConfig, WebhookSender};
use uuid::Uuid;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const BODY: &str = r#"{"type":"plan.lapsed","data":{"team_slug":"l'été"}}"#;

/// A configuration for a server on this machine: these spellings of its host are allowed to be private.
fn config(url: &str) -> WebhookConfig {
    config_with(url, SECRET, &["localhost", "127.0.0.1"])
}

fn config_with(url: &str, secrets: &str, allowed: &[&str]) -> WebhookConfig {
    let allowed: Vec<String> = allowed.iter().map(|host| (*host).into()).collect();
    WebhookConfig::new(&url.into(), &secrets.into(), &allowed).unwrap()
}

fn sender(config: &WebhookConfig) -> WebhookSender {
    let _ = rustls::crypto::ring::default_provider().install_default();
    WebhookSender::new(config).unwrap()
}

fn message() -> Message {
    Message { id: Uuid::now_v7(), at: Utc::now(), body: BODY.into() }
}

/// Sends to this URL, with the usual limits.
async fn send(url: &str) -> Result<(), SendError> {
    sender(&config(url)).send(&message()).await
}

/// Why another try may help, and after how long.
fn transient(outcome: Result<(), SendError>) -> (String, Option<Duration>) {
    match outcome {
        Err(SendError::Transient { why, retry_after }) => (why, retry_after),
        other => panic!("{other:?}"),
    }
}

/// The longest that [`quick`] lets a webhook take.
const QUICK: Duration = Duration::from_secs(1);

/// As configured, but nothing that hangs takes long.
fn quick(config: WebhookConfig) -> WebhookConfig {
    let mut config = config;
    config.limits.total = QUICK;
    config
}
