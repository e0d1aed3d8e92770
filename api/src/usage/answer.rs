//! Numbers as the answers write them: bytes exactly, larger units for people to read.

use domain::ByteCount;
use domain::plan::Limit;

/// Binary megabytes, to 6 decimals (a byte).
pub(super) fn megabytes(bytes: ByteCount) -> f64 {
    rounded(bytes.megabytes(), 1e6)
}

/// Binary gigabytes, to 6 decimals.
pub(super) fn gigabytes(bytes: ByteCount) -> f64 {
    rounded(bytes.gigabytes(), 1e6)
}

/// How much of its limit is used, in per cent to 2 decimals: over 100 when it is exceeded, 0 when there is no limit.
/// Of a limit of nothing everything is 100.
// For people to read; what is exceeded is decided in whole bytes.
#[allow(clippy::cast_precision_loss)]
pub(super) fn percentage(used: ByteCount, limit: Option<ByteCount>) -> f64 {
    match limit {
        None => 0.0,
        Some(ByteCount::ZERO) => {
            if used == ByteCount::ZERO {
                0.0
            } else {
                100.0
            }
        }
        Some(limit) => rounded(used.get() as f64 / limit.get() as f64 * 100.0, 1e2),
    }
}

/// A limit in the plan's own unit; -1 is without limit.
pub(super) fn limit(limit: Limit) -> i64 {
    limit.into()
}

fn rounded(number: f64, places: f64) -> f64 {
    (number * places).round() / places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_six_decimals() {
        assert_eq!(megabytes(ByteCount::from(1_234_567)), 1.177_375);
        assert_eq!(gigabytes(ByteCount::from(1)), 0.0);
        assert_eq!(gigabytes(ByteCount::from(5 << 20)), 0.004_883);
        assert_eq!(megabytes(ByteCount::MAX), 8_796_093_022_208.0);
    }

    #[test]
    fn percentages_go_over_a_hundred_and_need_a_limit() {
        let bytes = ByteCount::from;
        assert_eq!(percentage(bytes(1), Some(bytes(3))), 33.33);
        assert_eq!(percentage(bytes(30), Some(bytes(20))), 150.0);
        assert_eq!(percentage(bytes(30), None), 0.0);
        assert_eq!(percentage(bytes(0), Some(bytes(0))), 0.0);
        assert_eq!(percentage(bytes(1), Some(bytes(0))), 100.0);
    }
}
