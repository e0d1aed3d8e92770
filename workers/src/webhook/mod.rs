//! Tells the PaaS what happened to a team: one signed HTTP request an event, as Standard Webhooks 1.0.0 says.
//!
//! ```text
//!   event ──▶ payload ──▶ message ──▶ signature ──▶ resolver ──▶ the PaaS
//!                                                (public only)      │
//!   outcome ◀───────────────────────────── error ◀── status code ◀──┘
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `config` | address, secrets and limits, checked once |
//! | `payload` | the JSON of each kind of event; no network |
//! | `signature` | the secrets, and what they sign |
//! | `address` | which addresses are not of the public internet |
//! | `resolver` | lets a name lead to public addresses only |
//! | `error` | what a status code or a broken connection means |
//!
//! Which event is due, when it is tried again and whether it was sent before is not here: that is the outbox's. A
//! webhook is handed over at least once: when the answer to it is lost, the PaaS may have it already. The `webhook-id`
//! is the event's, so that a repeat is recognisable.

mod address;
mod config;
mod error;
mod payload;
mod resolver;
mod signature;

use std::fmt;

use chrono::{DateTime, Utc};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, redirect};
use uuid::Uuid;

pub use config::{WebhookConfig, WebhookConfigError, WebhookLimits};
pub use error::SendError;
pub use payload::Payload;
pub use signature::SecretsError;

const USER_AGENT: &str = concat!("servelink/", env!("CARGO_PKG_VERSION"));

/// What is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The event's id: the same at every try.
    pub id: Uuid,
    /// When this try is made. Receivers refuse what is more than some minutes from now.
    pub at: DateTime<Utc>,
    /// JSON, in UTF-8: the same at every try.
    pub body: Vec<u8>,
}

/// Sends webhooks to one URL. Calls run side by side; each ends within [`WebhookLimits::total`].
pub struct WebhookSender {
    client: Client,
    config: WebhookConfig,
}

impl WebhookSender {
    /// To the URL that is configured. Nothing is sent yet. A rustls provider must have been installed.
    ///
    /// # Errors
    /// [`WebhookConfigError::Client`] when the HTTP client cannot be made.
    pub fn new(config: &WebhookConfig) -> Result<Self, WebhookConfigError> {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(config.limits.connect)
            .timeout(config.limits.total)
            .dns_resolver(config.resolver())
            // An answer must not choose which address is asked next.
            .redirect(redirect::Policy::none())
            // A proxy would connect to addresses that nobody here has checked.
            .no_proxy()
            // Webhooks are rare: by the next one a connection that was kept may have died unnoticed.
            .pool_max_idle_per_host(0)
            .http1_only()
            .no_gzip();
        if config.is_plain() {
            // Nothing to verify: do without certificates, which a small container may not have.
            client = client.tls_certs_only([]);
        }
        Ok(Self { client: client.build()?, config: config.clone() })
    }

    /// Sends it once, signed with every secret.
    ///
    /// # Errors
    /// [`SendError`] says whether another try can help, and when it may come.
    pub async fn send(&self, message: &Message) -> Result<(), SendError> {
        let id = message.id.to_string();
        let timestamp = message.at.timestamp().to_string();
        let signature = self.config.signer.sign(&id, &timestamp, &message.body);
        let request = self
            .client
            .post(self.config.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(message.body.clone());
        let host = self.config.host();
        let mut response =
            request.send().await.map_err(|error| SendError::of(error, &host, &self.config.limits))?;
        drain(&mut response, self.config.limits.answer_bytes).await;
        SendError::of_answer(&host, response.status(), response.headers())
    }
}

/// Reads the beginning of a body that nobody wants: some servers log an error when they cannot write it. The status
/// has been told by then, so whatever happens here changes nothing.
async fn drain(response: &mut Response, most: usize) {
    let mut read = 0;
    while read < most
        && let Ok(Some(chunk)) = response.chunk().await
    {
        read += chunk.len();
    }
}

/// Where, and no secret.
impl fmt::Debug for WebhookSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSender").field("config", &self.config).finish_non_exhaustive()
    }
}
