//! Which teams' forecasts are looked at in a run. A look asks the read models, so that most teams must cost none: those
//! that use little, those that use as much as at the last look, those that have been told.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::TeamId;

use super::Seen;

/// Whoever has used less of his traffic than this (in per cent) is not looked at: a forecast would be a guess.
const LITTLE: u64 = 25;
/// How long one team is not looked at again.
const PAUSE: TimeDelta = TimeDelta::minutes(5);

/// The last look at each team that was looked at. Forgotten with the process: then all are looked at, once.
#[derive(Default)]
pub(super) struct Forecasts {
    looked: HashMap<TeamId, Look>,
}

struct Look {
    at: DateTime<Utc>,
    seen: Seen,
    /// Whether the limit is to be reached in that month, which is told once.
    told: bool,
}

impl Forecasts {
    /// Whether this team is to be looked at now. What has reached its limit needs no forecast.
    pub(super) fn are_due(&self, team: TeamId, seen: &Seen, at: DateTime<Utc>) -> bool {
        if !(LITTLE..100).contains(&seen.traffic) {
            return false;
        }
        let Some(last) = self.looked.get(&team) else { return true };
        let (same_month, same_plan) = (last.seen.month == seen.month, last.seen.plan == seen.plan);
        // Another plan, and another month, have forecasts of their own, which nobody must wait for.
        if !same_month || !same_plan {
            return true;
        }
        // The pace is that of whole days: it may be another one every day, also when nothing more is used.
        let same = last.seen.traffic == seen.traffic && last.at.date_naive() == at.date_naive();
        !last.told && !same && at - last.at >= PAUSE
    }

    /// It was looked at.
    pub(super) fn looked(&mut self, team: TeamId, seen: &Seen, at: DateTime<Utc>, told: bool) {
        self.looked.insert(team, Look { at, seen: seen.clone(), told });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEAM: TeamId = TeamId::from_bytes([1; 16]);

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn seen(month: &str, plan: &str, traffic: u64) -> Seen {
        Seen { month: month.parse().unwrap(), plan: plan.into(), traffic, storage: 0 }
    }

    #[test]
    fn only_between_a_quarter_and_all_of_the_limit() {
        let due = |traffic| {
            let seen = seen("2026-11", "free", traffic);
            Forecasts::default().are_due(TEAM, &seen, at("2026-11-10T12:00:00Z"))
        };
        assert_eq!([0, 24, 25, 99, 100, u64::MAX].map(due), [false, false, true, true, false, false]);
    }

    #[test]
    fn again_when_something_has_moved_and_some_minutes_have_passed() {
        let mut forecasts = Forecasts::default();
        let before = seen("2026-11", "free", 30);
        forecasts.looked(TEAM, &before, at("2026-11-10T12:00:00Z"), false);
        let due = |seen: &Seen, now: &str| forecasts.are_due(TEAM, seen, at(now));
        let more = seen("2026-11", "free", 31);
        assert!(!due(&more, "2026-11-10T12:04:59Z"));
        assert!(due(&more, "2026-11-10T12:05:00Z"));
        assert!(!due(&before, "2026-11-10T23:59:59Z"), "nothing has moved");
        assert!(due(&before, "2026-11-11T00:00:00Z"), "but the pace has");
        assert!(forecasts.are_due(TeamId::from_bytes([2; 16]), &before, at("2026-11-10T12:00:01Z")));
    }

    #[test]
    fn what_was_told_is_looked_at_again_in_another_month_or_on_another_plan() {
        let mut forecasts = Forecasts::default();
        forecasts.looked(TEAM, &seen("2026-11", "free", 30), at("2026-11-10T12:00:00Z"), true);
        let due = |seen: &Seen, now: &str| forecasts.are_due(TEAM, seen, at(now));
        assert!(!due(&seen("2026-11", "free", 90), "2026-11-20T12:00:00Z"));
        assert!(due(&seen("2026-11", "pay_as_you_go", 40), "2026-11-10T12:00:10Z"));
        assert!(due(&seen("2026-12", "free", 30), "2026-12-01T00:00:00Z"));
    }
}
