//! `GET /api/teams/{team_slug}/alerts`: which limits a team has come near to, and when it will reach one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use domain::{ByteCount, Month, Slug};
use projections::Alert;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Member;
use crate::params::{MonthQuery, ReadAfter, ReadMonth, named};
use crate::problem::{Problem, ReadProblems};
use crate::usage::Resource;

/// Whole days that the pace is taken from.
const PACE_DAYS: u64 = 7;

/// Which limits a team has come near to in a month.
#[derive(Serialize, ToSchema)]
#[schema(as = TeamAlerts)]
pub(crate) struct Answer {
    #[schema(value_type = String, example = "2026-11")]
    month: Month,
    /// The newest first.
    alerts: Vec<RaisedAlert>,
    /// When the traffic will reach its limit at the pace of the last seven whole days; null for another month than the
    /// current one, without a limit, and while there is no pace.
    forecast: Option<Forecast>,
}

/// An alert, raised once a month for each resource and threshold.
#[derive(Serialize, ToSchema)]
#[schema(as = TeamAlert)]
pub(crate) struct RaisedAlert {
    resource: Resource,
    /// In per cent of the limit: 80, 95 or 100.
    threshold: u8,
    /// What was used when it was raised.
    used_bytes: u64,
    /// What the plan allowed then.
    limit_bytes: u64,
    raised_at: DateTime<Utc>,
    /// When it stopped to stand: the storage has fallen 5 points below it, or the team has another plan.
    cleared_at: Option<DateTime<Utc>>,
}

/// When the traffic will reach its limit.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TrafficForecast)]
struct Forecast {
    /// Bytes a day.
    daily_bytes: u64,
    /// The day on which the limit is reached; null when that is not in this month.
    limit_reached_on: Option<NaiveDate>,
}

impl From<Alert> for RaisedAlert {
    fn from(alert: Alert) -> Self {
        Self {
            resource: alert.resource.into(),
            threshold: alert.threshold,
            used_bytes: alert.used.get(),
            limit_bytes: alert.limit.get(),
            raised_at: alert.raised_at,
            cleared_at: alert.cleared_at,
        }
    }
}

/// The pace is that of the whole days since the first one with traffic, so that a new team's is not taken for less.
fn forecast(
    used: ByteCount,
    limit: ByteCount,
    days: &BTreeMap<NaiveDate, ByteCount>,
    today: NaiveDate,
) -> Option<Forecast> {
    let (first, _) = days.first_key_value()?;
    let whole_days = u128::try_from((today - *first).num_days()).ok().filter(|days| *days > 0)?;
    let sum: u128 = days.values().map(|bytes| u128::from(bytes.get())).sum();
    let daily = u64::try_from(sum / whole_days).unwrap_or(u64::MAX);
    let left = limit.get().saturating_sub(used.get());
    // Today is one of the days that it takes.
    let reached = left.checked_div(daily).and_then(|days| today.checked_add_days(Days::new(days)));
    let same_month = |day: &NaiveDate| (day.year(), day.month()) == (today.year(), today.month());
    Some(Forecast { daily_bytes: daily, limit_reached_on: reached.filter(same_month) })
}

/// Which limits a team has come near to
///
/// An alert is raised within a minute after 80 %, 95 % or all of a limit is used: once a month, and only the highest
/// that is newly crossed.
#[utoipa::path(
    get,
    path = "/api/teams/{team_slug}/alerts",
    operation_id = "read_team_alerts",
    tag = "usage",
    params(("team_slug" = String, Path, description = "The team's name in addresses"), ReadMonth, ReadAfter),
    responses((status = 200, body = Answer), ReadProblems),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(slug): Path<String>,
    query: MonthQuery,
) -> Result<Json<Answer>, Problem> {
    let slug: Slug = named(&slug)?;
    let month = query.ready(&app).await?;
    let alerts = app.reads.alerts(user, &slug, month).await?.ok_or_else(Problem::not_found)?;
    let usage = app.reads.team_usage(user, &slug, month).await?.ok_or_else(Problem::not_found)?;
    let now = app.clock.now();
    let today = now.date_naive();
    let limit = app.plans.in_force(&usage.plan).traffic_limit();
    let forecast = match (limit, today.checked_sub_days(Days::new(PACE_DAYS))) {
        (Some(limit), Some(from)) if Month::of(now) == Ok(month) => {
            let days = app.reads.team_traffic_by_day(usage.team_id, from, today).await?;
            forecast(usage.traffic(), limit, &days, today)
        }
        (Some(_) | None, Some(_) | None) => None,
    };
    Ok(Json(Answer { month, alerts: alerts.into_iter().map(RaisedAlert::from).collect(), forecast }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn reached_on(used: u32, days: &[(&str, u32)]) -> Option<String> {
        let days = days.iter().map(|(date, bytes)| (day(date), ByteCount::from(*bytes))).collect();
        let forecast = forecast(used.into(), 1_000.into(), &days, day("2026-11-20"))?;
        Some(forecast.limit_reached_on.map_or("not this month".into(), |day| day.to_string()))
    }

    #[test]
    fn at_the_pace_of_the_last_whole_days() {
        let week = [("2026-11-13", 350), ("2026-11-15", 300), ("2026-11-19", 50)];
        assert_eq!(reached_on(400, &week).unwrap(), "2026-11-26", "600 left at 100 a day");
        assert_eq!(reached_on(999, &week).unwrap(), "2026-11-20");
        assert_eq!(reached_on(2_000, &week).unwrap(), "2026-11-20", "it is reached");
        assert_eq!(reached_on(0, &[("2026-11-13", 70)]).unwrap(), "not this month");
        assert_eq!(reached_on(0, &[("2026-11-19", 500)]).unwrap(), "2026-11-22", "a new team has one day");
    }

    #[test]
    fn without_a_pace_there_is_none() {
        assert_eq!(reached_on(500, &[]), None);
        assert_eq!(reached_on(500, &[("2026-11-19", 0)]).unwrap(), "not this month");
    }
}
