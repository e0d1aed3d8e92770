//! Rows of the directory.

use domain::plan::PlanName;
use domain::team::Role;
use domain::{ProjectId, Slug, TeamId};

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryTeam {
    /// The team.
    pub team_id: TeamId,
    /// Its name in addresses.
    pub slug: Slug,
    /// What people call it.
    pub name: String,
    /// Its plan.
    pub plan: PlanName,
}

/// A team, for one of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberOf {
    /// The team.
    pub team_id: TeamId,
    /// What people call it.
    pub name: String,
    /// Its name in addresses.
    pub slug: Slug,
    /// What the member may do in it.
    pub role: Role,
}

/// A project of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryProject {
    /// The project.
    pub project_id: ProjectId,
    /// What people call it.
    pub name: String,
    /// Whether it does not exist any more. Its history stays visible to the team that had it last.
    pub removed: bool,
}
