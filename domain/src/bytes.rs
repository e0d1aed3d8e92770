//! Numbers of bytes: `u64` here, `i64` in SQL, with a checked step between the two.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes, from 0 to `i64::MAX` (SQL's and JSON producers' largest integer, 8 EiB).
///
/// Megabytes and gigabytes are binary (1,048,576 and 1,073,741,824 bytes) because the plans' numbers are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct ByteCount(u64);

/// A number of bytes over `i64::MAX`, or one below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 0 to 9223372036854775807")]
pub struct ByteCountError;

impl ByteCount {
    /// No bytes.
    pub const ZERO: Self = Self(0);
    /// The most that can be held: `i64::MAX`.
    pub const MAX: Self = Self(i64::MAX.unsigned_abs());
    /// Bytes in a (binary) megabyte.
    pub const MEGABYTE: u64 = 1 << 20;
    /// Bytes in a (binary) gigabyte.
    pub const GIGABYTE: u64 = 1 << 30;

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as SQL holds it. Never negative: the type's range is SQL's.
    #[must_use]
    pub const fn to_sql(self) -> i64 {
        self.0.cast_signed()
    }

    /// The sum, or `None` when it is over the largest number that can be held.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::try_from(self.0.checked_add(other.0)?).ok()
    }

    /// Megabytes, for people to read: never calculated with.
    #[must_use]
    pub fn megabytes(self) -> f64 {
        self.in_units_of(Self::MEGABYTE)
    }

    /// Gigabytes, for people to read: never calculated with.
    #[must_use]
    pub fn gigabytes(self) -> f64 {
        self.in_units_of(Self::GIGABYTE)
    }

    // A quotient for display: the 53 bits of a double are more than anyone reads.
    #[allow(clippy::cast_precision_loss)]
    fn in_units_of(self, unit: u64) -> f64 {
        self.0 as f64 / unit as f64
    }
}

impl TryFrom<u64> for ByteCount {
    type Error = ByteCountError;
    fn try_from(bytes: u64) -> Result<Self, ByteCountError> {
        if bytes <= Self::MAX.0 { Ok(Self(bytes)) } else { Err(ByteCountError) }
    }
}

impl TryFrom<i64> for ByteCount {
    type Error = ByteCountError;
    fn try_from(bytes: i64) -> Result<Self, ByteCountError> {
        u64::try_from(bytes).map(Self).map_err(|_| ByteCountError)
    }
}

impl From<u32> for ByteCount {
    fn from(bytes: u32) -> Self {
        Self(bytes.into())
    }
}

impl From<ByteCount> for u64 {
    fn from(bytes: ByteCount) -> Self {
        bytes.0
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_sql_s() {
        assert!(ByteCount::try_from(i64::MAX.unsigned_abs()).is_ok());
        assert_eq!(ByteCount::try_from(1_u64 << 63), Err(ByteCountError));
        assert_eq!(ByteCount::try_from(-1_i64), Err(ByteCountError));
        assert_eq!(ByteCount::MAX.to_sql(), i64::MAX);
    }

    #[test]
    fn sums_that_do_not_fit_are_refused() {
        assert_eq!(ByteCount::MAX.checked_add(ByteCount::from(1)), None);
        assert_eq!(ByteCount::from(2).checked_add(ByteCount::from(3)), Some(ByteCount::from(5)));
    }

    #[test]
    fn units_are_binary() {
        assert_eq!(ByteCount::from(1_572_864).megabytes(), 1.5);
        assert_eq!(ByteCount::from(1 << 30).gigabytes(), 1.0);
    }
}
