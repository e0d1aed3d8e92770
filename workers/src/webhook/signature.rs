//! The secrets that webhooks are signed with, and what they sign (Standard Webhooks 1.0.0, symmetric signatures).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// The fewest bytes of a key that Standard Webhooks allows ("Signature scheme").
const MIN_KEY_BYTES: usize = 24;
/// One, two during a rotation, and some for whoever rotates again before the first rotation is done.
const MOST_SECRETS: usize = 4;
/// What Standard Webhooks writes before a shared secret, and before the two halves of a key pair.
const SHARED: &str = "whsec_";
const KEY_PAIR: [&str; 2] = ["whpk_", "whsk_"];

/// What is wrong with a list of secrets. Places count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// None, or too many.
    #[error("must be 1 to {MOST_SECRETS} secrets, separated by commas")]
    Count,
    /// It claims to be base64.
    #[error("secret {place} starts with `whsec_`, but what follows is not standard base64, padded")]
    NotBase64 {
        /// Its place in the list.
        place: usize,
    },
    /// Half of a key pair.
    #[error("secret {place} is half of a key pair: only shared secrets (`whsec_` or plain text) are taken")]
    KeyPair {
        /// Its place in the list.
        place: usize,
    },
    /// It could be guessed.
    #[error("secret {place} is shorter than {MIN_KEY_BYTES} bytes")]
    TooShort {
        /// Its place in the list.
        place: usize,
    },
}

/// What signs. Its `Debug` form tells no key, as `ring`'s does not.
#[derive(Debug, Clone)]
pub(super) struct Signer(Vec<hmac::Key>);

impl Signer {
    /// Reads secrets with commas between them. One that starts with `whsec_` is base64; of any other the UTF-8 bytes
    /// are the key.
    pub(super) fn new(secrets: &SecretString) -> Result<Self, SecretsError> {
        let secrets = secrets.expose_secret().split(',').map(str::trim).filter(|secret| !secret.is_empty());
        let keys: Vec<_> =
            (1..).zip(secrets).map(|(place, secret)| key(place, secret)).collect::<Result<_, _>>()?;
        if (1..=MOST_SECRETS).contains(&keys.len()) { Ok(Self(keys)) } else { Err(SecretsError::Count) }
    }

    /// The header `webhook-signature`: one signature a secret, so that a receiver who knows any of them is content.
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let sign = |key| {
            let mut context = hmac::Context::with_key(key);
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                context.update(part);
            }
            format!("v1,{}", STANDARD.encode(context.sign()))
        };
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

fn key(place: usize, secret: &str) -> Result<hmac::Key, SecretsError> {
    if KEY_PAIR.into_iter().any(|prefix| secret.starts_with(prefix)) {
        return Err(SecretsError::KeyPair { place });
    }
    let bytes = match secret.strip_prefix(SHARED) {
        Some(base64) => STANDARD.decode(base64).map_err(|_| SecretsError::NotBase64 { place })?,
        None => secret.as_bytes().to_vec(),
    };
    if bytes.len() < MIN_KEY_BYTES {
        return Err(SecretsError::TooShort { place });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    const PLAIN: &str = "0123456789abcdef01234567";

    fn signer(secrets: &str) -> Result<Signer, SecretsError> {
        Signer::new(&secrets.into())
    }

    /// From the Standard Webhooks' own libraries' tests.
    #[test]
    fn known_signatures_come_out() {
        let secrets = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw , whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let first = signer(secrets).unwrap().sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        assert!(first.starts_with("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,"), "{first}");
        let second = signer(secrets).unwrap().sign(
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            br#"{"email":"test@example.com","username":"test_user"}"#,
        );
        assert!(second.ends_with(" v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="), "{second}");
    }

    #[test]
    fn a_key_is_the_text_or_what_its_base64_says() {
        let sign = |secrets: &str| signer(secrets).unwrap().sign("id", "0", b"body");
        assert_eq!(sign(OURS), sign(PLAIN));
        assert_eq!(sign(&format!("{PLAIN}\n,")), sign(PLAIN), "line ends and empty entries are the file's");
        assert_ne!(sign("0123456789abcdef01234568"), sign(PLAIN));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let too_many = [PLAIN; 5].join(",");
        let second_short = format!("{PLAIN},CANARY");
        let second_bad = format!("{PLAIN},whsec_CANARY!");
        for (secrets, expected) in [
            ("", SecretsError::Count),
            (" , ", SecretsError::Count),
            (&too_many, SecretsError::Count),
            ("CANARY", SecretsError::TooShort { place: 1 }),
            (&second_short, SecretsError::TooShort { place: 2 }),
            ("whsec_", SecretsError::TooShort { place: 1 }),
            ("whsec_MDEyMzQ1Njc4OWFiY2RlZg==", SecretsError::TooShort { place: 1 }),
            (&second_bad, SecretsError::NotBase64 { place: 2 }),
            ("whpk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", SecretsError::KeyPair { place: 1 }),
            ("whsk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", SecretsError::KeyPair { place: 1 }),
        ] {
            let error = signer(secrets).unwrap_err();
            assert_eq!(error, expected, "{secrets}");
            assert!(!error.to_string().contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn no_key_is_ever_shown() {
        let shown = format!("{:?}", signer("CANARY-0123456789abcdef0123").unwrap());
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}
