//! `DELETE /api/projects/{project_id}`: the project does not exist any more.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use super::recorded::Recorded;
use crate::app::App;
use crate::auth::DirectoryWriter;
use crate::params::given;
use crate::problem::{Problem, RemoveProblems};

/// Remove a project
///
/// What it used stays recorded; samples of a later time are refused. A project that is not there, or never was, is no
/// error.
#[utoipa::path(
    delete,
    path = "/api/projects/{project_id}",
    operation_id = "remove_project",
    tag = "directory",
    params(("project_id" = String, Path, description = "32 lower-case hexadecimal characters")),
    responses((status = 200, body = Recorded), RemoveProblems),
    security(("service_key" = ["directory:write"])),
)]
pub(crate) async fn remove_project(
    State(app): State<Arc<App>>,
    DirectoryWriter(actor): DirectoryWriter,
    Path(project): Path<String>,
) -> Result<Json<Recorded>, Problem> {
    let project = given("project_id", &project)?;
    Ok(Recorded::at(app.commands.remove_project(&actor, project).await?))
}
