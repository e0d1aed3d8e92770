//! What is recorded of a failure: history is for ever, and no place for anything personal.

use domain::delivery::LONGEST_REASON;

/// The reason in one line, as long as history takes, without a word that has an `@`: servers repeat addresses.
pub(super) fn recordable(reason: &str) -> String {
    let words = reason.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words.map(|word| if word.contains('@') { "***" } else { word }) {
        let gap = usize::from(!line.is_empty());
        if line.len() + gap + word.len() > LONGEST_REASON {
            break;
        }
        line.extend((gap > 0).then_some(' '));
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_left_out_and_lines_are_joined() {
        for (reason, expected) in [
            ("", ""),
            (" the server\r\n cannot\tbe reached\0", "the server cannot be reached"),
            ("550 <awa@example.org>: unknown", "550 *** unknown"),
            ("a***@example.org,é@c.d x", "*** x"),
        ] {
            assert_eq!(recordable(reason), expected);
        }
    }

    #[test]
    fn it_is_short() {
        let long = recordable(&"é1234567 ".repeat(1_000));
        assert!(long.len() <= LONGEST_REASON && long.len() > LONGEST_REASON - 20, "{}", long.len());
        assert_eq!(recordable(&"x".repeat(LONGEST_REASON)).len(), LONGEST_REASON);
        assert_eq!(recordable(&"x".repeat(LONGEST_REASON + 1)), "", "one word that long says nothing");
    }
}
