//! Calendar months and days, always in UTC: a sample belongs to the month that its own time falls in.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

/// A UTC calendar month from 2000-01 to 9998-12, written `2026-11`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    year: u16,
    month: u8,
}

/// A text or a date that is no month Servelink can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a month from 2000-01 to 9998-12, written YYYY-MM")]
pub struct MonthError;

impl Month {
    /// The month with this year and number (1 is January).
    ///
    /// # Errors
    /// [`MonthError`] outside 2000-01 to 9998-12.
    pub fn new(year: i32, month: u32) -> Result<Self, MonthError> {
        match (u16::try_from(year), u8::try_from(month)) {
            (Ok(year @ 2000..=9998), Ok(month @ 1..=12)) => Ok(Self { year, month }),
            _ => Err(MonthError),
        }
    }

    /// The month that this instant falls in.
    ///
    /// # Errors
    /// [`MonthError`] outside 2000-01 to 9998-12.
    pub fn of(instant: DateTime<Utc>) -> Result<Self, MonthError> {
        Self::new(instant.year(), instant.month())
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The number in the year: 1 is January.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.month
    }

    /// Its first instant.
    #[must_use]
    pub fn start(self) -> DateTime<Utc> {
        // The range of the type lies well inside chrono's, so the first day always exists.
        let first = NaiveDate::from_ymd_opt(self.year.into(), self.month.into(), 1).unwrap_or_default();
        first.and_time(NaiveTime::MIN).and_utc()
    }

    /// Whether this UTC day is in it.
    #[must_use]
    pub fn contains(self, day: NaiveDate) -> bool {
        (day.year(), day.month()) == (self.year.into(), self.month.into())
    }

    /// The month after it; the last one that can be held is its own successor.
    #[must_use]
    pub fn next(self) -> Self {
        let (year, month) = if self.month == 12 { (self.year + 1, 1) } else { (self.year, self.month + 1) };
        Self::new(year.into(), month.into()).unwrap_or(self)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Month {
    type Err = MonthError;
    fn from_str(text: &str) -> Result<Self, MonthError> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
            return Err(MonthError);
        }
        Self::new(year.parse().map_err(|_| MonthError)?, month.parse().map_err(|_| MonthError)?)
    }
}

impl TryFrom<String> for Month {
    type Error = MonthError;
    fn try_from(text: String) -> Result<Self, MonthError> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

/// A UTC calendar day inside a [`Month`] that can be held, written `2026-11-23`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day {
    month: Month,
    day: u8,
}

impl Day {
    /// The day that this instant falls in.
    ///
    /// # Errors
    /// [`MonthError`] outside 2000-01 to 9998-12.
    pub fn of(instant: DateTime<Utc>) -> Result<Self, MonthError> {
        let day = u8::try_from(instant.day()).map_err(|_| MonthError)?;
        Ok(Self { month: Month::of(instant)?, day })
    }

    /// The month it is in.
    #[must_use]
    pub const fn month(self) -> Month {
        self.month
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.month, self.day)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_month() {
        for bad in [
            "2026-13",
            "2026-00",
            "2026-1",
            "26-01",
            "2026",
            "1999-12",
            "9999-01",
            "2026-+1",
            "２０２６-01",
            "",
        ] {
            assert_eq!(bad.parse::<Month>(), Err(MonthError), "{bad}");
        }
    }

    #[test]
    fn december_is_followed_by_january() {
        let december: Month = "2026-12".parse().unwrap();
        assert_eq!(december.next().to_string(), "2027-01");
        assert_eq!(december.next().start().to_rfc3339(), "2027-01-01T00:00:00+00:00");
    }

    #[test]
    fn an_instant_is_in_the_utc_month() {
        let instant: DateTime<Utc> = "2026-11-30T23:30:00-01:00".parse().unwrap();
        assert_eq!(Month::of(instant).unwrap().to_string(), "2026-12");
        assert_eq!(Day::of(instant).unwrap().to_string(), "2026-12-01");
    }
}
