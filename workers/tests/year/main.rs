//! A leap year by a test's clock: 31 December, 29 February, the nights in which Europe changes its clocks, a clock that
//! is set back an hour at the worst moments, a node that is down for two days, samples that come late.
#![allow(clippy::unwrap_used, missing_docs)]

mod looks;
mod world;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::team::{Resource, TeamEvent};
use domain::usage::UsageEvent;
use domain::{Month, TeamId};
use world::{LATE, PAYING, STEADY, World, at, month};

/// When the clock is set back an hour: in both nights of summer time, right after the daily job, right after months are
/// closed, on the leap day, and over the ends of a month and of the year.
const SET_BACK: [&str; 6] = [
    "2028-03-26T04:00:00Z",
    "2028-10-29T04:00:00Z",
    "2028-02-29T04:00:00Z",
    "2028-06-04T01:00:00Z",
    "2028-09-01T00:00:00Z",
    "2029-01-01T00:00:00Z",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_leap_year_with_everything_that_may_go_wrong() {
    let (begin, end) = (at("2028-01-01T00:00:00Z"), at("2029-01-06T00:00:00Z"));
    let outage = at("2028-07-03T12:00:00Z")..at("2028-07-05T12:00:00Z");
    let mut set_back: Vec<_> = SET_BACK.map(at).into();
    let mut world = World::begin(begin).await;
    world.start_node().await;
    let mut now = begin;
    let mut late = LateSamples::default();
    while now < end {
        world.set_clock(now);
        if outage.contains(&now) {
            world.stop_node();
        } else {
            world.start_node().await;
            late.send(&world, now).await;
            world.step(now).await;
        }
        if let Some(place) = set_back.iter().position(|instant| *instant == now) {
            set_back.swap_remove(place);
            // The hour comes twice.
            for minutes in [60, 30] {
                world.set_clock(now - TimeDelta::minutes(minutes));
                world.step_again().await;
            }
        }
        now += TimeDelta::hours(1);
    }
    assert!(set_back.is_empty(), "every one came: {set_back:?}");
    let history = world.history().await;

    // Each alert once: the steady project crosses all thresholds of traffic in every month.
    let mut alerts = BTreeMap::<(TeamId, Resource, Month), Vec<u8>>::new();
    for (team, event) in &history.teams {
        if let TeamEvent::UsageAlertRaised(raised) = event {
            alerts.entry((*team, raised.resource, raised.month)).or_default().push(raised.threshold);
        }
    }
    for number in 1..=12 {
        let month = Month::new(2028, number).unwrap();
        assert_eq!(alerts.remove(&(STEADY, Resource::Traffic, month)), Some(vec![80, 95, 100]), "{month}");
    }
    // Storage rises in March, falls in April and rises again in May: raised, re-armed, raised.
    let storage = |name: &str| (STEADY, Resource::Storage, month(name));
    // What stands on the first of a month is told anew, until that day's measurement.
    for (name, thresholds) in [("2028-03", [80]), ("2028-04", [80]), ("2028-05", [95]), ("2028-06", [95])] {
        assert_eq!(alerts.remove(&storage(name)), Some(thresholds.to_vec()), "{name}");
    }
    assert_eq!(alerts, BTreeMap::new(), "and no other");

    // What fell is told, also of an alert that stood for less than a day; and each month's forecast once.
    let mut fallen = Vec::new();
    let mut forecasts = BTreeMap::<(TeamId, Month), usize>::new();
    for (team, event) in &history.teams {
        if let TeamEvent::UsageAlertCleared(cleared) = event {
            fallen.push((*team, cleared.resource, cleared.month, cleared.standing));
        } else if let TeamEvent::LimitForecast(forecast) = event {
            *forecasts.entry((*team, forecast.month)).or_default() += 1;
        }
    }
    let cleared = |name: &str| (STEADY, Resource::Storage, month(name), None);
    assert_eq!(fallen, [cleared("2028-04"), cleared("2028-06")]);
    let every_month: BTreeMap<_, _> =
        (1..=12).map(|number| ((STEADY, Month::new(2028, number).unwrap()), 1)).collect();
    assert_eq!(forecasts, every_month);

    // Each month closed once, and nothing after it.
    let mut closed = BTreeMap::<Month, usize>::new();
    for (id, events) in &history.usage {
        let closings = events.iter().filter(|event| matches!(event, UsageEvent::MonthClosed(_))).count();
        let over = id.month <= month("2028-12");
        assert_eq!(closings, usize::from(over), "{id}");
        assert_eq!(
            matches!(events.last(), Some(UsageEvent::MonthClosed(_))),
            over,
            "{id}: nothing comes after it"
        );
        *closed.entry(id.month).or_default() += closings;
    }
    assert_eq!(closed.len(), 13, "a year and the month after it: {closed:?}");

    // The daily job ran once for each day, and once for the two days on which nobody was up at its time.
    let mut runs = BTreeMap::<NaiveDate, usize>::new();
    world.daily_runs().iter().for_each(|run| *runs.entry(run.date_naive()).or_default() += 1);
    let days = (end - begin).num_days();
    let mut day = begin.date_naive();
    for _ in 0..days {
        // It runs at its first start too, before its time of that day.
        let expected = match day {
            day if day == begin.date_naive() => 2,
            day if day == at("2028-07-04T00:00:00Z").date_naive() => 0,
            _ => 1,
        };
        assert_eq!(runs.get(&day).copied().unwrap_or_default(), expected, "{day}");
        day = day.succ_opt().unwrap();
    }

    // A plan that began on 31 January ended on the leap day, with both reminders and the days of grace.
    let plan: Vec<String> = history
        .teams
        .iter()
        .filter(|(team, _)| *team == PAYING)
        .filter_map(|(_, event)| {
            if let TeamEvent::PlanActivated(activated) = event {
                Some(format!("until {}", activated.until))
            } else if let TeamEvent::RenewalDue(due) = event {
                Some(format!("{} days before", due.days_before))
            } else if let TeamEvent::PlanLapsed(lapsed) = event {
                Some(format!("lapsed {}", lapsed.at))
            } else {
                None
            }
        })
        .collect();
    let expected =
        ["until 2028-02-29 10:00:00 UTC", "5 days before", "1 days before", "lapsed 2028-03-03 10:00:00 UTC"];
    assert_eq!(plan, expected);

    // Nothing is lost, and what came late is where it should be.
    assert_eq!(history.recorded(LATE, month("2028-01")), (11, 0), "within the grace: in its own month");
    assert_eq!(
        history.recorded(LATE, month("2028-02")),
        (29, 100),
        "the leap day's; and January's, as a correction"
    );
    assert_eq!(
        history.recorded(LATE, month("2028-12")),
        (31, 0),
        "the last instant of the year, told in the new one"
    );
    assert_eq!(history.recorded(LATE, month("2029-01")), (1, 0), "the first instant of the next");
    assert_eq!(
        history.recorded(LATE, month("2028-07")),
        (0, 7),
        "June's, after the outage had held up its closing"
    );
    assert_eq!(history.all_traffic(STEADY), world.sent(), "every byte of the year");
}

/// Samples that are told later than they happened.
#[derive(Default)]
struct LateSamples {
    sent: usize,
}

impl LateSamples {
    /// When each is told, when it happened, and how many bytes it is of.
    const ALL: [(&str, &str, u64); 6] = [
        ("2028-02-02T12:00:00Z", "2028-01-31T23:59:59.999999Z", 11),
        ("2028-02-10T12:00:00Z", "2028-01-15T00:00:00Z", 100),
        ("2028-02-29T13:00:00Z", "2028-02-29T12:00:00Z", 29),
        ("2028-07-05T14:00:00Z", "2028-06-30T00:00:00Z", 7),
        ("2029-01-02T12:00:00Z", "2028-12-31T23:59:59.999999Z", 31),
        ("2029-01-02T12:00:00Z", "2029-01-01T00:00:00Z", 1),
    ];

    async fn send(&mut self, world: &World, now: DateTime<Utc>) {
        while let Some((told, happened, bytes)) = Self::ALL.get(self.sent) {
            if at(told) > now {
                return;
            }
            world.sample(LATE, at(happened), *bytes).await;
            self.sent += 1;
        }
    }
}
