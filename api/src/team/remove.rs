//! `DELETE /api/teams/{team_id}`: the team does not exist any more, and neither do its projects.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use super::recorded::Recorded;
use crate::app::App;
use crate::auth::DirectoryWriter;
use crate::params::given;
use crate::problem::{Problem, RemoveProblems};

/// Remove a team and its projects
///
/// What they used stays recorded. A team that is not there, or never was, is no error.
#[utoipa::path(
    delete,
    path = "/api/teams/{team_id}",
    operation_id = "remove_team",
    tag = "directory",
    params(("team_id" = String, Path, description = "32 lower-case hexadecimal characters")),
    responses((status = 200, body = Recorded), RemoveProblems),
    security(("service_key" = ["directory:write"])),
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    DirectoryWriter(actor): DirectoryWriter,
    Path(team): Path<String>,
) -> Result<Json<Recorded>, Problem> {
    let team = given("team_id", &team)?;
    Ok(Recorded::at(app.commands.remove_team(&actor, team).await?))
}
