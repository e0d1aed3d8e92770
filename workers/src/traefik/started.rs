//! Whether Traefik's process is still the one that was read last.
//!
//! The start that a process shows is "when the machine was booted" plus "how long after that", and the former moves
//! when the machine's clock is set. Taking every other start for a restart would count all counters a second time
//! whenever the clock is corrected. What no clock setting changes is the process's age: one that is clearly older than the
//! last reading is the one that was read then.

use chrono::{DateTime, TimeDelta, Utc};
use domain::source::CountersRead;

/// As much as an age may be wrong: the boot is told in whole seconds (`btime` of proc(5)), and so is when an answer was
/// served. A process that began right after the last reading must not be taken for the one before it.
const AGE_IS_WITHIN: TimeDelta = TimeDelta::seconds(2);

/// The start to count by: the one of the last reading as long as the process is the same, else the one it shows.
///
/// `served_at` is by the clock of Traefik's machine, as `shown` is; `answered_at` is by the one that readings have.
pub(super) fn started_at(
    shown: DateTime<Utc>,
    served_at: DateTime<Utc>,
    answered_at: DateTime<Utc>,
    last: Option<&CountersRead>,
) -> DateTime<Utc> {
    let Some(last) = last else { return shown };
    let age = served_at - shown;
    let since_last_reading = answered_at - last.at;
    if shown == last.started_at || age > since_last_reading + AGE_IS_WITHIN { last.started_at } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-23T{time}Z").parse().unwrap()
    }

    fn last(read_at: &str, started: &str) -> CountersRead {
        CountersRead { at: at(read_at), started_at: at(started), since_complete: 0, counters: vec![] }
    }

    #[test]
    fn the_first_reading_and_the_same_process() {
        let shown = at("10:00:00.25");
        assert_eq!(started_at(shown, at("12:00:00"), at("12:00:00"), None), shown);
        let last = last("11:59:45", "10:00:00.25");
        assert_eq!(started_at(shown, at("12:00:00"), at("12:00:00.5"), Some(&last)), shown);
    }

    #[test]
    fn a_process_that_began_after_the_last_reading_is_another_one() {
        let last = last("11:59:45", "10:00:00");
        let shown = at("11:59:50");
        assert_eq!(started_at(shown, at("12:00:00"), at("12:00:00.5"), Some(&last)), shown);
        // Its machine's clock is an hour behind ours.
        let shown = at("10:59:50");
        assert_eq!(started_at(shown, at("11:00:00"), at("12:00:00.5"), Some(&last)), shown);
    }

    #[test]
    fn one_that_began_right_after_the_last_reading_is_told_although_it_seems_older() {
        let last = last("11:59:45", "10:00:00");
        let shown = at("11:59:44.25");
        assert_eq!(started_at(shown, at("12:00:00"), at("12:00:00.5"), Some(&last)), shown);
        // The one that began right before it shows what it showed then.
        let last = self::last("11:59:45", "11:59:44.25");
        assert_eq!(started_at(shown, at("12:00:00"), at("12:00:00.5"), Some(&last)), last.started_at);
    }

    #[test]
    fn a_clock_that_was_set_is_no_restart() {
        let last = last("11:59:45", "10:00:00.25");
        // Set forward by 3 s and back by 3 s, on another machine than ours.
        for (shown, served) in [("10:00:03.25", "12:00:03"), ("09:59:57.25", "11:59:57")] {
            assert_eq!(
                started_at(at(shown), at(served), at("12:00:00"), Some(&last)),
                last.started_at,
                "{shown}"
            );
        }
        // On ours too.
        assert_eq!(
            started_at(at("10:00:03.25"), at("12:00:03"), at("12:00:03.1"), Some(&last)),
            last.started_at
        );
    }
}
