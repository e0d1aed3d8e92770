//! Card numbers in free text: they are refused wherever people may write what they like, so that none is ever stored.

/// As many characters as may stand between two groups of a number's digits.
const WIDEST_GAP: usize = 3;
/// The fewest digits of a group of a card number. Pairs are how telephone numbers are written, and dates.
const SMALLEST_GROUP: usize = 3;

/// Whether the text holds what looks like a card number: 13 to 19 ASCII, Arabic, Persian or full-width digits (ISO/IEC
/// 7812-1), together or in groups with the same up to three blanks, dots, dashes or strokes between them, whose last is the
/// Luhn check digit of the others. Up to 15 digits after a `+` are a telephone number (ITU-T E.164).
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    let groups = groups(text);
    (0..groups.len()).any(|first| {
        let shortest = if groups[first].plus { 16 } else { 13 };
        let mut digits = Vec::new();
        for (place, group) in groups[first..].iter().enumerate() {
            let goes_on = match place {
                0 => true,
                1 => group.follows(None),
                _ => group.follows(groups[first + 1].gap.as_deref()),
            };
            if !goes_on {
                return false;
            }
            digits.extend(&group.digits);
            let grouped =
                groups[first..=first + place].iter().all(|group| group.digits.len() >= SMALLEST_GROUP);
            if (shortest..=19).contains(&digits.len()) && (place == 0 || grouped) && passes_luhn(&digits) {
                return true;
            }
        }
        false
    })
}

/// Digits that stand together.
struct Group {
    digits: Vec<u32>,
    /// What stands before it, after another group; none if that ends a number.
    gap: Option<String>,
    /// A `+` stands right before it.
    plus: bool,
}

impl Group {
    /// Whether it may be of one number with the group before it, where the gaps of that number are these.
    fn follows(&self, gaps: Option<&str>) -> bool {
        self.gap.as_deref().is_some_and(|gap| gaps.is_none_or(|gaps| gaps == gap))
    }
}

fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    // None: whatever stands there ends a number.
    let (mut gap, mut plus, mut in_digits) = (None, false, false);
    for character in text.chars() {
        if let Some(digit) = digit(character) {
            match groups.last_mut() {
                Some(group) if in_digits => group.digits.push(digit),
                Some(_) | None => groups.push(Group { digits: vec![digit], gap: gap.take(), plus }),
            }
            (gap, plus, in_digits) = (Some(String::new()), false, true);
        } else {
            gap = match (gap, separator(character)) {
                (Some(gap), Some(separator)) if gap.chars().count() < WIDEST_GAP => Some(gap + separator),
                (Some(_) | None, _) => None,
            };
            (plus, in_digits) = (character == '+', false);
        }
    }
    groups
}

/// ASCII, Arabic, Persian and full-width digits.
fn digit(character: char) -> Option<u32> {
    let of = |zero: char| u32::from(character).checked_sub(u32::from(zero)).filter(|digit| *digit < 10);
    ['0', '\u{660}', '\u{6f0}', '\u{ff10}'].into_iter().find_map(of)
}

/// What people write between the groups of a number, alike for what looks alike. Not what they write in times and sums.
fn separator(character: char) -> Option<&'static str> {
    match character {
        character if character.is_whitespace() => Some(" "),
        '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}' => Some("-"),
        '.' | '*' | '\u{b7}' => Some("."),
        '/' | '\\' => Some("/"),
        _ => None,
    }
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
            "4111 1111  1111 1111",
            "07 08 09 10 11 / 05 06 07 08 09",
            "07 08 09 10 11 05 06 07 08 09",
            "23/11/2026 07 08 09 10 11",
            "4111 1111     1111 1111",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
