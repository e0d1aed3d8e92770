//! `DELETE /api/teams/{team_id}/members/{user_id}`: the user does not belong to the team.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use super::recorded::Recorded;
use crate::app::App;
use crate::auth::DirectoryWriter;
use crate::params::{given, given_user};
use crate::problem::{Problem, RemoveProblems};

/// Remove a member from a team
///
/// A member who is not there, or a team that is not, is no error.
#[utoipa::path(
    delete,
    path = "/api/teams/{team_id}/members/{user_id}",
    operation_id = "remove_member",
    tag = "directory",
    params(
        ("team_id" = String, Path, description = "32 lower-case hexadecimal characters"),
        ("user_id" = i64, Path, description = "The user's id in the PaaS"),
    ),
    responses((status = 200, body = Recorded), RemoveProblems),
    security(("service_key" = ["directory:write"])),
)]
pub(crate) async fn remove_member(
    State(app): State<Arc<App>>,
    DirectoryWriter(actor): DirectoryWriter,
    Path((team, user)): Path<(String, String)>,
) -> Result<Json<Recorded>, Problem> {
    let (team, user) = (given("team_id", &team)?, given_user(&user)?);
    Ok(Recorded::at(app.commands.remove_member(&actor, team, user).await?))
}
