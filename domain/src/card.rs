//! Card numbers in free text: they are refused wherever people may write what they like, so that none is ever stored.

/// Whether the text holds what looks like a card number: 13 to 19 digits (ISO/IEC 7812-1), together or in groups with
/// one blank, dot or hyphen between them, whose last is the Luhn check digit of the others. Up to 15 digits after a `+`
/// are a telephone number (ITU-T E.164).
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    let separator = |character: char| matches!(character, ' ' | '.' | '-' | '\u{a0}');
    let no_part = |character: char| !character.is_ascii_digit() && !separator(character) && character != '+';
    text.split(no_part).flat_map(|run| run.split_inclusive('+').scan(false, after_plus)).any(|(run, plus)| {
        let groups: Vec<&str> = run.split(separator).collect();
        // Two separators in a row leave an empty group, which ends a number.
        groups.split(|group| group.is_empty()).any(|groups| {
            (0..groups.len()).any(|first| {
                let shortest = if plus && first == 0 { 16 } else { 13 };
                let mut digits = String::new();
                groups[first..].iter().any(|group| {
                    digits.push_str(group);
                    (shortest..=19).contains(&digits.len()) && passes_luhn(&digits)
                })
            })
        })
    })
}

/// A run without its closing `+`, and whether one stood before it.
fn after_plus<'a>(before: &mut bool, run: &'a str) -> Option<(&'a str, bool)> {
    let plus = std::mem::replace(before, run.ends_with('+'));
    Some((run.trim_end_matches('+'), plus))
}

fn passes_luhn(digits: &str) -> bool {
    let digits = digits.chars().rev().filter_map(|digit| digit.to_digit(10));
    let weighed = digits.enumerate().map(|(place, digit)| match (place % 2, digit * 2) {
        (0, _) => digit,
        (_, double) => double / 10 + double % 10,
    });
    weighed.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_however_it_is_written() {
        for text in [
            "4111111111111111",
            "my card is 4111 1111 1111 1111, thanks",
            "4111-1111-1111-1111",
            "order 12 4111111111111111 end",
            "4111111111111111 12",
            "378282246310005",
            "carte:4222222222222.",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn other_digits_are_none() {
        for text in [
            "",
            "November 2026",
            "4111111111111112",
            "+225 07 08 09 10 11",
            "411111111111",
            "4111 1111  1111 1111",
            "12345678901234567890123456789012",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
