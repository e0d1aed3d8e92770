//! When a job runs. Times of the calendar are UTC: there are no nights with 23 or 25 hours in it.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use croner::Cron;
use croner::errors::CronError;

/// A shorter interval is taken for this one.
pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// A time that was done this far in the future was done by a clock that was wrong, and does not count.
const WRONG_CLOCK: TimeDelta = TimeDelta::days(1);

/// At an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// From the beginning of one run to that of the next. After a run that takes longer the next one begins at once;
    /// turns that were missed beyond it are left out, and the rest stays in step.
    pub interval: Duration,
    /// The longest that a run may take.
    pub limit: Duration,
}

/// At times of the calendar. One that was missed while no node was up is made good at the next start; of several that
/// were missed, the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The times as a cron pattern of five fields, in UTC.
    pub cron: &'static str,
    /// Whether it runs when it never ran before.
    pub at_first: FirstStart,
    /// The longest that a run may take.
    pub limit: Duration,
}

/// What a job does that never ran before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstStart {
    /// It runs at once: what it finds is wanted.
    Run,
    /// It waits for its time.
    Wait,
}

/// When a job runs, and how long it may take.
#[derive(Debug, Clone)]
pub struct Timing {
    pub(super) when: When,
    pub(super) limit: Duration,
}

#[derive(Debug, Clone)]
pub(super) enum When {
    Every(Duration),
    At(Box<Times>),
}

/// The times of a calendar job.
#[derive(Debug, Clone)]
pub(super) struct Times {
    cron: Cron,
    pub(super) at_first: FirstStart,
}

impl From<Schedule> for Timing {
    fn from(schedule: Schedule) -> Self {
        Self { when: When::Every(schedule.interval.max(SHORTEST_INTERVAL)), limit: schedule.limit }
    }
}

impl TryFrom<Calendar> for Timing {
    type Error = CronError;
    fn try_from(calendar: Calendar) -> Result<Self, CronError> {
        let times = Times { cron: calendar.cron.parse()?, at_first: calendar.at_first };
        Ok(Self { when: When::At(Box::new(times)), limit: calendar.limit })
    }
}

impl Timing {
    /// Of a job without times.
    pub(super) fn interval(&self) -> Option<Duration> {
        match self.when {
            When::Every(interval) => Some(interval),
            When::At(_) => None,
        }
    }
}

/// The first turn after an instant of a job that runs at an interval, and began one of its runs at another.
///
/// Runs stay in step, so whichever run that was, the next ones begin whole intervals after it. It is an estimate, and less
/// than an interval from the truth: the run may have begun late in its turn, and it is told by the clock of the node that
/// ran it. What a run that takes longer than the interval holds up is not foreseen.
#[must_use]
pub fn next_turn(begun: DateTime<Utc>, interval: Duration, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let interval = i64::try_from(interval.as_millis()).ok()?.max(1);
    let turns = (now - begun).num_milliseconds().div_euclid(interval) + 1;
    begun.checked_add_signed(TimeDelta::try_milliseconds(interval.checked_mul(turns)?)?)
}

/// The first time of this cron pattern after an instant; none in this calendar.
#[must_use]
pub fn next_time(cron: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    cron.parse::<Cron>().ok()?.find_next_occurrence(&whole(now), false).ok()
}

/// A time is a whole second; croner would carry the rest of a second over into what it finds.
fn whole(now: DateTime<Utc>) -> DateTime<Utc> {
    now.trunc_subsecs(0)
}

impl Times {
    /// The last time that has come.
    pub(super) fn last(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.find_previous_occurrence(&whole(now), true).ok()
    }

