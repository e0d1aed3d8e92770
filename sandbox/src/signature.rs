//! Signing callbacks, in either of the contract's schemes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac::{HMAC_SHA256, Key, sign};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Signing;

/// Begins a secret that is a key in base64.
const BASE64_PREFIX: &str = "whsec_";

/// What signs. Its `Debug` form tells no key, as `ring`'s does not.
#[derive(Debug)]
pub(crate) enum Signer {
    Standard(Key),
    Legacy(Key),
    None,
}

/// A secret that says it is base64, and is not.
#[derive(Debug, thiserror::Error)]
#[error("a secret that begins with {BASE64_PREFIX} must go on in base64")]
pub struct BadSecret;

impl Signer {
    pub(crate) fn new(signing: &Signing) -> Result<Self, BadSecret> {
        Ok(match signing {
            Signing::Standard { secret } => Self::Standard(key(secret)?),
            Signing::Legacy { secret } => Self::Legacy(key(secret)?),
            Signing::None => Self::None,
        })
    }

    /// The headers that sign this body, sent now (`timestamp`, unix seconds) with this id.
    pub(crate) fn headers(&self, id: &str, timestamp: i64, body: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Standard(key) => {
                let signature = sign(key, format!("{id}.{timestamp}.{body}").as_bytes());
                vec![
                    ("webhook-id", id.to_owned()),
                    ("webhook-timestamp", timestamp.to_string()),
                    ("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(signature))),
                ]
            }
            Self::Legacy(key) => {
                let signature = hex::encode(sign(key, body.as_bytes()));
                vec![("x-payment-signature", format!("sha256={signature}"))]
            }
            Self::None => vec![],
        }
    }
}

fn key(secret: &SecretString) -> Result<Key, BadSecret> {
    let secret = secret.expose_secret();
    let bytes = match secret.strip_prefix(BASE64_PREFIX) {
        Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| BadSecret)?,
        None => secret.as_bytes().to_vec(),
    };
    Ok(Key::new(HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(secret: &str) -> Result<Signer, BadSecret> {
        Signer::new(&Signing::Standard { secret: secret.into() })
    }

    /// From the Standard Webhooks' own libraries' tests.
    #[test]
    fn a_known_signature_comes_out() {
        let headers = signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(
            headers[2],
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned())
        );
    }

    /// RFC 4231, test case 2, over the body alone.
    #[test]
    fn a_known_legacy_signature_comes_out() {
        let signer = Signer::new(&Signing::Legacy { secret: "Jefe".into() }).unwrap();
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let headers = signer.headers("id", 0, "what do ya want for nothing?");
        assert_eq!(headers, [("x-payment-signature", expected.to_owned())]);
    }

    #[test]
    fn a_secret_that_is_no_base64_is_refused_and_none_needs_none() {
        assert!(signer("whsec_?").is_err());
        assert!(signer("?").is_ok());
        assert!(Signer::new(&Signing::None).unwrap().headers("id", 0, "").is_empty());
    }
}
