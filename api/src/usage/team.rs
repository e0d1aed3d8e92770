//! `GET /api/usage/teams/{team_slug}`: what a team used in a month, beside what its plan allows.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use domain::plan::Plan;
use projections::{TeamProjectUsage, TeamUsage};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{gigabytes, limit, megabytes, percentage};
use crate::app::App;
use crate::auth::Member;
use crate::params::{MonthQuery, ReadAfter, ReadMonth, named};
use crate::problem::{Problem, ReadProblems};

/// What a team used in a UTC month. MB and GB are binary (1,048,576 and 1,073,741,824 bytes), to 6 decimals.
#[derive(Serialize, ToSchema)]
#[schema(as = TeamUsage)]
pub(crate) struct Answer {
    plan: TeamPlan,
    usage: TeamTotals,
    limits: TeamLimits,
    /// The team's projects, and those that were its own in that month, by name.
    projects: Vec<TeamProject>,
}

/// The team's plan.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamPlan {
    #[schema(example = "free")]
    name: String,
    #[schema(example = "Free")]
    display_name: String,
    /// -1 is without limit.
    max_traffic_gb: i64,
    /// -1 is without limit.
    max_storage_mb: i64,
}

/// All its projects together, and folders that no project mounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamTotals {
    traffic_bytes: u64,
    traffic_mb: f64,
    traffic_gb: f64,
    storage_bytes: u64,
    storage_mb: f64,
    storage_gb: f64,
    /// Of the storage, what is in folders of the team that no project mounts; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    unlinked_storage_bytes: Option<u64>,
}

/// How much of each limit is used.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamLimits {
    traffic: TrafficLimit,
    storage: StorageLimit,
}

/// How much of the traffic limit is used.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrafficLimit {
    used_gb: f64,
    /// -1 is without limit.
    limit_gb: i64,
    /// Over 100 when it is exceeded; 0 without limit.
    percentage: f64,
}

/// How much of the storage limit is used.
#[derive(Serialize, ToSchema)]
pub(crate) struct StorageLimit {
    used_mb: f64,
    /// -1 is without limit.
    limit_mb: i64,
    /// Over 100 when it is exceeded; 0 without limit.
    percentage: f64,
}

/// What one project used while it was the team's.
#[derive(Serialize, ToSchema)]
pub(crate) struct TeamProject {
    project_id: String,
    name: String,
    /// Ingress plus egress.
    traffic_bytes: u64,
    storage_bytes: u64,
    ingress_bytes: u64,
    egress_bytes: u64,
    requests: u64,
}

impl Answer {
    fn new(usage: TeamUsage, plan: &Plan) -> Self {
        let (traffic, storage) = (usage.traffic(), usage.storage());
        let (max_traffic_gb, max_storage_mb) =
            (limit(plan.max_traffic_gb_per_month), limit(plan.max_storage_mb));
        Self {
            plan: TeamPlan {
                name: usage.plan.to_string(),
                display_name: plan.display_name.clone(),
                max_traffic_gb,
                max_storage_mb,
            },
            usage: TeamTotals {
                traffic_bytes: traffic.get(),
                traffic_mb: megabytes(traffic),
                traffic_gb: gigabytes(traffic),
                storage_bytes: storage.get(),
                storage_mb: megabytes(storage),
                storage_gb: gigabytes(storage),
                unlinked_storage_bytes: Some(usage.unlinked_storage.get()).filter(|bytes| *bytes > 0),
            },
            limits: TeamLimits {
                traffic: TrafficLimit {
                    used_gb: gigabytes(traffic),
                    limit_gb: max_traffic_gb,
                    percentage: percentage(traffic, plan.traffic_limit()),
                },
                storage: StorageLimit {
                    used_mb: megabytes(storage),
                    limit_mb: max_storage_mb,
                    percentage: percentage(storage, plan.storage_limit()),
                },
            },
            projects: usage.projects.into_iter().map(TeamProject::from).collect(),
        }
    }
}

impl From<TeamProjectUsage> for TeamProject {
    fn from(project: TeamProjectUsage) -> Self {
        Self {
            project_id: project.project_id.to_string(),
            traffic_bytes: project.traffic().get(),
            name: project.name,
            storage_bytes: project.storage.get(),
            ingress_bytes: project.ingress.get(),
            egress_bytes: project.egress.get(),
            requests: project.requests,
        }
    }
}

/// What a team used in a month, beside what its plan allows
#[utoipa::path(
    get,
    path = "/api/usage/teams/{team_slug}",
    operation_id = "read_team_usage",
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
    let slug = named(&slug)?;
    let month = query.ready(&app).await?;
    let usage = app.reads.team_usage(user, &slug, month).await?.ok_or_else(Problem::not_found)?;
    let plan = app.plans.in_force(&usage.plan);
    Ok(Json(Answer::new(usage, plan)))
}
