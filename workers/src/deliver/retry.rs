//! When a delivery that failed is tried again, and when it is given up.

use chrono::{DateTime, TimeDelta, Utc};

/// The tries after the first one, in seconds from when that failed, in order. A delivery whose last one failed is given
/// up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries(pub &'static [i64]);

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

impl Retries {
    /// 1, 5, 15, 30 minutes, then every hour for a day: servers of mail are down for hours, and what they take late is
    /// still news.
    pub const MAIL: Self = Self(&every_hour_for_a_day());

    /// 5 seconds, 5 minutes, half an hour, 2, 5, 10 and 10 hours, each after the one before: as Svix does, which the
    /// Standard Webhooks come from.
    pub const WEBHOOK: Self =
        Self(&one_after_the_other([5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR]));

    /// Whether it may be tried now: `since` it failed first, and `last` it was tried, if this process did.
    #[must_use]
    pub fn may_try(
        &self,
        since: Option<DateTime<Utc>>,
        last: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> bool {
        // One that failed and was not recorded so: it counts from the last try.
        let Some(since) = since.or(last) else { return true };
        let last = last.unwrap_or(since);
        let next = self.0.iter().map(|offset| after(since, *offset)).find(|next| *next > last);
        // One whose last try failed, and that was not recorded: recording it takes another one.
        next.is_none_or(|next| now >= next)
    }

    /// Whether what failed now is not tried any more.
    #[must_use]
    pub fn are_over(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.0.last().is_none_or(|last| now >= after(since, *last))
    }
}

fn after(instant: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    instant.checked_add_signed(TimeDelta::seconds(seconds)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

const fn every_hour_for_a_day() -> [i64; 28] {
    let mut offsets = [0; 28];
    (offsets[0], offsets[1], offsets[2], offsets[3]) = (MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE);
    let (mut place, mut hours) = (4, 1);
    while place < offsets.len() {
        offsets[place] = hours * HOUR;
        (place, hours) = (place + 1, hours + 1);
    }
    offsets
}

const fn one_after_the_other<const N: usize>(waits: [i64; N]) -> [i64; N] {
    let mut offsets = waits;
    let mut place = 1;
    while place < N {
        offsets[place] += offsets[place - 1];
        place += 1;
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When it is tried, in seconds after the first failure, if a job looks every 5 seconds and nothing works; and when
    /// it is given up.
    fn tries(retries: Retries) -> (Vec<i64>, i64) {
        let since: DateTime<Utc> = "2026-11-24T10:00:00Z".parse().unwrap();
        let (mut last, mut tried) = (since, Vec::new());
        for second in (0..).step_by(5) {
            let now = since + TimeDelta::seconds(second);
            if retries.may_try(Some(since), Some(last), now) {
                tried.push(second);
                last = now;
                if retries.are_over(since, now) {
                    return (tried, second);
                }
            }
        }
        unreachable!("it goes on for ever")
    }

    #[test]
    fn mail_is_tried_for_a_day() {
        let hours = (1..=24).map(|hour| hour * HOUR);
        let expected: Vec<_> = [60, 300, 900, 1_800].into_iter().chain(hours).collect();
        assert_eq!(tries(Retries::MAIL), (expected, 24 * HOUR));
    }

    #[test]
    fn webhooks_are_tried_as_svix_does() {
        let expected = vec![5, 305, 2_105, 9_305, 27_305, 63_305, 99_305];
        assert_eq!(tries(Retries::WEBHOOK), (expected, 99_305));
    }

    #[test]
    fn after_a_restart_what_is_late_is_tried_at_once_and_what_is_early_waits() {
        let since: DateTime<Utc> = "2026-11-24T10:00:00Z".parse().unwrap();
        let at = |seconds| since + TimeDelta::seconds(seconds);
        let may = |last: Option<i64>, now| Retries::MAIL.may_try(Some(since), last.map(at), at(now));
        assert!(Retries::MAIL.may_try(None, None, since), "it was never tried");
        assert_eq!([may(None, 59), may(None, 60), may(None, 5 * HOUR)], [false, true, true]);
        assert_eq!([may(Some(5 * HOUR), 6 * HOUR - 1), may(Some(5 * HOUR), 6 * HOUR)], [false, true]);
        assert!(
            may(None, 50 * HOUR) && may(Some(24 * HOUR), 24 * HOUR + 5),
            "the end is still to be recorded"
        );
        // A clock that was set back.
        assert!(!may(Some(HOUR), 0) && !Retries::MAIL.are_over(since, since - TimeDelta::hours(1)));
        assert!(
            !Retries::MAIL.may_try(None, Some(since), at(59))
                && Retries::MAIL.may_try(None, Some(since), at(60))
        );
    }
}
