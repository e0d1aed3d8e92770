//! What happens to a team. Every version ever written stays readable (`golden/team`).

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Role;
use crate::plan::PlanName;
use crate::{ProjectId, Slug, TeamId, UserId};

/// An event of one team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TeamEvent {
    /// The team exists.
    TeamRegistered(TeamRegistered),
    /// It is called otherwise.
    TeamRenamed(TeamRenamed),
    /// It does not exist any more.
    TeamRemoved(TeamRemoved),
    /// A user belongs to it.
    MemberAdded(MemberAdded),
    /// A user does not belong to it any more.
    MemberRemoved(MemberRemoved),
    /// A member may do something else.
    MemberRoleChanged(MemberRoleChanged),
    /// A project is its own.
    ProjectRegistered(ProjectRegistered),
    /// A project is called otherwise.
    ProjectRenamed(ProjectRenamed),
    /// A project is another team's.
    ProjectMoved(ProjectMoved),
    /// A project does not exist any more.
    ProjectRemoved(ProjectRemoved),
    /// It is on a plan.
    PlanActivated(PlanActivated),
}

/// The team exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRegistered {
    /// What people call it.
    pub name: String,
    /// Its name in addresses.
    pub slug: Slug,
}

/// The team is called otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRenamed {
    /// What people call it from now on.
    pub name: String,
    /// Its name in addresses from now on.
    pub slug: Slug,
}

/// The team does not exist any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRemoved {
    /// Since when.
    pub at: DateTime<Utc>,
}

/// A user belongs to the team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberAdded {
    /// The user.
    pub user_id: UserId,
    /// What he may do.
    pub role: Role,
}

/// A user does not belong to the team any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRemoved {
    /// The user.
    pub user_id: UserId,
}

/// A member may do something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRoleChanged {
    /// The user.
    pub user_id: UserId,
    /// What he may do from now on.
    pub role: Role,
}

/// A project is the team's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRegistered {
    /// The project.
    pub project_id: ProjectId,
    /// What people call it.
    pub name: String,
    /// The team it was before, when it was another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<TeamId>,
}

/// A project is called otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRenamed {
    /// The project.
    pub project_id: ProjectId,
    /// What people call it from now on.
    pub name: String,
}

/// A project is another team's from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectMoved {
    /// The project.
    pub project_id: ProjectId,
    /// The team whose it is.
    pub to_team: TeamId,
}

/// A project does not exist any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRemoved {
    /// The project.
    pub project_id: ProjectId,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// The team is on a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanActivated {
    /// The plan.
    pub plan: PlanName,
    /// The payment that paid for it; none when it was given.
    pub payment_id: Option<String>,
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub until: DateTime<Utc>,
}

impl DomainEvent for TeamEvent {
    fn event_type(&self) -> String {
        match self {
            Self::TeamRegistered(_) => "TeamRegistered",
            Self::TeamRenamed(_) => "TeamRenamed",
            Self::TeamRemoved(_) => "TeamRemoved",
            Self::MemberAdded(_) => "MemberAdded",
            Self::MemberRemoved(_) => "MemberRemoved",
            Self::MemberRoleChanged(_) => "MemberRoleChanged",
            Self::ProjectRegistered(_) => "ProjectRegistered",
            Self::ProjectRenamed(_) => "ProjectRenamed",
            Self::ProjectMoved(_) => "ProjectMoved",
            Self::ProjectRemoved(_) => "ProjectRemoved",
            Self::PlanActivated(_) => "PlanActivated",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
