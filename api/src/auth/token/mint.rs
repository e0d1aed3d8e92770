//! Tokens for trying things out: `servelink token`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::UserId;
use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{TokenConfig, crypto};

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// It would end after the end of time.
    #[error("the token would be valid for too long")]
    TooLong,
    /// It cannot be signed.
    #[error("the token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// As the PaaS writes them.
#[derive(Serialize)]
struct Claims<'a> {
    sub: i64,
    r#type: &'a str,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

/// A token like the PaaS's own for this user, valid from `now` for `ttl`.
///
/// # Errors
/// [`MintError`].
pub fn mint(
    config: &TokenConfig,
    secret: &SecretString,
    user: UserId,
    ttl: Duration,
    now: DateTime<Utc>,
) -> Result<String, MintError> {
    crypto::install();
    let iat = now.timestamp();
    let seconds = i64::try_from(ttl.as_secs()).map_err(|_| MintError::TooLong)?;
    let exp = iat.checked_add(seconds).ok_or(MintError::TooLong)?;
    let claims = Claims {
        sub: user.0,
        r#type: &config.token_type,
        iss: &config.issuer,
        aud: &config.audience,
        iat,
        exp,
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    Ok(encode(&Header::default(), &claims, &key)?)
}
