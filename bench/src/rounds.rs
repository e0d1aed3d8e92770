//! Measuring something a few times.

use std::time::Duration;

/// The one in the middle: what a run that was disturbed once still gets right.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How many a second.
pub(crate) fn rate(count: usize, took: Duration) -> f64 {
    as_float(count as u64) / took.as_secs_f64()
}

/// For ratios that people read: the 53 bits of a double are more than they want to see.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let times = [9, 1, 5].map(Duration::from_secs).to_vec();
        assert_eq!(median(times), Duration::from_secs(5));
        assert_eq!(median(vec![]), Duration::ZERO);
    }
}
