//! An address that a mail goes to. It is personal: only its first letter and its domain are ever shown.

use std::fmt;
use std::str::FromStr;

use lettre::Address;
use lettre::message::Mailbox;

/// A mail address, shown as `a***@example.org`.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(Address);

/// A text that is no mail address. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a mail address such as name@example.org")]
pub struct RecipientError;

impl Recipient {
    /// Without a name: it would be one more thing about a person to keep.
    pub(super) fn mailbox(&self) -> Mailbox {
        Mailbox::new(None, self.0.clone())
    }

    /// What stands before the `@`.
    pub(super) fn local_part(&self) -> &str {
        self.0.user()
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;
    fn from_str(text: &str) -> Result<Self, RecipientError> {
        text.trim().parse().map(Self).map_err(|_| RecipientError)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", masked(self.local_part()), self.0.domain())
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Its first letter, and no more than that.
pub(super) fn masked(local_part: &str) -> String {
    local_part.chars().take(1).chain("***".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_letter_is_shown() {
        for (address, shown) in [
            ("awa@example.org", "a***@example.org"),
            (" a@example.org ", "a***@example.org"),
            ("é.diop@example.org", "é***@example.org"),
        ] {
            let recipient: Recipient = address.parse().unwrap();
            assert_eq!((recipient.to_string(), format!("{recipient:?}")), (shown.into(), shown.into()));
        }
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for bad in [
            "",
            "canary",
            "canary@",
            "@example.org",
            "canary@example.org\r\nRCPT TO:<b@example.org>",
            "a b@c.d",
        ] {
            let error = bad.parse::<Recipient>().unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
