//! `DELETE /api/users/{user_id}/personal-data`: the person is to be forgotten.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use super::recorded::Recorded;
use crate::app::App;
use crate::auth::DirectoryWriter;
use crate::params::given_user;
use crate::problem::{Problem, RemoveProblems};

/// Forget a person
///
/// Destroys the key of what was told of how the user is reached, in whichever team and whenever: nobody can read it any
/// more, here or in the event log. Nothing is mailed to him until an address is told again. He stays a member of his
/// teams. A user of whom nothing was told is no error.
#[utoipa::path(
    delete,
    path = "/api/users/{user_id}/personal-data",
    operation_id = "remove_personal_data",
    tag = "directory",
    params(("user_id" = i64, Path, description = "The user's id in the PaaS")),
    responses((status = 200, body = Recorded), RemoveProblems),
    security(("service_key" = ["directory:write"])),
)]
pub(crate) async fn remove_personal_data(
    State(app): State<Arc<App>>,
    DirectoryWriter(actor): DirectoryWriter,
    Path(user): Path<String>,
) -> Result<Json<Recorded>, Problem> {
    Ok(Recorded::at(app.commands.erase_subject(&actor, given_user(&user)?).await?))
}
