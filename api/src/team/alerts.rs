//! `GET /api/teams/{team_slug}/alerts`: which limits a team has come near to, and when it will reach one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, NaiveDate, Utc};
use domain::forecast::Pace;
use domain::{Month, Slug};
use projections::Alert;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Member;
use crate::params::{MonthQuery, ReadAfter, ReadMonth, named};
use crate::problem::{Problem, ReadProblems};
use crate::usage::Resource;

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
#[derive(Serialize, ToSchema)]
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
    let forecast = match (limit, Pace::taken_from(today)) {
        (Some(limit), Some(from)) if Month::of(now) == Ok(month) => {
            let recent = app.reads.recent_traffic(usage.team_id, from, today).await?;
            Pace::of(&recent, today).map(|pace| Forecast {
                daily_bytes: pace.daily,
                limit_reached_on: pace.reaches(limit, usage.traffic(), today, month),
            })
        }
        (Some(_) | None, Some(_) | None) => None,
    };
    Ok(Json(Answer { month, alerts: alerts.into_iter().map(RaisedAlert::from).collect(), forecast }))
}
