//! The secrets that callbacks are signed with: how they are configured, and which of them signed a message.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use subtle::{Choice, ConstantTimeEq};

use super::is_name;

/// The fewest bytes of a key: with fewer it could be guessed.
const MIN_KEY_BYTES: usize = 16;
/// What Standard Webhooks writes before a shared secret, and before the two halves of a key pair.
const SHARED: &str = "whsec_";
const KEY_PAIR: [&str; 2] = ["whpk_", "whsk_"];

/// An HMAC-SHA256.
pub(super) type Tag = [u8; 32];

/// One active secret.
#[derive(Clone)]
pub struct WebhookSecret {
    kid: String,
    key: hmac::Key,
}

impl WebhookSecret {
    /// Its name, `[A-Za-z0-9_-]{1,64}`. No secret itself.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecret").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// What is wrong with a list of secrets. A kid is named only once it is known to be one; places count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// An entry without a colon, or with nothing in it.
    #[error("entry {place} is not of the form `kid:secret`; neither part may have a comma in it")]
    NotAPair {
        /// Its place in the list.
        place: usize,
    },
    /// Before the colon there is no kid.
    #[error("entry {place} does not start with a kid: 1 to 64 of A-Z, a-z, 0-9, `_` and `-`, then a colon")]
    NoKid {
        /// Its place in the list.
        place: usize,
    },
    /// Two secrets of one name.
    #[error("there are two secrets with the kid {kid}")]
    Duplicate {
        /// The name.
        kid: String,
    },
    /// It claims to be base64.
    #[error("the secret of {kid} starts with `whsec_`, but what follows is not standard base64, padded")]
    NotBase64 {
        /// Whose.
        kid: String,
    },
    /// Half of a key pair. As a shared secret its public half would let everybody sign.
    #[error(
        "the secret of {kid} is half of a key pair: only shared secrets (`whsec_` or plain text) are taken"
    )]
    KeyPair {
        /// Whose.
        kid: String,
    },
    /// It could be guessed.
    #[error("the secret of {kid} is shorter than {MIN_KEY_BYTES} bytes")]
    TooShort {
        /// Whose.
        kid: String,
    },
}

/// Reads `kid:secret,kid2:secret2`; blanks around an entry do not count, and nothing at all is an empty list.
///
/// A secret that starts with `whsec_` is base64, as Standard Webhooks writes them; of any other the UTF-8 bytes are the
/// key. Either way it is the key of both schemes.
///
/// # Errors
/// [`SecretsError`], for the first entry that is wrong.
pub fn parse_secrets(text: &str) -> Result<Vec<WebhookSecret>, SecretsError> {
    let mut secrets: Vec<WebhookSecret> = vec![];
    if text.trim().is_empty() {
        return Ok(secrets);
    }
    for (place, entry) in (1..).zip(text.split(',')) {
        let (kid, secret) = entry.trim().split_once(':').ok_or(SecretsError::NotAPair { place })?;
        if !is_name(kid) {
            return Err(SecretsError::NoKid { place });
        }
        let kid = kid.to_owned();
        if secrets.iter().any(|other| other.kid == kid) {
            return Err(SecretsError::Duplicate { kid });
        }
        secrets.push(WebhookSecret { key: key(&kid, secret)?, kid });
    }
    Ok(secrets)
}

