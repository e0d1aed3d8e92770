//! Why a mail was not handed over, and whether another try can help. Nothing personal is in it.

use super::dialogue::{Refused, Step};
use super::recipient::{Recipient, masked as mask};

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

    pub(super) fn of(refused: &Refused, to: &Recipient) -> Self {
        let Refused { step, error } = refused;
        let code = error.status().map(u16::from);
        match (step, code) {
            // Some servers repeat what they were shown.
            (Step::Password, Some(code)) => {
                Self::Transient(format!("the mail server refuses our user or password ({code})"))
            }
            // Without a user where one is needed (RFC 4954, section 6).
            (Step::Sender | Step::Recipient | Step::Content, Some(code @ 530)) => {
                Self::Transient(format!("the mail server wants a user and a password ({code})"))
            }
            (Step::Recipient | Step::Content, Some(_))
                if error.is_permanent() && is_about_the_mail(&error.to_string()) =>
            {
                Self::Permanent(masked(&error.to_string(), to))
            }
            (Step::Welcome | Step::Password | Step::Sender | Step::Recipient | Step::Content, _) => {
                Self::Transient(masked(&error.to_string(), to))
            }
        }
    }
}

/// Whether a refusal says in so many words (RFC 3463) that this reader, or this mail, is what is wrong: his address (5.1,
/// but for 5.1.0, 5.1.7 and 5.1.8, which may be about the sender's), his mailbox (5.2), the mail's size (5.3.4) or its content
/// (5.6). All else may be about us, a server's blocklist or its settings, which the operator can put right: no mail is to
/// be lost by that, and what cannot be put right is tried for a day in vain.
fn is_about_the_mail(answer: &str) -> bool {
    // It comes first (RFC 2034, section 3), after what lettre says of the code.
    let text = answer.split_once("): ").map_or(answer, |(_, text)| text);
    match text.split_whitespace().next().and_then(enhanced_status) {
        Some((1, detail)) => !matches!(detail, 0 | 7 | 8),
        Some((2 | 6, _)) | Some((3, 4)) => true,
        Some(_) | None => false,
    }
}

/// The subject and the detail of a word such as `5.1.1` (RFC 3463, section 2).
fn enhanced_status(word: &str) -> Option<(u16, u16)> {
    let mut numbers = word.strip_prefix("5.")?.trim_end_matches([':', ',', ';']).split('.');
    let (subject, detail) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    numbers.next().is_none().then_some((subject, detail))
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
    fn only_what_is_about_the_reader_or_the_mail_is_for_good() {
        for answer in [
            "permanent error (550): 5.1.1 <awa@example.org>: unknown",
            "permanent error (550): 5.2.1 disabled",
            "permanent error (552): 5.3.4: too large",
            "permanent error (554): 5.6.0 cannot be read",
        ] {
            assert!(is_about_the_mail(answer), "{answer}");
        }
        for answer in [
            "permanent error (554): no SMTP service here",
            "permanent error (550): relay not permitted",
            "permanent error (550): blocked, see 5.1.1.1",
            "permanent error (554): 5.7.1 relay access denied",
            "permanent error (553): 5.1.8 bad sender's system address",
            "permanent error (550): 5.1.x",
            "permanent error (550): 5.1.0 <usage@example.org>: Sender address rejected",
            "permanent error (554): refused by filter 5.1.1",
        ] {
            assert!(!is_about_the_mail(answer), "{answer}");
        }
    }

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
