//! `GET /api/usage/projects/{project_id}`: what a project used in a month.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use domain::usage::UsageId;
use projections::ProjectUsage;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{gigabytes, megabytes};
use crate::app::App;
use crate::auth::Member;
use crate::params::{MonthQuery, ReadAfter, ReadMonth, named};
use crate::problem::{Problem, ReadProblems};

/// What a project used in a UTC month. MB and GB are binary (1,048,576 and 1,073,741,824 bytes), to 6 decimals.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectUsage)]
pub(crate) struct Answer {
    /// `{project_id}:{YYYY-MM}`.
    #[schema(example = "0123456789abcdef0123456789abcdef:2026-11")]
    id: String,
    project_id: String,
    /// The number of the month: 1 is January.
    #[schema(minimum = 1, maximum = 12)]
    month: u8,
    year: u16,
    /// Ingress plus egress.
    traffic_bytes: u64,
    /// As last measured in this month or before it.
    storage_bytes: u64,
    /// When the month's first measurement was recorded; null when there is none.
    created_at: Option<DateTime<Utc>>,
    /// When the month's last measurement was recorded; null when there is none.
    updated_at: Option<DateTime<Utc>>,
    traffic_mb: f64,
    traffic_gb: f64,
    storage_mb: f64,
    storage_gb: f64,
    /// Bytes that clients sent.
    ingress_bytes: u64,
    /// Bytes that the project sent.
    egress_bytes: u64,
    /// Requests answered.
    requests: u64,
    /// Everything up to this position of the event log is in these numbers.
    position: u64,
}

impl From<ProjectUsage> for Answer {
    fn from(usage: ProjectUsage) -> Self {
        let traffic = usage.traffic();
        Self {
            id: UsageId { project: usage.project_id, month: usage.month }.to_string(),
            project_id: usage.project_id.to_string(),
            month: usage.month.number(),
            year: usage.month.year(),
            traffic_bytes: traffic.get(),
            storage_bytes: usage.storage.get(),
            created_at: usage.created_at,
            updated_at: usage.updated_at,
            traffic_mb: megabytes(traffic),
            traffic_gb: gigabytes(traffic),
            storage_mb: megabytes(usage.storage),
            storage_gb: gigabytes(usage.storage),
            ingress_bytes: usage.ingress.get(),
            egress_bytes: usage.egress.get(),
            requests: usage.requests,
            position: usage.position.0,
        }
    }
}

/// What a project used in a month
///
/// A month in which nothing was used is zeros.
#[utoipa::path(
    get,
    path = "/api/usage/projects/{project_id}",
    operation_id = "read_project_usage",
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
    let usage = app.reads.project_usage(user, project, month).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(usage.into()))
}
