//! What a token must say, checked by our own clock.

use chrono::{DateTime, Utc};
use domain::UserId;
use jsonwebtoken::errors::ErrorKind;
use serde::Deserialize;

use super::{TokenConfig, TokenError};

/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: f64 = 60.0;

/// The claims that matter (RFC 7519, section 4.1). Missing ones and wrong types do not get this far.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    sub: Subject,
    iss: String,
    aud: Audience,
    /// Seconds since 1970, which may have a fraction.
    exp: f64,
    nbf: Option<f64>,
    r#type: Option<String>,
}

/// The PaaS writes a number; RFC 7519 wants a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Subject {
    Number(i64),
    Text(String),
}

/// One, or one of several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// The user, for a token whose signer signs other tokens too: its type must be told.
    pub(super) fn check_typed(&self, config: &TokenConfig, now: DateTime<Utc>) -> Result<UserId, TokenError> {
        if self.r#type.is_none() {
            return Err(TokenError::Invalid("its `type` is missing"));
        }
        self.check(config, now)
    }

    /// The user.
    pub(super) fn check(&self, config: &TokenConfig, now: DateTime<Utc>) -> Result<UserId, TokenError> {
        // Microseconds since 1970 fit a double's 53 bits until the year 2255; a token needs seconds.
        #[allow(clippy::cast_precision_loss)]
        let now = now.timestamp() as f64;
        if self.exp + LEEWAY <= now {
            return Err(TokenError::Invalid("it has expired"));
        }
        if self.nbf.is_some_and(|nbf| nbf - LEEWAY > now) {
            return Err(TokenError::Invalid("it is not valid yet"));
        }
        if self.iss != config.issuer {
            return Err(TokenError::Invalid("its issuer is another"));
        }
        let for_us = match &self.aud {
            Audience::One(audience) => *audience == config.audience,
            Audience::Several(audiences) => audiences.contains(&config.audience),
        };
        if !for_us {
            return Err(TokenError::Invalid("it is for another audience"));
        }
        if self.r#type.as_ref().is_some_and(|kind| *kind != config.token_type) {
            return Err(TokenError::Invalid("it is of another type"));
        }
        self.sub.user().ok_or(TokenError::Invalid("its subject is no user id"))
    }
}

impl Subject {
    fn user(&self) -> Option<UserId> {
        match self {
            Self::Number(id) => Some(UserId(*id)),
            // One text an id: not `+1`, not `01`.
            Self::Text(text) => text.parse().ok().filter(|id: &i64| id.to_string() == *text).map(UserId),
        }
    }
}

/// What is wrong with a token that cannot be read or is signed wrongly.
#[allow(clippy::wildcard_enum_match_arm)] // Another crate's, and open-ended.
pub(super) fn why(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::Json(_) => {
            "a claim is missing or of the wrong type; `sub`, `iss`, `aud` and `exp` are needed"
        }
        _ => "it is no signed JWT that can be read",
    }
}
