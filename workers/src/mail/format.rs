//! Amounts, dates and sizes as each language writes them: French by CLDR's `fr` (a narrow no-break space between groups
//! of digits, a comma, a no-break space before a unit), English by its `en-GB`. Nothing is rounded up.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use domain::{ByteCount, Money};
use iso_currency::Currency;

use super::Language;

/// `NO-BREAK SPACE`.
pub(super) const NBSP: char = '\u{a0}';
/// `NARROW NO-BREAK SPACE`.
pub(super) const NARROW: char = '\u{202f}';

/// How a language writes them.
pub trait Written {
    /// `3,00 EUR`, `2 000 FCFA`; `3.00 EUR`, `2,000 FCFA`. Both CFA francs are written as people name them.
    #[must_use]
    fn money(self, money: Money) -> String;

    /// `23 novembre 2026`, `1er janvier 2027`; `23 November 2026`. The UTC day.
    #[must_use]
    fn date(self, instant: DateTime<Utc>) -> String;

    /// The same of a calendar day.
    #[must_use]
    fn day(self, day: NaiveDate) -> String;

    /// `3,9 Go`, `3.9 GB`, of binary gigabytes. Less than one is in megabytes: `83,4 Mo`. Rounded down, so that a limit
    /// that is not reached never looks like it.
    #[must_use]
    fn size(self, bytes: ByteCount) -> String;

    /// `83 %`, `83%`.
    #[must_use]
    fn percent(self, percent: u64) -> String;

    /// A text of this language with the spaces that its typography asks for: in French none of `: ; ! ? »` may begin a
    /// line, nor `«` end one.
    #[must_use]
    fn typeset(self, text: &str) -> String;
}

impl Written for Language {
    fn money(self, money: Money) -> String {
        let major = money.major();
        let (whole, part) =
            major.split_once('.').map_or((&*major, None), |(whole, part)| (whole, Some(part)));
        let mut text = grouped(self, whole);
        if let Some(part) = part {
            text.push(decimal_mark(self));
            text.push_str(part);
        }
        let cfa = matches!(money.currency, Currency::XOF | Currency::XAF);
        let currency = if cfa { "FCFA" } else { money.currency.code() };
        format!("{text}{NBSP}{currency}")
    }

    fn date(self, instant: DateTime<Utc>) -> String {
        self.day(instant.date_naive())
    }

    fn day(self, day: NaiveDate) -> String {
        // A month's number is from 1 to 12.
        let month = months(self)[day.month0() as usize];
        let number = match (self, day.day()) {
            (Self::French, 1) => "1er".into(),
            (Self::French | Self::English, number) => number.to_string(),
        };
        format!("{number}{NBSP}{month} {}", day.year())
    }

    fn size(self, bytes: ByteCount) -> String {
        let bytes = bytes.get();
        let (unit, symbol) = match (self, bytes < ByteCount::GIGABYTE) {
            (Self::French, true) => (ByteCount::MEGABYTE, "Mo"),
            (Self::French, false) => (ByteCount::GIGABYTE, "Go"),
            (Self::English, true) => (ByteCount::MEGABYTE, "MB"),
            (Self::English, false) => (ByteCount::GIGABYTE, "GB"),
        };
        let tenth = bytes % unit * 10 / unit;
        format!("{}{}{tenth}{NBSP}{symbol}", grouped(self, &(bytes / unit).to_string()), decimal_mark(self))
    }

    fn percent(self, percent: u64) -> String {
        let number = grouped(self, &percent.to_string());
        match self {
            Self::French => format!("{number}{NARROW}%"),
            Self::English => format!("{number}%"),
        }
    }

    fn typeset(self, text: &str) -> String {
        match self {
            Self::English => text.into(),
            Self::French => {
                let mut text =
                    text.replace(" :", "\u{a0}:").replace(" »", "\u{a0}»").replace("« ", "«\u{a0}");
                for (plain, typeset) in [(" ;", "\u{202f};"), (" !", "\u{202f}!"), (" ?", "\u{202f}?")] {
                    text = text.replace(plain, typeset);
                }
                text
            }
        }
    }
}

