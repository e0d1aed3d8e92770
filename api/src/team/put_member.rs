//! `PUT /api/teams/{team_id}/members/{user_id}`: the user belongs to the team in this role, and is reached so. No answer
//! and no log repeats an address.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Path, State};
use domain::team::Role;
use domain::{EmailAddress, Language};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use store::commands::ContactChange;
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
    /// Where mails to the member go; `null`: nowhere. Left out, it stays as it is. Only Servelink itself can read it, and
    /// only until `DELETE /api/users/{user_id}/personal-data`.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>, format = Email, example = "awa@example.org", max_length = 254)]
    email: Option<Option<EmailAddress>>,
    /// The language that the member is written to in: `fr`, `en`, or a language tag (BCP 47) that begins so; `null`: the
    /// default one. Left out, it stays as it is.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>, example = "fr-SN")]
    language: Option<Option<Language>>,
    /// `true`: no mails that the member can do without, as when he unsubscribes by a link in one. Left out, it stays as it
    /// is.
    #[serde(default)]
    muted: Option<bool>,
}

/// What a field that is there says; one that is not there says nothing.
pub(super) fn told<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose().map(Some)
}

/// Add a member to a team, or change his role and how he is reached
///
/// What the body leaves out of `email`, `language` and `muted` stays as it is. The plan's `max_members`, and `max_teams` of an owner on the free plan, hold.
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
    let contact = ContactChange { email: body.email, language: body.language, muted: body.muted };
    Ok(Recorded::at(app.commands.put_member(&actor, team, user, body.role, &contact).await?))
}