    /// The next one.
    pub(super) fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.find_next_occurrence(&whole(now), false).ok()
    }

    /// The time that is to be run for now. A clock that is set back brings no time again.
    pub(super) fn due(&self, done: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let done = done.filter(|done| *done < now + WRONG_CLOCK);
        self.last(now).filter(|last| done.is_none_or(|done| done < *last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn times(cron: &'static str) -> Times {
        let calendar = Calendar { cron, at_first: FirstStart::Run, limit: Duration::MAX };
        match Timing::try_from(calendar).unwrap().when {
            When::At(times) => *times,
            When::Every(_) => unreachable!("a calendar has times"),
        }
    }

    #[test]
    fn times_follow_the_calendar() {
        let four = times("0 4 * * *");
        for (now, last, next) in [
            ("2026-12-31T03:59:59Z", "2026-12-30T04:00:00Z", "2026-12-31T04:00:00Z"),
            ("2026-12-31T04:00:00Z", "2026-12-31T04:00:00Z", "2027-01-01T04:00:00Z"),
            ("2028-02-28T12:00:00Z", "2028-02-28T04:00:00Z", "2028-02-29T04:00:00Z"),
            ("2028-02-29T04:00:00.001Z", "2028-02-29T04:00:00Z", "2028-03-01T04:00:00Z"),
        ] {
            assert_eq!(four.last(at(now)), Some(at(last)), "{now}");
            assert_eq!(four.next(at(now)), Some(at(next)), "{now}");
        }
        let fourth = times("30 0 4 * *");
        assert_eq!(fourth.last(at("2028-01-04T00:29:59Z")), Some(at("2027-12-04T00:30:00Z")));
        assert_eq!(fourth.next(at("2028-02-29T00:00:00Z")), Some(at("2028-03-04T00:30:00Z")));
    }

    #[test]
    fn each_time_is_due_once_and_the_last_that_was_missed_stands_for_all() {
        let four = times("0 4 * * *");
        let due = |done: &str, now: &str| four.due(Some(at(done)), at(now)).map(|due| due.to_rfc3339());
        let today = Some("2026-11-24T04:00:00+00:00".to_owned());
        assert_eq!(due("2026-11-23T04:00:00Z", "2026-11-24T03:59:59Z"), None);
        assert_eq!(due("2026-11-23T04:00:00Z", "2026-11-24T04:00:00Z"), today);
        assert_eq!(due("2026-11-24T04:00:00Z", "2026-11-24T23:59:59Z"), None);
        assert_eq!(due("2026-11-20T04:00:00Z", "2026-11-24T12:00:00Z"), today, "down for days");
        assert_eq!(due("2026-11-24T04:00:00Z", "2026-11-24T03:30:00Z"), None, "set back an hour");
        assert_eq!(due("2036-01-01T04:00:00Z", "2026-11-24T12:00:00Z"), today, "a clock that was wrong");
        assert_eq!(four.due(None, at("2026-11-24T12:00:00Z")), Some(at("2026-11-24T04:00:00Z")));
    }

    #[test]
    fn the_next_turn_is_in_step_with_any_run() {
        let next = |seconds: u64, now: &str| {
            let begun = at("2026-11-24T04:00:00.250Z");
            next_turn(begun, Duration::from_secs(seconds), at(now)).map(|next| next.to_rfc3339())
        };
        let to = |text: &str| Some(format!("2026-11-24T{text}+00:00"));
        assert_eq!(next(10, "2026-11-24T04:00:00.250Z"), to("04:00:10.250"), "it has just begun");
        assert_eq!(next(10, "2026-11-24T04:00:10.249Z"), to("04:00:10.250"));
        assert_eq!(next(10, "2026-11-24T04:00:10.250Z"), to("04:00:20.250"), "which begins now");
        assert_eq!(next(10, "2026-11-24T04:01:03Z"), to("04:01:10.250"), "runs since were not noted");
        assert_eq!(next(45, "2026-11-24T05:00:00Z"), to("05:00:00.250"));
        // By a clock that is behind, and by one that is far behind.
        assert_eq!(next(10, "2026-11-24T03:59:58Z"), to("04:00:00.250"));
        assert_eq!(next(10, "2026-11-24T03:00:00Z"), to("03:00:00.250"));
        assert_eq!(next(u64::MAX, "2026-11-24T05:00:00Z"), None);
    }

    #[test]
    fn a_wrong_pattern_is_told() {
        let calendar = Calendar { cron: "0 25 * * *", at_first: FirstStart::Wait, limit: Duration::MAX };
        assert!(Timing::try_from(calendar).is_err());
    }
}
