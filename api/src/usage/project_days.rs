//! `GET /api/usage/projects/{project_id}/days`: what a project used on each day of a month.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use chrono::NaiveDate;
use domain::{ByteCount, Month, ProjectId};
use projections::ProjectDay;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Member;
use crate::params::{MonthQuery, ReadAfter, ReadMonth, named};
use crate::problem::{Problem, ReadProblems};

/// What a project used on each UTC day of a month on which it used anything.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectDays)]
pub(crate) struct Answer {
    project_id: String,
    /// The number of the month: 1 is January.
    #[schema(minimum = 1, maximum = 12)]
    month: u8,
    year: u16,
    /// In order.
    days: Vec<Day>,
}

/// What a project used on a UTC day.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectDay)]
pub(crate) struct Day {
    /// The day.
    date: NaiveDate,
    /// Ingress plus egress.
    traffic_bytes: u64,
    /// Bytes that clients sent.
    ingress_bytes: u64,
    /// Bytes that the project sent.
    egress_bytes: u64,
    /// Requests answered.
    requests: u64,
    /// As last measured on this day; null when it was not.
    storage_bytes: Option<u64>,
}

impl From<ProjectDay> for Day {
    fn from(day: ProjectDay) -> Self {
        Self {
            date: day.day,
            traffic_bytes: day.ingress.checked_add(day.egress).unwrap_or(ByteCount::MAX).get(),
            ingress_bytes: day.ingress.get(),
            egress_bytes: day.egress.get(),
            requests: day.requests,
            storage_bytes: day.storage.map(ByteCount::get),
        }
    }
}

impl Answer {
    fn new(project: ProjectId, month: Month, days: Vec<ProjectDay>) -> Self {
        Self {
            project_id: project.to_string(),
            month: month.number(),
            year: month.year(),
            days: days.into_iter().map(Day::from).collect(),
        }
    }
}

/// What a project used on each day of a month
#[utoipa::path(
    get,
    path = "/api/usage/projects/{project_id}/days",
    operation_id = "read_project_days",
    tag = "usage",
    params(("project_id" = String, Path, description = "32 lower-case hexadecimal characters"), ReadMonth, ReadAfter),
    responses((status = 200, body = Answer), ReadProblems),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(project): Path<String>,
    query: MonthQuery,
) -> Result<Json<Answer>, Problem> {
    let project = named(&project)?;
    let month = query.ready(&app).await?;
    let days = app.reads.project_days(user, project, month).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(Answer::new(project, month, days)))
}
