//! How long answers took: every one is kept, so that a percentile is one of them and not an estimate.

use std::time::Duration;

/// Times of answers.
#[derive(Default)]
pub(crate) struct Latencies {
    /// Microseconds; sorted once they are all there.
    times: Vec<u32>,
}

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.times.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn all(each: impl IntoIterator<Item = Self>) -> Self {
        let mut times: Vec<u32> = each.into_iter().flat_map(|latencies| latencies.times).collect();
        times.sort_unstable();
        Self { times }
    }

    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    /// The shortest time within which so many per cent of the answers came. Of nothing: nothing.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let place = (self.times.len() * percent).div_ceil(100).saturating_sub(1);
        Duration::from_micros(self.times.get(place).copied().unwrap_or_default().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl Iterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::default();
        micros.for_each(|time| latencies.add(Duration::from_micros(time)));
        Latencies::all([latencies])
    }

    #[test]
    fn percentiles_are_times_that_were_seen() {
        let latencies = of((1..=200).rev());
        assert_eq!(latencies.percentile(50), Duration::from_micros(100));
        assert_eq!(latencies.percentile(99), Duration::from_micros(198));
        assert_eq!(latencies.percentile(100), Duration::from_micros(200));
    }

    #[test]
    fn few_times_have_percentiles_too() {
        assert_eq!(of([7].into_iter()).percentile(99), Duration::from_micros(7));
        assert_eq!(of([].into_iter()).percentile(50), Duration::ZERO);
    }
}
