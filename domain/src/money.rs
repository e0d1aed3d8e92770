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

    /// How many decimal digits the currency's minor unit has (ISO 4217): EUR 2, XOF 0.
    #[must_use]
    pub fn exponent(currency: Currency) -> u32 {
        currency.exponent().unwrap_or(0).into()
    }
}

/// `3.00 EUR`, `2000 XOF`: major units with all of the currency's digits.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = Self::exponent(self.currency);
        let unit = 10_u64.pow(exponent);
        let (whole, part) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        let sign = if self.minor < 0 { "-" } else { "" };
        if exponent == 0 {
            write!(f, "{sign}{whole} {}", self.currency.code())
        } else {
            write!(f, "{sign}{whole}.{part:0width$} {}", self.currency.code(), width = exponent as usize)
        }
    }
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
}
