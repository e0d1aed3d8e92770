//! Card numbers in free text: they are refused wherever people may write what they like, so that none is ever stored.

/// As many characters as may stand between two groups of a number's digits.
const WIDEST_GAP: usize = 3;

/// Whether the text holds what looks like a card number: 13 to 19 digits (ISO/IEC 7812-1) of any script that people type
/// on their phones, together or in groups with up to three blanks, dots, dashes or strokes between them, whose last is the
/// Luhn check digit of the others. Up to 15 digits after a `+` are a telephone number (ITU-T E.164).
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    runs(text).iter().any(|Run { plus, groups }| {
        (0..groups.len()).any(|first| {
            let shortest = if *plus && first == 0 { 16 } else { 13 };
            let mut digits = Vec::new();
            groups[first..].iter().any(|group| {
                digits.extend(group);
                (shortest..=19).contains(&digits.len()) && passes_luhn(&digits)
            })
        })
    })
}

/// Groups of digits that may be one number.
#[derive(Default)]
struct Run {
    /// A `+` stands before it.
    plus: bool,
    groups: Vec<Vec<u32>>,
}

fn runs(text: &str) -> Vec<Run> {
    let (mut runs, mut gap, mut plus) = (vec![Run::default()], 0, false);
    for character in text.chars() {
        if let Some(digit) = digit(character) {
            let begins = gap > WIDEST_GAP || runs.last().is_none_or(|run| run.groups.is_empty());
            if begins {
                runs.push(Run { plus, groups: vec![] });
            }
            if let Some(run) = runs.last_mut() {
                match run.groups.last_mut() {
                    Some(group) if gap == 0 => group.push(digit),
                    Some(_) | None => run.groups.push(vec![digit]),
                }
            }
            (gap, plus) = (0, false);
        } else if is_separator(character) {
            gap += 1;
        } else {
            // Whatever else there is ends a number.
            (gap, plus) = (WIDEST_GAP + 1, character == '+');
        }
    }
    runs
}

/// ASCII, Arabic, Persian and full-width digits.
fn digit(character: char) -> Option<u32> {
    let of = |zero: char| u32::from(character).checked_sub(u32::from(zero)).filter(|digit| *digit < 10);
    ['0', '\u{660}', '\u{6f0}', '\u{ff10}'].into_iter().find_map(of)
}

/// What people write between the groups of a number. Not what they write in times and sums.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '.' | '-' | '_' | '/' | '\\' | '*' | '\u{b7}' | '\u{2010}'..='\u{2015}' | '\u{2212}'
        )
}

fn passes_luhn(digits: &[u32]) -> bool {
    let weighed = digits.iter().rev().enumerate().map(|(place, digit)| match (place % 2, digit * 2) {
        (0, _) => *digit,
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
            "4111 1111  1111 1111",
            "4111\u{202f}1111\u{a0}1111\u{2009}1111",
            "4111_1111_1111_1111",
            "4111/1111/1111/1111",
            "4111 - 1111 - 1111 - 1111",
            "4111\u{2013}1111\u{2013}1111\u{2013}1111",
            "\u{ff14}\u{ff11}\u{ff11}\u{ff11}111111111111",
            "\u{664}\u{661}\u{661}\u{661} 1111 1111 1111",
            "+33 6 12 34 56 78, 4111 1111 1111 1111",
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
            "+378282246310005",
            "12345678901234567890123456789012",
            "2026-11-23 21:54:41",
            "4111 1111, 1111 1111",
            "4111 1111     1111 1111",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
