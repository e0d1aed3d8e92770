//! Names of things, as the PaaS writes them (`contracts/devpush.md`), each a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not exactly 32 characters of `0-9a-f`.
    #[error("must be 32 lower-case hexadecimal characters")]
    NotHex,
    /// Not 1 to 64 characters of `a-z`, `0-9` and `-`.
    #[error("must be 1 to 64 characters of a-z, 0-9 and -")]
    NotASlug,
    /// Not a UUID in its usual lower-case form.
    #[error("must be a UUID in lower case, such as 0192f0c1-2b3c-7d4e-8f50-617283940a5b")]
    NotAUuid,
    /// Not 1 to 128 visible ASCII characters.
    #[error("must be 1 to 128 visible ASCII characters")]
    NotAnExternalId,
    /// Neither `mail:{event_id}:{user_id}` nor `webhook:{event_id}`.
    #[error("must be mail:EVENT:USER or webhook:EVENT")]
    NotADeliveryId,
    /// Not `{project_id}:{YYYY-MM}`.
    #[error("must be a project id and a month, written PROJECT:YYYY-MM")]
    NotAUsageId,
}

/// Sixteen bytes from 32 lower-case hex characters.
fn parse_hex(text: &[u8]) -> Option<[u8; 16]> {
    const fn nibble(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let pairs: &[[u8; 2]; 16] = pairs.try_into().ok()?;
    let mut bytes = [0; 16];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(bytes)
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these sixteen bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes that the 32 characters stand for.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let mut text = [0; 32];
                for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
                    *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
                }
                f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text.as_bytes()).map(Self).ok_or(IdError::NotHex)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("32 lower-case hexadecimal characters")
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

hex_id!(
    /// A project: 32 lower-case hexadecimal characters.
    ProjectId
);
hex_id!(
    /// A team: 32 lower-case hexadecimal characters.
    TeamId
);
hex_id!(
    /// A deployment of a project: 32 lower-case hexadecimal characters.
    DeploymentId
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Where the hyphens stand (RFC 9562, section 4).
            const HYPHENS: [usize; 4] = [8, 13, 18, 23];

            /// The id with these sixteen bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let (hyphens, digits): (Vec<_>, Vec<_>) =
                    text.bytes().enumerate().partition(|(place, _)| Self::HYPHENS.contains(place));
                let digits: Vec<u8> = digits.into_iter().map(|(_, digit)| digit).collect();
                let whole = hyphens.len() == 4 && hyphens.iter().all(|(_, byte)| *byte == b'-');
                whole.then(|| parse_hex(&digits)).flatten().map(Self).ok_or(IdError::NotAUuid)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = ProjectId(self.0).to_string();
                Self::HYPHENS.into_iter().for_each(|place| text.insert(place, '-'));
                f.pad(&text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

uuid_id!(
    /// A payment: a UUID (version 7, so that ids are in the order of their making) in its usual lower-case form.
    PaymentId
);
uuid_id!(
    /// An event of the log: a UUID in its usual lower-case form.
    EventId
);

/// What the payment backend calls a payment: 1 to 128 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalPaymentId(String);

impl ExternalPaymentId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ExternalPaymentId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        if (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(IdError::NotAnExternalId)
        }
    }
}

impl FromStr for ExternalPaymentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.to_owned().try_into()
    }
}

impl From<ExternalPaymentId> for String {
    fn from(id: ExternalPaymentId) -> Self {
        id.0
    }
}

impl fmt::Display for ExternalPaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user: the PaaS's own integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A team's or project's name in addresses: 1 to 64 characters of `a-z`, `0-9` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(IdError::NotASlug)
        }
    }
}

impl FromStr for Slug {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.to_owned().try_into()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_ids_keep_their_text() {
        let text = "0123456789abcdef0123456789abcdef";
        assert_eq!(text.parse::<ProjectId>().unwrap().to_string(), text);
    }

    #[test]
    fn anything_else_is_no_hex_id() {
        for bad in [
            "",
            "0123456789ABCDEF0123456789abcdef",
            "0123456789abcdef0123456789abcde",
            "g123456789abcdef0123456789abcdef",
            "é123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(bad.parse::<TeamId>(), Err(IdError::NotHex), "{bad}");
        }
    }

    #[test]
    fn payment_ids_have_one_form() {
        let text = "0192f0c1-2b3c-7d4e-8f50-617283940a5b";
        assert_eq!(text.parse::<PaymentId>().unwrap().to_string(), text);
        for bad in [
            "",
            "0192f0c12b3c7d4e8f50617283940a5b",
            "0192F0C1-2b3c-7d4e-8f50-617283940a5b",
            "0192f0c1-2b3c-7d4e-8f50-617283940a5",
            "0192f0c1-2b3c-7d4e-8f50-617283940a5b0",
            "0192f0c12-b3c-7d4e-8f50-617283940a5b",
        ] {
            assert_eq!(bad.parse::<PaymentId>(), Err(IdError::NotAUuid), "{bad}");
        }
    }

    #[test]
    fn external_ids_are_checked() {
        assert!("om-1:A/b%2F".parse::<ExternalPaymentId>().is_ok());
        for bad in ["", "a b", "é", "a\n", &"x".repeat(129)] {
            assert_eq!(bad.parse::<ExternalPaymentId>(), Err(IdError::NotAnExternalId), "{bad}");
        }
    }

    #[test]
    fn slugs_are_checked() {
        assert!("my-team-1".parse::<Slug>().is_ok());
        for bad in ["", "My", "a b", "a/b", &"x".repeat(65)] {
            assert_eq!(bad.parse::<Slug>(), Err(IdError::NotASlug), "{bad}");
        }
    }
}
