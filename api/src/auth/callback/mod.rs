//! Who may send a payment callback, told from its address, its headers and its bytes alone.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`CallbackPolicy`]: which scheme decides |
//! | `standard.rs` | Standard Webhooks 1.0.0: an id, a time and a signature |
//! | `legacy.rs` | `X-Payment-Signature`: a signature over the body alone |
//! | `secret.rs` | the active secrets, and which of them signed a message |
//! | `address.rs` | the address that a callback really came from |
//! | `error.rs` | why a callback is refused, and what its sender is told |
//!
//! Nothing here knows what a callback says, whether it came before, or what time it is.
//!
//! Both schemes share the secrets, and yet none of their messages passes for one of the other scheme: a callback's
//! body is a JSON object, and what Standard Webhooks signs starts with an id, which no JSON object does.

mod address;
mod error;
mod legacy;
mod secret;
mod standard;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use ipnet::IpNet;

pub use address::AddressRefused;
pub use error::SignatureError;
pub use secret::{SecretsError, WebhookSecret, parse_secrets};
pub use standard::WebhookId;

use address::Senders;

/// What an operator says about callbacks. The default refuses to start: it has no secret.
#[derive(Debug, Default)]
pub struct CallbackConfig {
    /// The active secrets: while one replaces another, both.
    pub secrets: Vec<WebhookSecret>,
    /// Whether callbacks without any signature are let in.
    pub unsigned_allowed: bool,
    /// Where callbacks may come from. Empty: from anywhere.
    pub allowed: Vec<IpNet>,
    /// The proxies before Servelink whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Why callbacks cannot be taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// There is nothing to check a signature with, and nobody said that none is wanted.
    #[error("there is no secret for payment callbacks, and unsigned ones are not allowed by name")]
    NoSecret,
}

/// What vouches for a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Standard Webhooks 1.0.0.
    Standard {
        /// The message's own: the same whenever it is sent again.
        id: WebhookId,
        /// The secret that signed it.
        kid: String,
    },
    /// A signature over the body alone, as good in a year as today: the caller derives a replay key from the body,
    /// and confirms what it says by a poll.
    Legacy {
        /// The secret that signed it.
        kid: String,
    },
    /// Nothing: it is let in by configuration only.
    Unsigned,
}

/// Decides who may send a callback.
#[derive(Debug)]
pub struct CallbackPolicy {
    secrets: Vec<WebhookSecret>,
    unsigned_allowed: bool,
    senders: Senders,
}

impl CallbackPolicy {
    /// The policy that this configuration asks for.
    ///
    /// # Errors
    /// [`PolicyError::NoSecret`].
    pub fn new(config: CallbackConfig) -> Result<Self, PolicyError> {
        let CallbackConfig { secrets, unsigned_allowed, allowed, trusted_proxies } = config;
        if secrets.is_empty() && !unsigned_allowed {
            return Err(PolicyError::NoSecret);
        }
        Ok(Self { secrets, unsigned_allowed, senders: Senders::new(allowed, trusted_proxies) })
    }

    /// Whether the address that a callback really came from may send one. `peer` is the other end of the connection.
    ///
    /// A peer that is no trusted proxy is the sender. Behind trusted proxies the sender is the last entry of
    /// `X-Forwarded-For` that is none of them: what is left of it, anybody may have written. A trusted proxy is never
    /// the sender.
    ///
    /// # Errors
    /// [`AddressRefused`]; never when callbacks may come from anywhere.
    pub fn check_address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), AddressRefused> {
        self.senders.check(peer, headers)
    }

    /// What vouches for a callback with these headers and exactly these bytes, at this time.
    ///
    /// One header of Standard Webhooks is enough for that scheme to decide; a legacy signature beside it cannot stand
    /// in for it, and must be right as well. A wrong signature is refused even where unsigned callbacks are let in.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Proof, SignatureError> {
        let standard = standard::HEADERS.into_iter().any(|name| headers.contains_key(name));
        let legacy = headers.contains_key(legacy::HEADER);
        match (standard, legacy) {
            (false, false) if self.unsigned_allowed => Ok(Proof::Unsigned),
            (false, false) => Err(SignatureError::Unsigned),
            (false, true) => Ok(Proof::Legacy { kid: legacy::verify(&self.secrets, headers, body)? }),
            (true, false) => standard::verify(&self.secrets, headers, body, now),
            (true, true) => {
                let proof = standard::verify(&self.secrets, headers, body, now)?;
                legacy::verify(&self.secrets, headers, body)?;
                Ok(proof)
            }
        }
    }
}

/// The value of the one header of this name.
fn only<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, SignatureError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(SignatureError::Missing(name)),
        (Some(_), Some(_)) => Err(SignatureError::Repeated(name)),
        (Some(value), None) => value
            .to_str()
            .map_err(|_| SignatureError::Malformed { header: name, why: "it must be ASCII text" }),
    }
}

/// `[A-Za-z0-9_-]{1,64}`: what ids and kids are made of. Above all no full stop, which separates what is signed.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
