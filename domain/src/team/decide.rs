//! What a command makes of a team.

use chrono::{DateTime, Months, TimeDelta, Utc};

use super::command::{Forecast, PaidBy, TeamCommand, UsageNow};
use super::event::{
    LimitForecast, MemberAdded, MemberContactChanged, MemberRemoved, MemberRoleChanged, PlanActivated,
    PlanLapsed, PlanRenewed, ProjectMoved, ProjectRegistered, ProjectRemoved, ProjectRenamed,
    ProjectSourceChosen, RenewalDue, SubjectErased, TeamEvent, TeamRegistered, TeamRemoved, TeamRenamed,
    UnlinkedStorageMeasured, UsageAlertCleared, UsageAlertRaised,
};
use super::refusal::TeamRefusal;
use super::state::{Contact, Team};
use super::{Resource, Role};
use crate::plan::{Catalogue, Limit, PlanName};
use crate::{ByteCount, ProjectId, Slug, TeamId, TrafficSource, UserId};

/// How long a team stays on a plan whose time is over, so that a late payment costs it nothing.
pub const GRACE: TimeDelta = TimeDelta::days(3);
/// How many days before a plan's end its team is reminded.
pub const REMINDERS: [u8; 2] = [5, 1];

/// How much of a limit raises an alert, in per cent.
const THRESHOLDS: [u8; 3] = [80, 95, 100];
/// How far storage must fall below an alert, in points, before it may be raised again.
const REARMED_BELOW: u8 = 5;