const fn decimal_mark(language: Language) -> char {
    match language {
        Language::French => ',',
        Language::English => '.',
    }
}

/// A whole number, perhaps below zero, with its digits in threes.
fn grouped(language: Language, number: &str) -> String {
    let separator = match language {
        Language::French => NARROW,
        Language::English => ',',
    };
    let digits = number.len() - usize::from(number.starts_with('-'));
    let mut text = String::with_capacity(number.len() * 2);
    for (left, character) in (0..number.len()).rev().zip(number.chars()) {
        text.push(character);
        if left > 0 && left % 3 == 0 && left < digits {
            text.push(separator);
        }
    }
    text
}

const fn months(language: Language) -> [&'static str; 12] {
    match language {
        Language::French => [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        Language::English => [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{English, French};
    use super::*;

    #[test]
    fn amounts() {
        for (minor, currency, french, english) in [
            (300, Currency::EUR, "3,00\u{a0}EUR", "3.00\u{a0}EUR"),
            (2_000, Currency::XOF, "2\u{202f}000\u{a0}FCFA", "2,000\u{a0}FCFA"),
            (999, Currency::XAF, "999\u{a0}FCFA", "999\u{a0}FCFA"),
            (123_456_789, Currency::EUR, "1\u{202f}234\u{202f}567,89\u{a0}EUR", "1,234,567.89\u{a0}EUR"),
            (-100_000, Currency::XOF, "-100\u{202f}000\u{a0}FCFA", "-100,000\u{a0}FCFA"),
            (-5, Currency::EUR, "-0,05\u{a0}EUR", "-0.05\u{a0}EUR"),
            (1_234_567, Currency::TND, "1\u{202f}234,567\u{a0}TND", "1,234.567\u{a0}TND"),
        ] {
            let money = Money::new(minor, currency);
            assert_eq!((&*French.money(money), &*English.money(money)), (french, english));
        }
    }

    #[test]
    fn dates() {
        let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        for (text, french, english) in [
            ("2026-11-23T00:00:00Z", "23\u{a0}novembre 2026", "23\u{a0}November 2026"),
            ("2027-01-01T00:00:00Z", "1er\u{a0}janvier 2027", "1\u{a0}January 2027"),
            ("2028-02-29T23:59:59Z", "29\u{a0}février 2028", "29\u{a0}February 2028"),
            ("2026-08-31T23:30:00-01:00", "1er\u{a0}septembre 2026", "1\u{a0}September 2026"),
        ] {
            assert_eq!((&*French.date(instant(text)), &*English.date(instant(text))), (french, english));
        }
    }

    #[test]
    fn sizes() {
        for (bytes, french, english) in [
            (0, "0,0\u{a0}Mo", "0.0\u{a0}MB"),
            (100 << 20, "100,0\u{a0}Mo", "100.0\u{a0}MB"),
            ((1 << 30) - 1, "1\u{202f}023,9\u{a0}Mo", "1,023.9\u{a0}MB"),
            (5 << 30, "5,0\u{a0}Go", "5.0\u{a0}GB"),
            ((5 << 30) - 1, "4,9\u{a0}Go", "4.9\u{a0}GB"),
            (ByteCount::MAX.get(), "8\u{202f}589\u{202f}934\u{202f}591,9\u{a0}Go", "8,589,934,591.9\u{a0}GB"),
        ] {
            let bytes = ByteCount::try_from(bytes).unwrap();
            assert_eq!((&*French.size(bytes), &*English.size(bytes)), (french, english));
        }
        assert_eq!((&*French.percent(1_234), &*English.percent(83)), ("1\u{202f}234\u{202f}%", "83%"));
    }

    #[test]
    fn french_spaces() {
        assert_eq!(
            French.typeset("Bonjour : « oui » ; vraiment ? Oui ! À https://a.example:1/?b"),
            "Bonjour\u{a0}: «\u{a0}oui\u{a0}»\u{202f}; vraiment\u{202f}? Oui\u{202f}! À https://a.example:1/?b"
        );
        assert_eq!(English.typeset("a : b"), "a : b");
    }
}
