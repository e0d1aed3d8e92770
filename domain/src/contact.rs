//! How a person is reached: the e-mail address as it comes in, and the sealed text that events keep of it. Events, and
//! with them every decision, know the sealed one only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An e-mail address. It is personal: shown as `a***@example.org`, and kept nowhere but [`Sealed`].
///
/// What can be written to is checked, as far as the text tells: a local part of RFC 5321's atoms (letters and digits of
/// other alphabets too, RFC 6531), no quotes, no comments; a domain with a dot, or `localhost`.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// A text that is no e-mail address. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as name@example.org, of at most 254 bytes")]
pub struct EmailAddressError;

impl EmailAddress {
    /// The longest, in bytes: a path of 256 (RFC 5321, section 4.5.3.1.3) less its angle brackets.
    pub const MAX_LENGTH: usize = 254;

    /// The whole address: for who seals it or writes to it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;
    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        let fits = text.len() <= Self::MAX_LENGTH;
        let parts = text.split_once('@').filter(|(local, domain)| is_local_part(local) && is_domain(domain));
        if fits && parts.is_some() { Ok(Self(text.to_owned())) } else { Err(EmailAddressError) }
    }
}

/// A dot-atom (RFC 5321, section 4.1.2).
fn is_local_part(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    text.len() <= 64 && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(allowed))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (text.contains('.') || text.eq_ignore_ascii_case("localhost")) && text.split('.').all(is_label)
}

/// Its first letter and its domain.
impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.0.split_once('@').unwrap_or_default();
        write!(f, "{}***@{domain}", local.chars().take(1).collect::<String>())
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A personal text (an e-mail address) that only the holder of the person's key can read. The same text of the same
/// person is always sealed alike, so that "changed or not" can be decided without the key. Without that key, which is
/// destroyed when the person is to be forgotten, it is noise.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// From what sealing gave.
    #[must_use]
    pub const fn new(sealed: String) -> Self {
        Self(sealed)
    }

    /// What opening takes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Noise is of no use in a log.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_by_their_first_letter() {
        for (text, shown) in [
            ("awa@example.org", "a***@example.org"),
            ("é.diop+usage@mail.example.sn", "é***@mail.example.sn"),
            ("x@localhost", "x***@localhost"),
            ("o'neil_1@xn--caf-dma.example", "o***@xn--caf-dma.example"),
        ] {
            let address: EmailAddress = text.parse().unwrap();
            assert_eq!((address.to_string(), format!("{address:?}")), (shown.into(), shown.into()));
            assert_eq!(address.expose(), text);
        }
    }

    #[test]
    fn what_cannot_be_written_to_is_refused_and_not_repeated() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long = format!("a@{}org", "canary.".repeat(36));
        assert_eq!(long.len(), 257);
        for bad in [
            "",
            "canary",
            "canary@",
            "@example.org",
            "canary@host",
            "a@b@example.org",
            "a b@example.org",
            " a@example.org",
            "a@example.org\r\nRCPT TO:<b@example.org>",
            "a\u{0}@example.org",
            "a\u{202e}b@example.org",
            "a\u{200b}@example.org",
            "\"canary\"@example.org",
            "Canary <canary@example.org>",
            ".a@example.org",
            "a..b@example.org",
            "a@-example.org",
            "a@example..org",
            "a@example.org.",
            "a@[127.0.0.1]",
            &long_local,
            &long,
        ] {
            let error = bad.parse::<EmailAddress>().unwrap_err();
            assert!(!error.to_string().contains("canary"), "{bad:?}: {error}");
        }
    }

    #[test]
    fn what_is_sealed_is_not_shown() {
        assert_eq!(format!("{:?}", Sealed::new("noise".into())), "Sealed(..)");
    }
}
