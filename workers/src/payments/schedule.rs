//! When a payment's backend is asked again: soon at first, when most payments are decided, then less and less.

use chrono::{DateTime, Utc};
use domain::payment::FOLLOWED_FOR;

/// Seconds after its beginning: 5, 15, 30, 60 s, then 2, 5, 10, 15, 30 min. After that hourly for a day, daily from
/// then on.
const FIRST: [i64; 9] = [5, 15, 30, 60, 120, 300, 600, 900, 1_800];
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Whether it is time to ask about something that began at `since` and was last asked about at `last`.
pub(super) fn is_due(since: DateTime<Utc>, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    let seconds = |at: DateTime<Utc>| (at - since).num_seconds();
    let asked = last.map_or(0, seconds);
    next_after(asked) <= seconds(now)
}

/// Whether everything that could be learned by asking should have been learned.
pub(super) fn is_over(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - since > FOLLOWED_FOR
}

/// The first turn after this many seconds.
fn next_after(asked: i64) -> i64 {
    let first = FIRST.into_iter().find(|turn| *turn > asked);
    let every = if asked < DAY { HOUR } else { DAY };
    first.unwrap_or((asked.max(0) / every + 1) * every)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    /// The turns in seconds, when somebody looks every second.
    fn turns(until: i64) -> Vec<i64> {
        let mut asked = 0;
        let mut turns = vec![];
        while next_after(asked) <= until {
            asked = next_after(asked);
            turns.push(asked);
        }
        turns
    }

    #[test]
    fn soon_at_first_then_less_and_less() {
        let turns = turns(8 * DAY);
        assert_eq!(turns[..12], [5, 15, 30, 60, 120, 300, 600, 900, 1_800, HOUR, 2 * HOUR, 3 * HOUR]);
        assert_eq!(turns.iter().filter(|turn| **turn >= HOUR && **turn <= DAY).count(), 24);
        assert_eq!(turns.iter().filter(|turn| **turn > DAY).count(), 7);
    }

    #[test]
    fn turns_that_nobody_took_are_one() {
        let since: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
        let after = |seconds| since + TimeDelta::seconds(seconds);
        assert!(!is_due(since, None, after(4)));
        assert!(is_due(since, None, after(40)), "the node was down");
        assert!(!is_due(since, Some(after(40)), after(59)));
        assert!(is_due(since, Some(after(40)), after(60)));
        assert!(!is_due(since, Some(after(9)), after(-100)), "the clock was set back");
        assert!(is_over(since, after(8 * DAY + 1)) && !is_over(since, after(8 * DAY)));
    }
}