fn key(kid: &str, secret: &str) -> Result<hmac::Key, SecretsError> {
    let kid = || kid.to_owned();
    if KEY_PAIR.into_iter().any(|prefix| secret.starts_with(prefix)) {
        return Err(SecretsError::KeyPair { kid: kid() });
    }
    let bytes = match secret.strip_prefix(SHARED) {
        Some(base64) => STANDARD.decode(base64).map_err(|_| SecretsError::NotBase64 { kid: kid() })?,
        None => secret.as_bytes().to_vec(),
    };
    if bytes.len() < MIN_KEY_BYTES {
        return Err(SecretsError::TooShort { kid: kid() });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// The first secret that made one of these tags over this message, given as its parts.
///
/// Every secret is held against every tag, in constant time and to the end: how long it takes tells nothing of them.
pub(super) fn signer<'a>(
    secrets: &'a [WebhookSecret],
    message: &[&[u8]],
    tags: &[Tag],
) -> Option<&'a WebhookSecret> {
    let mut signer = None;
    for secret in secrets {
        let mut context = hmac::Context::with_key(&secret.key);
        for part in message {
            context.update(part);
        }
        let right = context.sign();
        let made = tags.iter().fold(Choice::from(0), |made, tag| made | right.as_ref().ct_eq(tag));
        if made.into() {
            signer = signer.or(Some(secret));
        }
    }
    signer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kids(text: &str) -> Vec<String> {
        parse_secrets(text).unwrap().into_iter().map(|secret| secret.kid).collect()
    }

    fn refused(text: &str) -> SecretsError {
        parse_secrets(text).unwrap_err()
    }

    /// Whether the key of this list's only secret is this.
    fn is_key(text: &str, key: &[u8]) -> bool {
        let secrets = parse_secrets(text).unwrap();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"message");
        signer(&secrets, &[b"mess", b"", b"age"], &[tag.as_ref().try_into().unwrap()]).is_some()
    }

    #[test]
    fn a_list_is_read_in_its_order() {
        assert_eq!(kids("new:0123456789abcdef,old-1:fedcba9876543210"), ["new", "old-1"]);
        assert_eq!(kids(" new:0123456789abcdef ,\n\told_1:fedcba9876543210\n"), ["new", "old_1"]);
        assert_eq!(kids(&format!("{}:0123456789abcdef", "k".repeat(64))), ["k".repeat(64)]);
        for nothing in ["", "  ", "\n"] {
            assert!(kids(nothing).is_empty(), "{nothing:?}");
        }
    }

    #[test]
    fn a_key_is_the_text_or_what_its_base64_says() {
        assert!(is_key("a:0123456789abcdef", b"0123456789abcdef"));
        // Blanks around an entry are the file's that it was read from, not the secret's.
        assert!(is_key("a:0123456789abcdef\n", b"0123456789abcdef"));
        assert!(is_key("a:colons:and=equals:signs+/", b"colons:and=equals:signs+/"));
        assert!(is_key("a:clé très secrète", "clé très secrète".as_bytes()));
        assert!(is_key("a:whsec_MDEyMzQ1Njc4OWFiY2RlZg==", b"0123456789abcdef"));
        assert!(!is_key("a:whsec_MDEyMzQ1Njc4OWFiY2RlZg==", b"whsec_MDEyMzQ1Njc4OWFiY2RlZg=="));
        assert!(!is_key("a:0123456789abcdef", b"0123456789abcdeF"));
    }

    #[test]
    fn what_is_wrong_is_named_by_kid_or_place() {
        let kid = || "b".to_owned();
        let cases = [
            ("0123456789abcdef", SecretsError::NotAPair { place: 1 }),
            ("a:0123456789abcdef,", SecretsError::NotAPair { place: 2 }),
            ("a:0123456789abcdef,,b:0123456789abcdef", SecretsError::NotAPair { place: 2 }),
            (":0123456789abcdef", SecretsError::NoKid { place: 1 }),
            ("a:0123456789abcdef,b c:0123456789abcdef", SecretsError::NoKid { place: 2 }),
            ("a.b:0123456789abcdef", SecretsError::NoKid { place: 1 }),
            ("é:0123456789abcdef", SecretsError::NoKid { place: 1 }),
            ("b:0123456789abcdef,b:fedcba9876543210", SecretsError::Duplicate { kid: kid() }),
            ("b:0123456789abcde", SecretsError::TooShort { kid: kid() }),
            ("b:", SecretsError::TooShort { kid: kid() }),
            ("b:whsec_", SecretsError::TooShort { kid: kid() }),
            ("b:whsec_MDEyMzQ1Njc4OWFiY2Rl", SecretsError::TooShort { kid: kid() }),
            ("b:whsec_MDEyMzQ1Njc4OWFiY2RlZg", SecretsError::NotBase64 { kid: kid() }),
            ("b:whsec_MDEyMzQ1Njc4OWFiY2RlZh==", SecretsError::NotBase64 { kid: kid() }),
            ("b:whsec_not base64 at all", SecretsError::NotBase64 { kid: kid() }),
            ("b:whpk_MDEyMzQ1Njc4OWFiY2RlZg==", SecretsError::KeyPair { kid: kid() }),
            ("b:whsk_MDEyMzQ1Njc4OWFiY2RlZg==", SecretsError::KeyPair { kid: kid() }),
        ];
        for (text, expected) in cases {
            assert_eq!(refused(text), expected, "{text}");
        }
        let long = format!("{}:0123456789abcdef", "k".repeat(65));
        assert_eq!(refused(&long), SecretsError::NoKid { place: 1 });
    }

    #[test]
    fn no_secret_is_ever_shown() {
        let secrets = parse_secrets("shown:CANARY-0123456789abcdef").unwrap();
        assert_eq!(format!("{secrets:?}"), "[WebhookSecret { kid: \"shown\", .. }]");
        for bad in [
            "CANARY",
            "CANA RY:CANARY",
            "a:CANARY",
            "a:whsec_CANARY!",
            "a:whpk_CANARY",
            "a:CANARY-0123456789abcdef,a:CANARY-0123456789abcdef",
        ] {
            let error = refused(bad);
            assert!(!format!("{error} {error:?}").contains("CANA"), "{error}");
        }
    }
}
