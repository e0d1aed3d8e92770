//! Rows of team usage.

use domain::plan::PlanName;
use domain::{ByteCount, Month, ProjectId, Slug, TeamId};
use store::Position;

/// What a team used in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamUsage {
    /// The team.
    pub team_id: TeamId,
    /// Its name in addresses.
    pub slug: Slug,
    /// What people call it.
    pub name: String,
    /// Its plan.
    pub plan: PlanName,
    /// The UTC month.
    pub month: Month,
    /// Its projects, and those that were its own in that month, by name.
    pub projects: Vec<TeamProjectUsage>,
    /// What its folders come to that no project mounts, as last measured in that month or before it.
    pub unlinked_storage: ByteCount,
    /// Everything up to this position of the log is in these numbers.
    pub position: Position,
}

/// What a team uses, all its projects together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeamTotals {
    /// The team.
    pub team_id: TeamId,
    /// Ingress plus egress of the month.
    pub traffic: ByteCount,
    /// As last measured.
    pub storage: ByteCount,
}

/// What a project used while it was the team's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamProjectUsage {
    /// The project.
    pub project_id: ProjectId,
    /// What people call it; its id when it is another team's now.
    pub name: String,
    /// Bytes that clients sent.
    pub ingress: ByteCount,
    /// Bytes that the project sent.
    pub egress: ByteCount,
    /// Requests answered.
    pub requests: u64,
    /// The storage last measured in that month or before it, as long as the project was the team's.
    pub storage: ByteCount,
}

impl TeamProjectUsage {
    /// Ingress plus egress.
    #[must_use]
    pub fn traffic(&self) -> ByteCount {
        add(self.ingress, self.egress)
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.traffic() == ByteCount::ZERO && self.requests == 0 && self.storage == ByteCount::ZERO
    }
}

impl TeamUsage {
    /// Ingress plus egress of all its projects.
    #[must_use]
    pub fn traffic(&self) -> ByteCount {
        self.projects.iter().fold(ByteCount::ZERO, |sum, project| add(sum, project.traffic()))
    }

    /// The storage of all its projects, and what no project mounts.
    #[must_use]
    pub fn storage(&self) -> ByteCount {
        self.projects.iter().fold(self.unlinked_storage, |sum, project| add(sum, project.storage))
    }
}

pub(super) fn add(one: ByteCount, other: ByteCount) -> ByteCount {
    one.checked_add(other).unwrap_or(ByteCount::MAX)
}
