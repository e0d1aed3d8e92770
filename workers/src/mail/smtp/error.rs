//! Why a mail was not handed over, and whether another try can help. Nothing personal is in it.

use lettre::transport::smtp::Error;

use super::recipient::{Recipient, masked as mask};

/// Replies about who we are, not about the mail (RFC 4954, section 6): a wrong password must not lose mail, since the
/// operator can put it right.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];
/// How an enhanced status of a policy begins (RFC 3463, section 3.8), such as 5.7.1 for "relay access denied": most often
/// it is about us too, and what is not is tried a few times in vain.
const POLICY: &str = "5.7.";
/// The most characters of an answer that are kept.
const LONGEST: usize = 300;

/// Why a mail was not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server will not take this mail for this address, however often it is tried.
    #[error("the mail is refused for good: {0}")]
    Permanent(String),
    /// The server cannot be reached, is not set up as we are told, or does not take it now.
    #[error("the mail is not sent for now: {0}")]
    Transient(String),
}

impl SendError {
    /// Whether another try is useless.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Permanent(_) => true,
            Self::Transient(_) => false,
        }
    }

    pub(super) fn of(error: &Error, to: &Recipient) -> Self {
        match error.status().map(u16::from) {
            // Some servers repeat what they were shown.
            Some(code) if ABOUT_US.contains(&code) => {
                Self::Transient(format!("the mail server refuses our user or password ({code})"))
            }
            Some(_) if error.is_permanent() && !is_policy(&error.to_string()) => {
                Self::Permanent(masked(&error.to_string(), to))
            }
            Some(_) | None => Self::Transient(masked(&error.to_string(), to)),
        }
    }
}

fn is_policy(answer: &str) -> bool {
    answer.split_whitespace().any(|word| word.starts_with(POLICY))
}

/// The text on one line, cut, with all addresses in it masked, whether they stand there whole or not.
pub(super) fn masked(text: &str, to: &Recipient) -> String {
    let text: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut left = String::with_capacity(text.len());
    for (place, part) in text.split('@').enumerate() {
        if place > 0 {
            let start = left
                .rfind(ends_an_address)
                .map_or(0, |at| at + left[at..].chars().next().map_or(0, char::len_utf8));
            let local_part = mask(&left[start..]);
            left.truncate(start);
            left.push_str(&local_part);
            left.push('@');
        }
        left.push_str(part);
    }
    // `User awa unknown`.
    let is_part = |word: &str| word.eq_ignore_ascii_case(to.local_part());
    left.split_inclusive(ends_an_address)
        .map(|word| {
            let end = word.trim_end_matches(ends_an_address).len();
            if is_part(&word[..end]) { mask(to.local_part()) + &word[end..] } else { word.into() }
        })
        .collect()
}

fn ends_an_address(character: char) -> bool {
    character.is_whitespace() || "<>()[],:;\"'`".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_masked_wherever_they_stand() {
        let to = "awa.diop@example.org".parse().unwrap();
        for (text, expected) in [
            ("550 <awa.diop@example.org>: unknown", "550 <a***@example.org>: unknown"),
            ("awa.diop@example.org,é.b@c.d", "a***@example.org,é***@c.d"),
            ("User Awa.Diop unknown\r\nin awa.diop", "User a*** unknown  in a***"),
            ("no address @ all", "no address ***@ all"),
            ("«awa.diop@example.org", "«***@example.org"),
        ] {
            assert_eq!(masked(text, &to), expected);
        }
        assert_eq!(masked(&"é".repeat(1_000), &to).chars().count(), LONGEST);
    }
}
