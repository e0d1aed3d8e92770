//! The directory: teams, members and projects, as the PaaS has them. Every read of the API asks it who may see what.

mod project;
mod query;
mod row;

pub use project::DirectoryProjector;
pub(crate) use query::{member_role, projects_of, role_in, team_of_member};
pub use row::{DirectoryProject, DirectoryTeam, MemberOf};
