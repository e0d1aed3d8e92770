//! `PUT /api/teams/{team_id}/members/{user_id}`: the user belongs to the team in this role.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::team::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use super::recorded::Recorded;
use crate::app::App;
use crate::auth::DirectoryWriter;
use crate::body::Json;
use crate::params::{given, given_user};
use crate::problem::{Problem, WriteProblems};

/// A member of a team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Member)]
pub(crate) struct Body {
    /// `owner`, `admin` or `member`.
    #[schema(value_type = String, example = "owner", pattern = "^(owner|admin|member)$")]
    role: Role,
}

/// Add a member to a team, or change his role
///
/// The plan's `max_members`, and `max_teams` of an owner on the free plan, hold.
#[utoipa::path(
    put,
    path = "/api/teams/{team_id}/members/{user_id}",
    operation_id = "put_member",
    tag = "directory",
    params(
        ("team_id" = String, Path, description = "32 lower-case hexadecimal characters"),
        ("user_id" = i64, Path, description = "The user's id in the PaaS"),
    ),
    request_body = Body,
    responses((status = 200, body = Recorded), WriteProblems),
    security(("service_key" = ["directory:write"])),
)]
pub(crate) async fn put_member(
    State(app): State<Arc<App>>,
    DirectoryWriter(actor): DirectoryWriter,
    Path((team, user)): Path<(String, String)>,
    Json(body): Json<Body>,
) -> Result<axum::Json<Recorded>, Problem> {
    let (team, user) = (given("team_id", &team)?, given_user(&user)?);
    Ok(Recorded::at(app.commands.put_member(&actor, team, user, body.role).await?))
}
