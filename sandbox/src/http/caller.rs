//! Who asks, and under which idempotency key.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use secrecy::ExposeSecret;
use subtle::{Choice, ConstantTimeEq};

use crate::http::Shop;
use crate::http::refusal::Refusal;

/// The longest idempotency key.
const KEY_LENGTH: usize = 255;

/// A caller that has shown one of the API keys.
pub(crate) struct Caller {
    /// Its `Idempotency-Key`.
    pub(crate) idempotency_key: Option<String>,
}

impl FromRequestParts<Shop> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, Refusal> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = header.and_then(|header| header.split_once(' '));
        let shown =
            shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
        let shown = shown.unwrap_or_default().as_bytes();
        let is_right = shop
            .api_keys
            .iter()
            .fold(Choice::from(0), |right, key| right | key.expose_secret().as_bytes().ct_eq(shown));
        if !bool::from(is_right) {
            let text = "Send one of the sandbox's API keys: Authorization: Bearer {PAYMENT_API_KEY}.";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, text));
        }
        let Some(key) = parts.headers.get("idempotency-key") else {
            return Ok(Self { idempotency_key: None });
        };
        let key = key.to_str().ok().filter(|key| (1..=KEY_LENGTH).contains(&key.len()));
        let text = format!("Idempotency-Key must be 1 to {KEY_LENGTH} visible ASCII characters.");
        key.map(|key| Self { idempotency_key: Some(key.to_owned()) }).ok_or(Refusal::invalid(text))
    }
}
