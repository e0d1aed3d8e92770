//! `GET /api/usage/teams/{team_slug}/limits`: whether a team is within its plan this month.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use domain::ByteCount;
use domain::plan::Plan;
use projections::TeamUsage;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{gigabytes, megabytes};
use crate::app::App;
use crate::auth::Member;
use crate::params::{NowQuery, ReadAfter, named};
use crate::problem::{Problem, ReadProblems};

/// Whether a team is within its plan in the current UTC month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeamLimitsState)]
pub(crate) struct Answer {
    /// Whether nothing is exceeded.
    within_limits: bool,
    /// What is over its limit. Exactly at the limit is within it.
    exceeded: Vec<Exceeded>,
}

/// A resource that is over its limit.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Exceeded {
    resource: Resource,
    /// In bytes.
    used: u64,
    /// In bytes.
    limit: u64,
    /// For people to read.
    detail: String,
}

/// What a plan limits by the month.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Resource {
    /// Ingress plus egress.
    Traffic,
    /// Volumes, images and writable layers.
    Storage,
}

impl From<domain::team::Resource> for Resource {
    fn from(resource: domain::team::Resource) -> Self {
        match resource {
            domain::team::Resource::Traffic => Self::Traffic,
            domain::team::Resource::Storage => Self::Storage,
        }
    }
}

impl Answer {
    fn new(usage: &TeamUsage, plan: &Plan) -> Self {
        let exceeded = [
            over(usage.traffic(), plan.traffic_limit(), |used, limit| Exceeded {
                resource: Resource::Traffic,
                used: used.get(),
                limit: limit.get(),
                detail: format!(
                    "traffic of {} GB in {} is over the {} plan's {} GB",
                    gigabytes(used),
                    usage.month,
                    plan.display_name,
                    gigabytes(limit)
                ),
            }),
            over(usage.storage(), plan.storage_limit(), |used, limit| Exceeded {
                resource: Resource::Storage,
                used: used.get(),
                limit: limit.get(),
                detail: format!(
                    "storage of {} MB is over the {} plan's {} MB",
                    megabytes(used),
                    plan.display_name,
                    megabytes(limit)
                ),
            }),
        ];
        let exceeded: Vec<Exceeded> = exceeded.into_iter().flatten().collect();
        Self { within_limits: exceeded.is_empty(), exceeded }
    }
}

fn over(
    used: ByteCount,
    limit: Option<ByteCount>,
    exceeded: impl FnOnce(ByteCount, ByteCount) -> Exceeded,
) -> Option<Exceeded> {
    limit.filter(|limit| used > *limit).map(|limit| exceeded(used, limit))
}

/// Whether a team is within its plan this month
#[utoipa::path(
    get,
    path = "/api/usage/teams/{team_slug}/limits",
    operation_id = "read_team_limits",
    tag = "usage",
    params(("team_slug" = String, Path, description = "The team's name in addresses"), ReadAfter),
    responses((status = 200, body = Answer), ReadProblems),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(slug): Path<String>,
    query: NowQuery,
) -> Result<Json<Answer>, Problem> {
    let slug = named(&slug)?;
    let month = query.ready(&app).await?;
    let usage = app.reads.team_usage(user, &slug, month).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(Answer::new(&usage, app.plans.in_force(&usage.plan))))
}

#[cfg(test)]
mod tests {
    use domain::plan::{Catalogue, PlanName};
    use projections::TeamProjectUsage;
    use store::Position;

    use super::*;

    fn usage(traffic: u64, storage: u64) -> TeamUsage {
        let project = TeamProjectUsage {
            project_id: domain::ProjectId::from_bytes([1; 16]),
            name: "p".into(),
            ingress: ByteCount::ZERO,
            egress: traffic.try_into().unwrap(),
            requests: 0,
            storage: storage.try_into().unwrap(),
        };
        TeamUsage {
            team_id: domain::TeamId::from_bytes([2; 16]),
            slug: "t".parse().unwrap(),
            name: "T".into(),
            plan: PlanName::free(),
            month: "2026-11".parse().unwrap(),
            projects: vec![project],
            unlinked_storage: ByteCount::ZERO,
            position: Position(1),
        }
    }

    #[test]
    fn exactly_at_the_limit_is_within_it() {
        let plans = Catalogue::default();
        let free = plans.in_force(&PlanName::free());
        assert!(Answer::new(&usage(5 << 30, 100 << 20), free).within_limits);
        let over = Answer::new(&usage((5 << 30) + 1, (100 << 20) + 1), free);
        assert!(!over.within_limits);
        assert_eq!(over.exceeded[0].resource, Resource::Traffic);
        assert_eq!((over.exceeded[1].used, over.exceeded[1].limit), ((100 << 20) + 1, 100 << 20));
        assert!(over.exceeded[0].detail.contains("over the Free plan's 5 GB"), "{}", over.exceeded[0].detail);
    }

    #[test]
    fn without_limit_nothing_is_exceeded() {
        let plans = Catalogue::default();
        let mut plan = plans.in_force(&PlanName::free()).clone();
        plan.max_traffic_gb_per_month = domain::plan::Limit::Unlimited;
        assert!(Answer::new(&usage(1 << 62, 0), &plan).within_limits);
    }
}
