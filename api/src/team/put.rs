//! `PUT /api/teams/{team_id}`: the team exists and is called this.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::Slug;
use serde::Deserialize;
use utoipa::ToSchema;

use super::recorded::{Recorded, check_name};
use crate::app::App;
use crate::auth::DirectoryWriter;
use crate::body::Json;
use crate::params::given;
use crate::problem::{Problem, WriteProblems};

/// A team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Team)]
pub(crate) struct Body {
    /// What people call it: 1 to 200 characters.
    #[schema(example = "Ferme Bio")]
    name: String,
    /// Its name in addresses, which no other team has: 1 to 64 characters of a-z, 0-9 and -.
    #[schema(value_type = String, example = "ferme-bio", pattern = "^[a-z0-9-]{1,64}$")]
    slug: Slug,
}

/// Register or rename a team
#[utoipa::path(
    put,
    path = "/api/teams/{team_id}",
    operation_id = "put_team",
    tag = "directory",
    params(("team_id" = String, Path, description = "32 lower-case hexadecimal characters")),
    request_body = Body,
    responses((status = 200, body = Recorded), WriteProblems),
    security(("service_key" = ["directory:write"])),
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    DirectoryWriter(actor): DirectoryWriter,
    Path(team): Path<String>,
    Json(body): Json<Body>,
) -> Result<axum::Json<Recorded>, Problem> {
    let team = given("team_id", &team)?;
    check_name(&body.name)?;
    Ok(Recorded::at(app.commands.put_team(&actor, team, &body.name, &body.slug).await?))
}
