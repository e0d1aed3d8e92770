//! Who may pay and cancel: a team's owner and its admins. Whose team it is, its members alone learn.

use domain::team::Role;
use domain::{TeamId, UserId};
use store::commands::Actor;

use crate::app::App;
use crate::problem::{Kind, Problem};

/// The user, as the metadata of events names who did it.
pub(super) fn actor(user: UserId) -> Actor {
    Actor(format!("user:{user}"))
}

/// Whether the user may pay for this team, or cancel.
pub(super) async fn check_in(app: &App, user: UserId, team: TeamId) -> Result<(), Problem> {
    check(app.reads.role_in(user, team).await?.ok_or_else(Problem::not_found)?)
}

/// Whether this role is enough.
pub(super) fn check(role: Role) -> Result<(), Problem> {
    match role {
        Role::Owner | Role::Admin => Ok(()),
        Role::Member => {
            let detail = "only the team's owner and its admins may pay and cancel";
            Err(Problem::new(Kind::MissingRole, detail).member("role", role.as_str()))
        }
    }
}
