//! A team as its events have made it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Role;
use super::event::TeamEvent;
use crate::plan::PlanName;
use crate::{ProjectId, Slug, UserId};

/// A team, as far as decisions need it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Name and slug while it is registered.
    pub registered: Option<(String, Slug)>,
    /// Who belongs to it.
    pub members: BTreeMap<UserId, Role>,
    /// What is its own.
    pub projects: BTreeMap<ProjectId, Project>,
    /// The plan it is on.
    pub plan: PlanName,
    /// The first instant after the plan's time; none on the free plan.
    pub plan_until: Option<DateTime<Utc>>,
}

/// A project of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// What people call it.
    pub name: String,
}

impl Team {
    /// Takes in one event.
    pub fn evolve(&mut self, event: &TeamEvent) {
        match event {
            TeamEvent::TeamRegistered(team) => self.registered = Some((team.name.clone(), team.slug.clone())),
            TeamEvent::TeamRenamed(team) => self.registered = Some((team.name.clone(), team.slug.clone())),
            TeamEvent::TeamRemoved(_) => *self = Self::default(),
            TeamEvent::MemberAdded(member) => {
                self.members.insert(member.user_id, member.role);
            }
            TeamEvent::MemberRoleChanged(member) => {
                self.members.insert(member.user_id, member.role);
            }
            TeamEvent::MemberRemoved(member) => {
                self.members.remove(&member.user_id);
            }
            TeamEvent::ProjectRegistered(project) => {
                self.projects.insert(project.project_id, Project { name: project.name.clone() });
            }
            TeamEvent::ProjectRenamed(project) => {
                self.projects.insert(project.project_id, Project { name: project.name.clone() });
            }
            TeamEvent::ProjectMoved(project) => {
                self.projects.remove(&project.project_id);
            }
            TeamEvent::ProjectRemoved(project) => {
                self.projects.remove(&project.project_id);
            }
            TeamEvent::PlanActivated(activated) => {
                self.plan = activated.plan.clone();
                self.plan_until = Some(activated.until);
            }
        }
    }
}
