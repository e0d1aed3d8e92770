//! What a command makes of a team.

use chrono::{DateTime, Utc};

use super::Role;
use super::command::TeamCommand;
use super::event::{
    MemberAdded, MemberRemoved, MemberRoleChanged, PlanActivated, ProjectMoved, ProjectRegistered,
    ProjectRemoved, ProjectRenamed, TeamEvent, TeamRegistered, TeamRemoved, TeamRenamed,
};
use super::refusal::TeamRefusal;
use super::state::Team;
use crate::plan::{Catalogue, Limit, PlanName};
use crate::{ProjectId, Slug, TeamId, UserId};

/// The events that this command causes; none when it asks for what is so already.
///
/// # Errors
/// [`TeamRefusal`], and then nothing changes.
pub fn decide(team: &Team, command: TeamCommand, plans: &Catalogue) -> Result<Vec<TeamEvent>, TeamRefusal> {
    match (&team.registered, command) {
        (_, TeamCommand::Register { name, slug }) => Ok(register(team, name, slug)),
        (None, TeamCommand::Remove { .. } | TeamCommand::RemoveMember { .. }) => Ok(vec![]),
        (
            None,
            TeamCommand::PutMember { .. }
            | TeamCommand::PutProject { .. }
            | TeamCommand::GiveProject { .. }
            | TeamCommand::RemoveProject { .. }
            | TeamCommand::ActivatePlan { .. },
        ) => Err(TeamRefusal::NotRegistered),
        (Some(_), TeamCommand::PutMember { user_id, role, other_free_teams }) => {
            put_member(team, user_id, role, other_free_teams, plans)
        }
        (Some(_), TeamCommand::RemoveMember { user_id }) => Ok(remove_member(team, user_id)),
        (Some(_), TeamCommand::PutProject { project_id, name, moved_from }) => {
            put_project(team, project_id, name, moved_from, plans)
        }
        (Some(_), TeamCommand::GiveProject { project_id, to_team }) => {
            give_project(team, project_id, to_team)
        }
        (Some(_), TeamCommand::RemoveProject { project_id, at }) => Ok(remove_project(team, project_id, at)),
        (Some(_), TeamCommand::ActivatePlan { plan, payment_id, from, until }) => {
            activate_plan(team, PlanActivated { plan, payment_id, from, until }, plans)
        }
        (Some(_), TeamCommand::Remove { at }) => Ok(remove(team, at)),
    }
}

fn register(team: &Team, name: String, slug: Slug) -> Vec<TeamEvent> {
    match &team.registered {
        None => vec![TeamEvent::TeamRegistered(TeamRegistered { name, slug })],
        Some((old_name, old_slug)) if *old_name == name && *old_slug == slug => vec![],
        Some(_) => vec![TeamEvent::TeamRenamed(TeamRenamed { name, slug })],
    }
}

fn put_member(
    team: &Team,
    user_id: UserId,
    role: Role,
    other_free_teams: u64,
    plans: &Catalogue,
) -> Result<Vec<TeamEvent>, TeamRefusal> {
    let standing = team.members.get(&user_id);
    if standing == Some(&role) {
        return Ok(vec![]);
    }
    let plan = plans.in_force(&team.plan);
    if standing.is_none() {
        check(&team.plan, "max_members", plan.max_members, team.members.len() as u64 + 1)?;
    }
    if role == Role::Owner && team.plan.is_free() {
        check(&team.plan, "max_teams", plan.max_teams, other_free_teams.saturating_add(1))?;
    }
    Ok(vec![match standing {
        None => TeamEvent::MemberAdded(MemberAdded { user_id, role }),
        Some(_) => TeamEvent::MemberRoleChanged(MemberRoleChanged { user_id, role }),
    }])
}

fn remove_member(team: &Team, user_id: UserId) -> Vec<TeamEvent> {
    if team.members.contains_key(&user_id) {
        vec![TeamEvent::MemberRemoved(MemberRemoved { user_id })]
    } else {
        vec![]
    }
}

fn put_project(
    team: &Team,
    project_id: ProjectId,
    name: String,
    moved_from: Option<TeamId>,
    plans: &Catalogue,
) -> Result<Vec<TeamEvent>, TeamRefusal> {
    match team.projects.get(&project_id) {
        Some(standing) if standing.name == name => Ok(vec![]),
        Some(_) => Ok(vec![TeamEvent::ProjectRenamed(ProjectRenamed { project_id, name })]),
        None => {
            let limit = plans.in_force(&team.plan).max_projects;
            check(&team.plan, "max_projects", limit, team.projects.len() as u64 + 1)?;
            Ok(vec![TeamEvent::ProjectRegistered(ProjectRegistered { project_id, name, moved_from })])
        }
    }
}

fn give_project(team: &Team, project_id: ProjectId, to_team: TeamId) -> Result<Vec<TeamEvent>, TeamRefusal> {
    if team.projects.contains_key(&project_id) {
        Ok(vec![TeamEvent::ProjectMoved(ProjectMoved { project_id, to_team })])
    } else {
        Err(TeamRefusal::NotItsProject(project_id))
    }
}

fn remove_project(team: &Team, project_id: ProjectId, at: DateTime<Utc>) -> Vec<TeamEvent> {
    if team.projects.contains_key(&project_id) {
        vec![TeamEvent::ProjectRemoved(ProjectRemoved { project_id, at })]
    } else {
        vec![]
    }
}

fn activate_plan(
    team: &Team,
    activated: PlanActivated,
    plans: &Catalogue,
) -> Result<Vec<TeamEvent>, TeamRefusal> {
    if !plans.iter().any(|(name, _)| *name == activated.plan) {
        return Err(TeamRefusal::UnknownPlan(activated.plan.to_string()));
    }
    if activated.from >= activated.until {
        return Err(TeamRefusal::EmptyPeriod);
    }
    match team.plan_until {
        Some(until) if until > activated.from => Err(TeamRefusal::PeriodTaken { until }),
        Some(_) | None => Ok(vec![TeamEvent::PlanActivated(activated)]),
    }
}

fn remove(team: &Team, at: DateTime<Utc>) -> Vec<TeamEvent> {
    let projects = team.projects.keys();
    projects
        .map(|&project_id| TeamEvent::ProjectRemoved(ProjectRemoved { project_id, at }))
        .chain([TeamEvent::TeamRemoved(TeamRemoved { at })])
        .collect()
}

fn check(plan: &PlanName, limit_name: &'static str, limit: Limit, wanted: u64) -> Result<(), TeamRefusal> {
    if limit.allows(wanted) {
        Ok(())
    } else {
        Err(TeamRefusal::PlanLimit { limit_name, limit, wanted, plan: plan.to_string() })
    }
}
