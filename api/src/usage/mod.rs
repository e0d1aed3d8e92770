//! Usage: measurements come in, what was used goes out.

mod answer;
mod project;
mod project_days;
mod project_sources;
mod storage;
mod team;
mod team_limits;
pub(crate) mod traffic;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) use team_limits::Resource;

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(traffic::record))
        .routes(routes!(storage::record))
        .routes(routes!(project::read))
        .routes(routes!(project_days::read))
        .routes(routes!(project_sources::read))
        .routes(routes!(team::read))
        .routes(routes!(team_limits::read))
}
