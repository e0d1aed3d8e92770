//! User tokens: JWTs (RFC 7519) that the PaaS or an identity provider has signed.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`TokenVerifier`]: which key may check which token |
//! | `claims.rs` | what a token must say, by our own clock |
//! | `mint.rs` | tokens for trying things out |
//! | `jwks.rs`, `key_set.rs` | an identity provider's keys: fetched and kept; read |
//! | `crypto.rs` | ring behind the `jsonwebtoken` crate |
//!
//! The secret checks HS256 and nothing else; an identity provider's key checks the one algorithm of its type. So no
//! public key can ever be taken for a secret.

mod claims;
mod crypto;
mod jwks;
mod key_set;
mod mint;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::UserId;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::{ExposeSecret, SecretString};
use store::Clock;

pub use jwks::{Jwks, JwksError};
pub use mint::{MintError, mint};

use claims::Claims;

/// What tokens must say, and where they come. The default is what the PaaS does (`contracts/devpush.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenConfig {
    /// `iss`.
    pub issuer: String,
    /// `aud`, or one of them.
    pub audience: String,
    /// `type`: the PaaS signs tokens for other uses with the same secret. An identity provider's may lack it.
    pub token_type: String,
    /// The cookie that a token may come in.
    pub cookie: String,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            issuer: "devpush-app".into(),
            audience: "devpush-web".into(),
            token_type: "auth_token".into(),
            cookie: "auth_token".into(),
        }
    }
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not valid; why, for its holder.
    #[error("the user token is not valid: {0}")]
    Invalid(&'static str),
    /// It may be valid, but the keys to tell it cannot be fetched.
    #[error("the keys that user tokens are checked with cannot be fetched")]
    KeysUnavailable,
}

/// Tells whose a user token is.
pub struct TokenVerifier {
    config: TokenConfig,
    secret: Option<DecodingKey>,
    /// For the secret: made once, since every read of a member needs it.
    by_secret: Validation,
    jwks: Option<Jwks>,
    clock: Arc<dyn Clock>,
}

impl TokenVerifier {
    /// A verifier that takes what this secret or these keys have signed.
    #[must_use]
    pub fn new(
        config: TokenConfig,
        secret: Option<&SecretString>,
        jwks: Option<Jwks>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        crypto::install();
        let secret = secret.map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()));
        Self { config, secret, by_secret: signature_only(Algorithm::HS256), jwks, clock }
    }

    /// What tokens must say, and where they come.
    #[must_use]
    pub fn config(&self) -> &TokenConfig {
        &self.config
    }

    /// The user whose token this is.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify(&self, token: &str) -> Result<UserId, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Invalid("it is no signed JWT"))?;
        if header.crit.is_some() {
            // RFC 7515, section 4.1.11: what we do not understand and must, we refuse.
            return Err(TokenError::Invalid("its header demands an extension"));
        }
        let now = self.clock.now();
        match (header.alg, &self.secret, &self.jwks) {
            (Algorithm::HS256, Some(secret), _) => {
                signed(token, secret, &self.by_secret)?.check_typed(&self.config, now)
            }
            (algorithm @ (Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA), _, Some(jwks)) => {
                let key = jwks.find(header.kid.as_deref(), algorithm).await?;
                signed(token, &key, &signature_only(algorithm))?.check(&self.config, now)
            }
            _ => Err(TokenError::Invalid("it is signed by an algorithm that is not taken here")),
        }
    }
}

/// The claims are checked by our own clock, in `claims.rs`.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// The claims of a token that this key has signed.
fn signed(token: &str, key: &DecodingKey, validation: &Validation) -> Result<Claims, TokenError> {
    decode::<Claims>(token, key, validation)
        .map(|data| data.claims)
        .map_err(|error| TokenError::Invalid(claims::why(error.kind())))
}
