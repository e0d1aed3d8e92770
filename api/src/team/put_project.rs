//! `PUT /api/projects/{project_id}`: the project is this team's, is called this, and is billed by this way of counting.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::{TeamId, TrafficSource};
use serde::Deserialize;
use utoipa::ToSchema;

use super::put_member::told;
use super::recorded::{Recorded, check_name};
use crate::app::App;
use crate::auth::DirectoryWriter;
use crate::body::Json;
use crate::params::given;
use crate::problem::{Problem, WriteProblems};

/// A project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Project)]
pub(crate) struct Body {
    /// Whose it is: 32 lower-case hexadecimal characters.
    #[schema(value_type = String)]
    team_id: TeamId,
    /// What people call it: 1 to 200 characters.
    #[schema(example = "Boutique")]
    name: String,
    /// What counts the traffic that it is billed: `traefik`, `docker` or `ingest`; `null`: what counts for all projects.
    /// Left out, it stays as it is. A project that moves to another team has chosen nothing there.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>, example = "docker", pattern = "^(traefik|docker|ingest)$")]
    traffic_source: Option<Option<TrafficSource>>,
}

/// Register, rename or move a project, or choose what counts its traffic
///
/// What it used before it moved stays with the team that it was. The plan's `max_projects` holds.
#[utoipa::path(
    put,
    path = "/api/projects/{project_id}",
    operation_id = "put_project",
    tag = "directory",
    params(("project_id" = String, Path, description = "32 lower-case hexadecimal characters")),
    request_body = Body,
    responses((status = 200, body = Recorded), WriteProblems),
    security(("service_key" = ["directory:write"])),
)]
pub(crate) async fn put_project(
    State(app): State<Arc<App>>,
    DirectoryWriter(actor): DirectoryWriter,
    Path(project): Path<String>,
    Json(body): Json<Body>,
) -> Result<axum::Json<Recorded>, Problem> {
    let project = given("project_id", &project)?;
    check_name(&body.name)?;
    let mut position = app.commands.put_project(&actor, project, body.team_id, &body.name).await?;
    if let Some(source) = body.traffic_source {
        position = app.commands.choose_source(&actor, project, source).await?;
    }
    Ok(Recorded::at(position))
}
