//! An exact amount: read from a JSON number's text and written back as one, never through a float.

use iso_currency::Currency;
use serde_json::value::RawValue;

/// More digits than any amount has; beyond them a number is refused unread.
const DIGITS: usize = 30;

/// Minor units (cents of EUR, whole francs of XOF) of an ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) minor: u64,
    pub(crate) currency: Currency,
}

/// Why a JSON value is no amount.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAmount {
    #[error("amount must be a JSON number, such as 3.0")]
    NotANumber,
    #[error("amount must be more than 0")]
    NotPositive,
    #[error("amount is too large")]
    TooLarge,
    #[error("amount has more than the {0} decimal digits of its currency")]
    TooPrecise(u32),
}

impl Money {
    /// From the text of a JSON number in major units: `3`, `3.0`, `3.00` and `30e-1` are all 300 cents of EUR.
    pub(crate) fn parse(json: &str, currency: Currency) -> Result<Self, NoAmount> {
        if json.starts_with('-') {
            return Err(NoAmount::NotPositive);
        }
        let (mantissa, power) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
            return Err(NoAmount::NotANumber);
        }
        if json.len() > DIGITS {
            return Err(NoAmount::TooLarge);
        }
        let power: i32 = power.parse().map_err(|_| NoAmount::TooLarge)?;
        // Zeros at the end say nothing; what is left must fit into the currency's digits.
        let digits = format!("{whole}{part}");
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Err(NoAmount::NotPositive);
        }
        let exponent = exponent(currency);
        let trimmed = digits.len() - significant.len();
        let shift = i64::from(power) + i64::from(exponent) + signed(trimmed) - signed(part.len());
        let shift = match u32::try_from(shift) {
            Ok(shift) => shift,
            Err(_) if shift < 0 => return Err(NoAmount::TooPrecise(exponent)),
            Err(_) => return Err(NoAmount::TooLarge),
        };
        let minor = significant.parse::<u64>().ok().zip(10_u64.checked_pow(shift));
        // Nothing beyond what every backend's 64-bit integer holds.
        let minor = minor.and_then(|(digits, factor)| digits.checked_mul(factor));
        let minor = minor.filter(|minor| i64::try_from(*minor).is_ok()).ok_or(NoAmount::TooLarge)?;
        Ok(Self { minor, currency })
    }

    /// Major units with all of the currency's digits: `3.00`, `2000`.
    pub(crate) fn major(self) -> String {
        let (whole, part) = self.split();
        if part.is_empty() { whole } else { format!("{whole}.{part}") }
    }

    /// The same as a JSON number.
    pub(crate) fn json(self) -> Option<Box<RawValue>> {
        RawValue::from_string(self.major()).ok()
    }

    /// The digits before and after the decimal sign; none after it where the currency has no minor unit.
    pub(crate) fn split(self) -> (String, String) {
        let exponent = exponent(self.currency);
        let unit = 10_u64.pow(exponent);
        let part = if exponent == 0 {
            String::new()
        } else {
            format!("{:0width$}", self.minor % unit, width = exponent as usize)
        };
        ((self.minor / unit).to_string(), part)
    }

    /// One minor unit less, or more where only one is there.
    pub(crate) fn off_by_one(self) -> Self {
        let minor = if self.minor > 1 { self.minor - 1 } else { self.minor + 1 };
        Self { minor, ..self }
    }

    /// The same number of another currency with as many digits.
    pub(crate) fn in_another_currency(self) -> Self {
        let [one, other] = match exponent(self.currency) {
            0 => [Currency::XOF, Currency::XAF],
            3 => [Currency::TND, Currency::KWD],
            _ => [Currency::EUR, Currency::USD],
        };
        Self { currency: if self.currency == one { other } else { one }, ..self }
    }
}

/// How many decimal digits the currency's minor unit has (ISO 4217).
fn exponent(currency: Currency) -> u32 {
    currency.exponent().unwrap_or(0).into()
}

/// Of the length of a short text.
fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(json: &str) -> Result<u64, NoAmount> {
        Money::parse(json, Currency::EUR).map(|money| money.minor)
    }

    #[test]
    fn every_form_of_a_number_is_read_exactly() {
        for json in ["3", "3.0", "3.00", "3.000", "30e-1", "0.3E1", "0.03e+2", "300e-2"] {
            assert_eq!(eur(json), Ok(300), "{json}");
        }
        assert_eq!(eur("0.01"), Ok(1));
        assert_eq!(eur("1.10"), Ok(110));
        assert_eq!(eur("92233720368547758.07"), Ok(9_223_372_036_854_775_807));
        assert_eq!(Money::parse("2000", Currency::XOF).map(|money| money.minor), Ok(2000));
        assert_eq!(Money::parse("2000.0", Currency::XOF).map(|money| money.minor), Ok(2000));
        assert_eq!(Money::parse("1.234", Currency::TND).map(|money| money.minor), Ok(1234));
    }

    #[test]
    fn what_is_no_amount_is_named() {
        for json in ["\"3.0\"", "null", "[3]", "true", ""] {
            assert_eq!(eur(json), Err(NoAmount::NotANumber), "{json}");
        }
        for json in ["0", "0.00", "0e9", "-1", "-0.01"] {
            assert_eq!(eur(json), Err(NoAmount::NotPositive), "{json}");
        }
        for json in
            ["92233720368547758.08", "1e17", "1e99", "1e999999999999", "1000000000000000000000000000001"]
        {
            assert_eq!(eur(json), Err(NoAmount::TooLarge), "{json}");
        }
        for json in ["0.001", "3.001", "1e-3"] {
            assert_eq!(eur(json), Err(NoAmount::TooPrecise(2)), "{json}");
        }
        assert_eq!(Money::parse("2000.5", Currency::XOF), Err(NoAmount::TooPrecise(0)));
    }

    #[test]
    fn written_with_the_currency_s_digits() {
        let major = |minor, currency| Money { minor, currency }.major();
        assert_eq!(major(300, Currency::EUR), "3.00");
        assert_eq!(major(1, Currency::EUR), "0.01");
        assert_eq!(major(2000, Currency::XOF), "2000");
        assert_eq!(major(5, Currency::TND), "0.005");
    }

    #[test]
    fn what_is_wrong_on_purpose_is_wrong_by_one_thing() {
        let money = |minor, currency| Money { minor, currency };
        assert_eq!(money(300, Currency::EUR).off_by_one(), money(299, Currency::EUR));
        assert_eq!(money(1, Currency::EUR).off_by_one(), money(2, Currency::EUR));
        for (from, to) in [
            (Currency::EUR, Currency::USD),
            (Currency::USD, Currency::EUR),
            (Currency::XOF, Currency::XAF),
            (Currency::JPY, Currency::XOF),
            (Currency::TND, Currency::KWD),
        ] {
            assert_eq!(money(300, from).in_another_currency(), money(300, to));
        }
    }
}
