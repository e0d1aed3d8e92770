//! `PUT /api/projects/{project_id}`: the project is this team's and is called this.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::TeamId;
use serde::Deserialize;
use utoipa::ToSchema;

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
}

/// Register, rename or move a project
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
    Ok(Recorded::at(app.commands.put_project(&actor, project, body.team_id, &body.name).await?))
}