/// The events that this command causes; none when it asks for what is so already.
///
/// # Errors
/// [`TeamRefusal`], and then nothing changes.
pub fn decide(team: &Team, command: TeamCommand, plans: &Catalogue) -> Result<Vec<TeamEvent>, TeamRefusal> {
    match (&team.registered, command) {
        (_, TeamCommand::Register { name, slug }) => Ok(register(team, name, slug)),
        (
            None,
            TeamCommand::Remove { .. }
            | TeamCommand::RemoveMember { .. }
            | TeamCommand::CheckPlan { .. }
            | TeamCommand::ReportUsage(_)
            | TeamCommand::ReportForecast(_)
            | TeamCommand::MeasureUnlinkedStorage { .. }
            | TeamCommand::EraseSubject { .. },
        ) => Ok(vec![]),
        (
            None,
            TeamCommand::PutMember { .. }
            | TeamCommand::SetContact { .. }
            | TeamCommand::Mute { .. }
            | TeamCommand::ChooseSource { .. }
            | TeamCommand::PutProject { .. }
            | TeamCommand::GiveProject { .. }
            | TeamCommand::RemoveProject { .. }
            | TeamCommand::ActivatePlan { .. },
        ) => Err(TeamRefusal::NotRegistered),
        (Some(_), TeamCommand::PutMember { user_id, role, other_free_teams }) => {
            put_member(team, user_id, role, other_free_teams, plans)
        }
        (Some(_), TeamCommand::RemoveMember { user_id }) => Ok(remove_member(team, user_id)),
        (Some(_), TeamCommand::SetContact { user_id, email, language, muted }) => {
            set_contact(team, user_id, Contact { email, language, muted })
        }
        (Some(_), TeamCommand::Mute { user_id, muted }) => {
            let standing = team.contacts.get(&user_id).cloned().unwrap_or_default();
            set_contact(team, user_id, Contact { muted, ..standing })
        }
        (Some(_), TeamCommand::EraseSubject { user_id }) => Ok(erase_subject(team, user_id)),
        (Some(_), TeamCommand::ChooseSource { project_id, source }) => {
            choose_source(team, project_id, source)
        }
        (Some(_), TeamCommand::PutProject { project_id, name, moved_from }) => {
            put_project(team, project_id, name, moved_from, plans)
        }
        (Some(_), TeamCommand::GiveProject { project_id, to_team }) => {
            give_project(team, project_id, to_team)
        }
        (Some(_), TeamCommand::RemoveProject { project_id, at }) => Ok(remove_project(team, project_id, at)),
        (Some(_), TeamCommand::ActivatePlan { plan, paid_by, at }) => {
            activate_plan(team, plan, paid_by, at, plans)
        }
        (Some(_), TeamCommand::CheckPlan { at }) => Ok(check_plan(team, at)),
        (Some(_), TeamCommand::ReportUsage(now)) => Ok(report_usage(team, now, plans)),
        (Some(_), TeamCommand::ReportForecast(forecast)) => Ok(report_forecast(team, forecast, plans)),
        (Some(_), TeamCommand::MeasureUnlinkedStorage { bytes, measured_at, source }) => {
            Ok(measure_unlinked_storage(team, bytes, measured_at, source))
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

/// Whoever told nothing yet and tells nothing now has not changed.
fn set_contact(team: &Team, user_id: UserId, contact: Contact) -> Result<Vec<TeamEvent>, TeamRefusal> {
    if !team.members.contains_key(&user_id) {
        return Err(TeamRefusal::NotAMember(user_id));
    }
    if team.contacts.get(&user_id).unwrap_or(&Contact::default()) == &contact {
        return Ok(vec![]);
    }
    let Contact { email, language, muted } = contact;
    Ok(vec![TeamEvent::MemberContactChanged(MemberContactChanged { user_id, email, language, muted })])
}

fn erase_subject(team: &Team, user_id: UserId) -> Vec<TeamEvent> {
    let known = team.contacts.contains_key(&user_id);
    known.then_some(TeamEvent::SubjectErased(SubjectErased { user_id })).into_iter().collect()
}

fn choose_source(
    team: &Team,
    project_id: ProjectId,
    source: Option<TrafficSource>,
) -> Result<Vec<TeamEvent>, TeamRefusal> {
    match team.projects.get(&project_id) {
        None => Err(TeamRefusal::NotItsProject(project_id)),
        Some(project) if project.source == source => Ok(vec![]),
        Some(_) => Ok(vec![TeamEvent::ProjectSourceChosen(ProjectSourceChosen { project_id, source })]),
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

/// Each payment counts once, and each period is paid once. Paying early, or within the grace, goes on where the time
/// before ends; another plan than the present one begins at once.
fn activate_plan(
    team: &Team,
    plan: PlanName,
    paid_by: Option<PaidBy>,
    at: DateTime<Utc>,
    plans: &Catalogue,
) -> Result<Vec<TeamEvent>, TeamRefusal> {
    if plan.is_free() {
        return Err(TeamRefusal::FreePlan);
    }
    if !plans.iter().any(|(name, _)| *name == plan) {
        return Err(TeamRefusal::UnknownPlan(plan.to_string()));
    }
    if let Some(paid_by) = paid_by {
        if team.payments.contains(&paid_by.payment_id) {
            return Ok(vec![]);
        }
        if paid_by.period <= team.paid_periods {
            return Err(TeamRefusal::PeriodPaid { period: paid_by.period });
        }
    }
    let (payment_id, period) = paid_by.map(|paid_by| (paid_by.payment_id, paid_by.period)).unzip();
    match team.term.filter(|term| team.plan == plan && at < term.until + GRACE) {
        Some(term) => {
            let (from, until) = (term.until, term.until_with_one_more().ok_or(TeamRefusal::EndOfTime)?);
            Ok(vec![TeamEvent::PlanRenewed(PlanRenewed { plan, payment_id, period, from, until })])
        }
        None => {
            let until = at.checked_add_months(Months::new(1)).ok_or(TeamRefusal::EndOfTime)?;
            Ok(vec![TeamEvent::PlanActivated(PlanActivated { plan, payment_id, period, from: at, until })])
        }
    }
}

/// The reminder that is due, if it was not given: the later one replaces those that were missed. Or the end.
fn check_plan(team: &Team, at: DateTime<Utc>) -> Vec<TeamEvent> {
    let (plan, Some(term)) = (team.plan.clone(), team.term) else {
        return vec![];
    };
    let until = term.until;
    if at >= until + GRACE {
        return vec![TeamEvent::PlanLapsed(PlanLapsed { plan, until, at })];
    }
    let due = REMINDERS.into_iter().filter(|days| at >= until - TimeDelta::days((*days).into())).min();
    match due.filter(|days| term.reminded.is_none_or(|reminded| *days < reminded)) {
        Some(days_before) => vec![TeamEvent::RenewalDue(RenewalDue { plan, until, days_before })],
        None => vec![],
    }
}

/// The highest threshold that is newly crossed raises an alert, once a month; storage that has clearly fallen below one
/// may raise it again.
fn report_usage(team: &Team, now: UsageNow, plans: &Catalogue) -> Vec<TeamEvent> {
    let plan = plans.in_force(&team.plan);
    let resources = [
        (Resource::Traffic, now.traffic, plan.traffic_limit()),
        (Resource::Storage, now.storage, plan.storage_limit()),
    ];
    let limited = resources.into_iter().filter_map(|(resource, used, limit)| Some((resource, used, limit?)));
    limited.filter_map(|(resource, used, limit)| report(team, now, resource, used, limit)).collect()
}

fn report(
    team: &Team,
    now: UsageNow,
    resource: Resource,
    used: ByteCount,
    limit: ByteCount,
) -> Option<TeamEvent> {
    let UsageNow { month, at, .. } = now;
    let last = team.alerts.get(&resource);
    // A clock that was set back over the end of a month: what was to be told of it was told.
    if last.is_some_and(|(raised_in, _)| *raised_in > month) {
        return None;
    }
    let standing = last.filter(|(raised_in, _)| *raised_in == month);
    let standing = standing.map_or(0, |(_, threshold)| *threshold);
    let crossed = THRESHOLDS.into_iter().rfind(|threshold| is_at_least(used, *threshold, limit));
    if let Some(threshold) = crossed.filter(|crossed| *crossed > standing) {
        let raised = UsageAlertRaised { resource, threshold, month, used, limit, at };
        return Some(TeamEvent::UsageAlertRaised(raised));
    }
    // What has fallen only a little still stands: else a value that trembles would be told again and again.
    let stands =
        |threshold: &u8| *threshold <= standing && is_at_least(used, threshold - REARMED_BELOW, limit);
    let still = THRESHOLDS.into_iter().rfind(stands);
    let fallen = resource == Resource::Storage && standing > 0 && still != Some(standing);
    fallen.then(|| {
        let cleared = UsageAlertCleared { resource, standing: still, month, used, limit, at };
        TeamEvent::UsageAlertCleared(cleared)
    })
}

/// Once a month and resource, and only as long as the limit is not reached.
fn report_forecast(team: &Team, forecast: Forecast, plans: &Catalogue) -> Vec<TeamEvent> {
    let Forecast { resource, month, used, reached_on, at } = forecast;
    let plan = plans.in_force(&team.plan);
    let limit = match resource {
        Resource::Traffic => plan.traffic_limit(),
        Resource::Storage => plan.storage_limit(),
    };
    let Some(limit) = limit.filter(|limit| used < *limit) else { return vec![] };
    // A later month may have been told already, by a clock that was set back since.
    if team.forecasts.get(&resource).is_some_and(|told| *told >= month) || !month.contains(reached_on) {
        return vec![];
    }
    vec![TeamEvent::LimitForecast(LimitForecast { resource, month, used, limit, reached_on, at })]
}

/// Whether this is so many per cent of the limit, or more: in whole bytes, without rounding. Of a limit of nothing,
/// anything is all of it and nothing is nothing.
fn is_at_least(used: ByteCount, percent: u8, limit: ByteCount) -> bool {
    used > ByteCount::ZERO && u128::from(used.get()) * 100 >= u128::from(limit.get()) * u128::from(percent)
}

/// Only what differs from the last measurement is worth an event, and what is older than it never is.
fn measure_unlinked_storage(
    team: &Team,
    bytes: ByteCount,
    measured_at: DateTime<Utc>,
    source: String,
) -> Vec<TeamEvent> {
    let (standing, since) = team.unlinked.map_or((ByteCount::ZERO, None), |(bytes, at)| (bytes, Some(at)));
    if bytes == standing || since.is_some_and(|since| measured_at < since) {
        return vec![];
    }
    vec![TeamEvent::UnlinkedStorageMeasured(UnlinkedStorageMeasured { bytes, measured_at, source })]
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
