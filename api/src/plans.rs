//! `GET /api/plans`: the catalogue, for everyone.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::plan::{Plan, PlanName};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// The catalogue.
#[derive(Serialize, ToSchema)]
pub(crate) struct Plans {
    /// By name.
    plans: Vec<CataloguePlan>,
}

/// A plan. Its limits are the team's, added up over its projects; -1 is without limit.
#[derive(Serialize, ToSchema)]
#[schema(as = Plan)]
pub(crate) struct CataloguePlan {
    #[schema(example = "pay_as_you_go")]
    name: String,
    #[schema(example = "Pro")]
    display_name: String,
    /// Other names that requests may use.
    aliases: Vec<String>,
    /// Teams on this plan that one user may own.
    max_teams: i64,
    max_members: i64,
    max_projects: i64,
    max_cpu: f64,
    max_memory_mb: u64,
    /// Binary GB (1,073,741,824 bytes).
    max_traffic_gb_per_month: i64,
    /// Binary MB (1,048,576 bytes).
    max_storage_mb: i64,
    /// Whether projects may have domains of their own.
    custom_domains: bool,
    /// What a calendar month costs, in every currency it can be paid in; empty: nothing.
    prices: Vec<Price>,
}

/// A price.
#[derive(Serialize, ToSchema)]
pub(crate) struct Price {
    /// In minor units: 300 is 3.00 EUR, 2000 is 2000 XOF.
    minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    /// For people to read.
    #[schema(example = "3.00 EUR")]
    text: String,
}

impl From<(&PlanName, &Plan)> for CataloguePlan {
    fn from((name, plan): (&PlanName, &Plan)) -> Self {
        let price = |money: domain::Money| Price {
            minor: money.minor,
            currency: money.currency.code().to_owned(),
            text: money.to_string(),
        };
        Self {
            name: name.to_string(),
            display_name: plan.display_name.clone(),
            aliases: plan.aliases.clone(),
            max_teams: plan.max_teams.into(),
            max_members: plan.max_members.into(),
            max_projects: plan.max_projects.into(),
            max_cpu: plan.max_cpu,
            max_memory_mb: plan.max_memory_mb,
            max_traffic_gb_per_month: plan.max_traffic_gb_per_month.into(),
            max_storage_mb: plan.max_storage_mb.into(),
            custom_domains: plan.custom_domains,
            prices: plan.prices().map(price).collect(),
        }
    }
}

/// Every plan
#[utoipa::path(
    get,
    path = "/api/plans",
    operation_id = "list_plans",
    tag = "plans",
    responses((status = 200, body = Plans)),
    security(()),
)]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<Plans> {
    Json(Plans { plans: app.plans.iter().map(CataloguePlan::from).collect() })
}
