//! Money: integer minor units and a currency. No float ever holds it.

use std::fmt;

use iso_currency::Currency;
use serde::{Deserialize, Serialize};

/// An amount of money in minor units (cents of EUR; XOF and XAF have no minor unit, so whole francs) of an
/// ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: 300 is 3.00 EUR; 2000 is 2000 XOF.
    pub minor: i64,
    /// ISO 4217.
    pub currency: Currency,
}

impl Money {
    /// This many minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The amount in this text of major units, as JSON writes numbers: `3`, `3.0`, `3.00`; never rounded.
    ///
    /// # Errors
    /// [`AmountError`].
    pub fn from_major(text: &str, currency: Currency) -> Result<Self, AmountError> {
        let exponent = Self::exponent(currency) as usize;
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            return Err(AmountError::NotDecimal);
        }
        let part = part.trim_end_matches('0');
        if part.len() > exponent {
            return Err(AmountError::TooFine { code: currency.code(), exponent });
        }
        let minor = format!("{sign}{whole}{part:0<exponent$}").parse().map_err(|_| AmountError::TooLarge)?;
        Ok(Self { minor, currency })
    }

    /// The number of major units with all of the currency's digits, as JSON writes it: `3.00`, `2000`.
    #[must_use]
    pub fn major(&self) -> String {
        let exponent = Self::exponent(self.currency);
        let unit = 10_u64.pow(exponent);
        let (whole, part) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        let sign = if self.minor < 0 { "-" } else { "" };
        if exponent == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{part:0width$}", width = exponent as usize)
        }
    }

    /// How many decimal digits the currency's minor unit has (ISO 4217): EUR 2, XOF 0.
    #[must_use]
    pub fn exponent(currency: Currency) -> u32 {
        currency.exponent().unwrap_or(0).into()
    }
}

/// `3.00 EUR`, `2000 XOF`: major units with all of the currency's digits.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.major(), self.currency.code())
    }
}

/// Why a text is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Something else than digits and a point.
    #[error("must be a decimal number in major units, such as 3.0 (without an exponent)")]
    NotDecimal,
    /// A fraction that the currency does not have.
    #[error("{code} has {exponent} decimal digits, and this has more")]
    TooFine {
        /// ISO 4217.
        code: &'static str,
        /// How many digits it has.
        exponent: usize,
    },
    /// More than can be held.
    #[error("is too large")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_with_the_currency_s_digits() {
        assert_eq!(Money::new(300, Currency::EUR).to_string(), "3.00 EUR");
        assert_eq!(Money::new(-5, Currency::EUR).to_string(), "-0.05 EUR");
        assert_eq!(Money::new(2000, Currency::XOF).to_string(), "2000 XOF");
    }

    #[test]
    fn read_exactly_or_not_at_all() {
        for (text, currency, minor) in [
            ("3", Currency::EUR, 300),
            ("3.0", Currency::EUR, 300),
            ("0.01", Currency::EUR, 1),
            ("3.1000", Currency::EUR, 310),
            ("-2.5", Currency::EUR, -250),
            ("2000", Currency::XOF, 2000),
            ("2000.0", Currency::XOF, 2000),
        ] {
            assert_eq!(Money::from_major(text, currency), Ok(Money::new(minor, currency)), "{text}");
        }
        let bad = |text, currency| Money::from_major(text, currency).unwrap_err();
        assert_eq!(bad("3.001", Currency::EUR), AmountError::TooFine { code: "EUR", exponent: 2 });
        assert_eq!(bad("2000.5", Currency::XOF), AmountError::TooFine { code: "XOF", exponent: 0 });
        assert_eq!(bad("92233720368547758.08", Currency::EUR), AmountError::TooLarge);
        for text in ["", ".5", "3.", "3e2", "+3", "3,0", " 3", "--3", "NaN"] {
            assert_eq!(bad(text, Currency::EUR), AmountError::NotDecimal, "{text:?}");
        }
    }

    #[test]
    fn written_and_read_again_it_is_the_same() {
        for minor in [0, 1, -1, 99, 100, 123_456_789, i64::MAX, -i64::MAX] {
            for currency in [Currency::EUR, Currency::XOF, Currency::TND] {
                let money = Money::new(minor, currency);
                assert_eq!(Money::from_major(&money.major(), currency), Ok(money));
            }
        }
    }
}
