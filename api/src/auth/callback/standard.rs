//! Standard Webhooks 1.0.0, symmetric signatures: HMAC-SHA256 over `id.timestamp.body` ("Signature scheme", "Webhook
//! headers").

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use http::HeaderMap;

use super::secret::{Tag, WebhookSecret, signer};
use super::{Proof, SignatureError, is_name, only};

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
/// Any of them makes a callback one of this scheme.
pub(super) const HEADERS: [&str; 3] = [ID, TIMESTAMP, SIGNATURE];

/// How far from now a timestamp may be, either way.
pub(super) const TOLERANCE_SECONDS: i128 = 300;
/// The most signatures in one header: one a secret while secrets change, and some of schemes to come.
const MAX_ENTRIES: usize = 16;
const MAX_SIGNATURE_BYTES: usize = 4096;

/// The id of a message: `[A-Za-z0-9_-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookId(String);

impl WebhookId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(text.to_owned()))
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// [`Proof::Standard`], when everything about these headers is right.
pub(super) fn verify(
    secrets: &[WebhookSecret],
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Proof, SignatureError> {
    let (id, timestamp, signature) =
        (only(headers, ID)?, only(headers, TIMESTAMP)?, only(headers, SIGNATURE)?);
    let webhook_id =
        WebhookId::parse(id).ok_or(malformed(ID, "it must be 1 to 64 of A-Z, a-z, 0-9, `_` and `-`"))?;
    check_time(timestamp, now)?;
    let tags = tags(signature)?;
    let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let signer = signer(secrets, &message, &tags).ok_or(SignatureError::NoMatch(SIGNATURE))?;
    Ok(Proof::Standard { id: webhook_id, kid: signer.kid().to_owned() })
}

/// Compares in whole seconds, which is all that a timestamp tells.
fn check_time(timestamp: &str, now: DateTime<Utc>) -> Result<(), SignatureError> {
    // Numbers of Rust may have a sign in front.
    if timestamp.is_empty() || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed(TIMESTAMP, "it must be digits only, the seconds since 1970-01-01T00:00:00Z"));
    }
    // Digits that are no number are too many: a time that never comes.
    let timestamp: u64 = timestamp.parse().unwrap_or(u64::MAX);
    let age = i128::from(now.timestamp()) - i128::from(timestamp);
    if age > TOLERANCE_SECONDS {
        return Err(SignatureError::TooOld { age });
    }
    if age < -TOLERANCE_SECONDS {
        return Err(SignatureError::TooFarAhead { ahead: -age });
    }
    Ok(())
}

/// The `v1` entries of the signature header. Those of other versions (`v1a`) say nothing about a shared secret.
fn tags(signature: &str) -> Result<Vec<Tag>, SignatureError> {
    if signature.len() > MAX_SIGNATURE_BYTES || signature.split(' ').count() > MAX_ENTRIES {
        return Err(malformed(SIGNATURE, "it must be at most 16 entries and 4096 bytes"));
    }
    if signature.split(' ').any(str::is_empty) {
        return Err(malformed(SIGNATURE, "it must be entries with a single space between them"));
    }
    let of_this_version = signature.split(' ').filter_map(|entry| entry.strip_prefix("v1,"));
    let tags = of_this_version
        .map(|text| STANDARD.decode(text).ok()?.try_into().ok())
        .collect::<Option<Vec<Tag>>>()
        .ok_or(malformed(SIGNATURE, "after `v1,` there must be 32 bytes in standard base64, padded"))?;
    if tags.is_empty() {
        return Err(malformed(SIGNATURE, "it must have an entry that starts with `v1,`"));
    }
    Ok(tags)
}

fn malformed(header: &'static str, why: &'static str) -> SignatureError {
    SignatureError::Malformed { header, why }
}
