//! When a team will have used all of its traffic, if it goes on as in the last days. What is made of that (an answer, a
//! mail) is for others to say.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use crate::{ByteCount, Month};

/// Whole days that the pace is taken from.
const PACE_DAYS: u64 = 7;

/// What a team has used lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentTraffic {
    /// By UTC day, of those that the pace is taken from. Days without any are left out.
    pub days: BTreeMap<NaiveDate, ByteCount>,
    /// It has used nothing before these days.
    pub is_new: bool,
}

/// How fast traffic grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a day.
    pub daily: u64,
}

impl Pace {
    /// The first of the UTC days that the pace is taken from; today is the first that it is not taken from any more. None:
    /// before all calendars.
    #[must_use]
    pub fn taken_from(today: NaiveDate) -> Option<NaiveDate> {
        today.checked_sub_days(Days::new(PACE_DAYS))
    }

    /// The pace of the days before today, by what was used on each. None: nothing was used on them.
    #[must_use]
    pub fn of(recent: &RecentTraffic, today: NaiveDate) -> Option<Self> {
        let (first, _) = recent.days.first_key_value()?;
        // Whole days since it began: a new team's pace is not to be taken for less.
        let new_for = u64::try_from((today - *first).num_days()).ok().filter(|days| *days > 0)?;
        let whole_days = if recent.is_new { new_for } else { PACE_DAYS };
        let sum: u128 = recent.days.values().map(|bytes| u128::from(bytes.get())).sum();
        Some(Self { daily: u64::try_from(sum / u128::from(whole_days)).unwrap_or(u64::MAX) })
    }

    /// The day in this month on which the limit is reached: today, if it is reached already. None: not in this month.
    #[must_use]
    pub fn reaches(
        self,
        limit: ByteCount,
        used: ByteCount,
        today: NaiveDate,
        month: Month,
    ) -> Option<NaiveDate> {
        let left = limit.get().saturating_sub(used.get());
        // Today is one of the days that it takes.
        let reached = today.checked_add_days(Days::new(left.checked_div(self.daily)?))?;
        month.contains(reached).then_some(reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn recent(days: &[(&str, u32)], is_new: bool) -> RecentTraffic {
        let days = days.iter().map(|(date, bytes)| (day(date), ByteCount::from(*bytes))).collect();
        RecentTraffic { days, is_new }
    }

    fn reached(used: u32, recent: &RecentTraffic) -> Option<String> {
        let today = day("2026-11-20");
        let reached =
            Pace::of(recent, today)?.reaches(1_000.into(), used.into(), today, "2026-11".parse().unwrap());
        Some(reached.map_or("not this month".into(), |day| day.to_string()))
    }

    fn reached_on(used: u32, days: &[(&str, u32)]) -> Option<String> {
        reached(used, &recent(days, false))
    }

    #[test]
    fn at_the_pace_of_the_last_whole_days() {
        let week = [("2026-11-13", 350), ("2026-11-15", 300), ("2026-11-19", 50)];
        assert_eq!(reached_on(400, &week).unwrap(), "2026-11-26", "600 left at 100 a day");
        assert_eq!(reached_on(999, &week).unwrap(), "2026-11-20");
        assert_eq!(reached_on(2_000, &week).unwrap(), "2026-11-20", "it is reached");
        assert_eq!(reached_on(0, &[("2026-11-13", 70)]).unwrap(), "not this month");
        assert_eq!(Pace::taken_from(day("2026-11-20")), Some(day("2026-11-13")));
    }

    #[test]
    fn days_without_traffic_count_unless_the_team_is_new() {
        let yesterday = [("2026-11-19", 700)];
        assert_eq!(reached(700, &recent(&yesterday, false)).unwrap(), "2026-11-23", "100 a day");
        assert_eq!(reached(700, &recent(&yesterday, true)).unwrap(), "2026-11-20", "700 a day");
        let two = [("2026-11-18", 0), ("2026-11-19", 200)];
        assert_eq!(reached(700, &recent(&two, true)).unwrap(), "2026-11-23", "100 a day");
    }

    #[test]
    fn the_last_of_the_month_is_in_it_and_the_day_after_is_not() {
        let week = [("2026-11-13", 700)];
        assert_eq!(reached_on(0, &week).unwrap(), "2026-11-30", "100 a day take 10 days");
        assert_eq!(reached_on(0, &[("2026-11-13", 630)]).unwrap(), "not this month", "90 a day take 11");
    }

    #[test]
    fn without_a_pace_there_is_none() {
        assert_eq!(reached_on(500, &[]), None);
        assert_eq!(reached_on(500, &[("2026-11-19", 0)]).unwrap(), "not this month");
        assert_eq!(reached_on(500, &[("2026-11-20", 9)]), None, "today is not over");
    }

    #[test]
    fn numbers_and_days_beyond_all_calendars_do_no_harm() {
        let (first, last) = (NaiveDate::MIN, NaiveDate::MAX);
        assert_eq!(Pace::taken_from(first), None);
        let slow = Pace { daily: 1 };
        let month = "2026-11".parse().unwrap();
        assert_eq!(slow.reaches(ByteCount::MAX, ByteCount::ZERO, last, month), None);
        let days = [(day("2026-11-19"), ByteCount::MAX), (day("2026-11-18"), ByteCount::MAX)].into();
        assert!(Pace::of(&RecentTraffic { days, is_new: true }, day("2026-11-20")).unwrap().daily > 0);
    }
}
