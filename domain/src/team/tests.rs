//! Given, when, then for a team.

use chrono::{DateTime, Utc};

use super::*;
use crate::plan::{Limit, PlanName};
use crate::{ProjectId, TeamId, UserId};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn project(n: u8) -> ProjectId {
    ProjectId::from_bytes([n; 16])
}

/// The team after these commands, each of which must be accepted.
fn given(commands: Vec<TeamCommand>) -> Team {
    let mut team = Team::default();
    for command in commands {
        for event in decide(&team, command, &Catalogue::default()).unwrap() {
            team.evolve(&event);
        }
    }
    team
}

fn when(team: &Team, command: TeamCommand) -> Result<Vec<TeamEvent>, TeamRefusal> {
    decide(team, command, &Catalogue::default())
}

fn register(slug: &str) -> TeamCommand {
    TeamCommand::Register { name: "Team".into(), slug: slug.parse().unwrap() }
}

fn put_member(user: i64, role: Role, other_free_teams: u64) -> TeamCommand {
    TeamCommand::PutMember { user_id: UserId(user), role, other_free_teams }
}

fn put_project(n: u8) -> TeamCommand {
    TeamCommand::PutProject { project_id: project(n), name: format!("p{n}"), moved_from: None }
}

fn activate(from: &str, until: &str) -> TeamCommand {
    TeamCommand::ActivatePlan {
        plan: "pay_as_you_go".into(),
        payment_id: None,
        from: at(from),
        until: at(until),
    }
}

#[test]
fn every_command_twice_changes_nothing_more() {
    let commands = [register("a"), put_member(1, Role::Owner, 0), put_project(1), put_project(2)];
    let team = given(commands.to_vec());
    for command in commands {
        assert_eq!(when(&team, command.clone()), Ok(vec![]), "{command:?}");
    }
    assert_eq!(when(&team, TeamCommand::RemoveMember { user_id: UserId(9) }), Ok(vec![]));
    let gone = TeamCommand::RemoveProject { project_id: project(9), at: at("2026-11-01T00:00:00Z") };
    assert_eq!(when(&team, gone), Ok(vec![]));
}

#[test]
fn the_free_plan_s_limits_are_named() {
    let team = given(vec![register("a"), put_member(1, Role::Owner, 0), put_project(1), put_project(2)]);
    for (command, name, limit, wanted) in
        [(put_project(3), "max_projects", 2, 3), (put_member(2, Role::Member, 0), "max_members", 1, 2)]
    {
        let refusal = TeamRefusal::PlanLimit {
            limit_name: name,
            limit: Limit::AtMost(limit),
            wanted,
            plan: "free".into(),
        };
        assert_eq!(when(&team, command), Err(refusal));
    }
    let empty = given(vec![register("a")]);
    let refused = when(&empty, put_member(1, Role::Owner, 1)).unwrap_err();
    assert_eq!(refused.to_string(), "the free plan's max_teams is 1, and this would make it 2");
}

#[test]
fn pro_has_room() {
    let mut commands = vec![register("a"), activate("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")];
    commands.extend((1..=20).map(put_project));
    commands.extend((1..=20).map(|user| put_member(user, Role::Owner, 5)));
    let team = given(commands);
    assert_eq!((team.projects.len(), team.members.len()), (20, 20));
    assert_eq!(team.plan, PlanName::from("pay_as_you_go"));
}

#[test]
fn plans_do_not_overlap() {
    let team = given(vec![register("a"), activate("2026-11-05T00:00:00Z", "2026-12-05T00:00:00Z")]);
    let overlapping = when(&team, activate("2026-12-04T23:59:59Z", "2027-01-05T00:00:00Z"));
    assert_eq!(overlapping, Err(TeamRefusal::PeriodTaken { until: at("2026-12-05T00:00:00Z") }));
    assert_eq!(when(&team, activate("2026-12-05T00:00:00Z", "2027-01-05T00:00:00Z")).unwrap().len(), 1);
    assert_eq!(
        when(&team, activate("2027-01-05T00:00:00Z", "2027-01-05T00:00:00Z")),
        Err(TeamRefusal::EmptyPeriod)
    );
    let unknown = TeamCommand::ActivatePlan {
        plan: "gold".into(),
        payment_id: None,
        from: at("2027-01-05T00:00:00Z"),
        until: at("2027-02-05T00:00:00Z"),
    };
    assert_eq!(when(&team, unknown), Err(TeamRefusal::UnknownPlan("gold".into())));
}

#[test]
fn a_project_moves_with_both_sides_written() {
    let to_team = TeamId::from_bytes([7; 16]);
    let team = given(vec![register("a"), put_project(1)]);
    let moved = when(&team, TeamCommand::GiveProject { project_id: project(1), to_team }).unwrap();
    assert_eq!(moved, [TeamEvent::ProjectMoved(ProjectMoved { project_id: project(1), to_team })]);
    let refused = when(&team, TeamCommand::GiveProject { project_id: project(2), to_team });
    assert_eq!(refused, Err(TeamRefusal::NotItsProject(project(2))));
}

#[test]
fn a_removed_team_takes_its_projects_along_and_may_come_back() {
    let mut team = given(vec![register("a"), put_project(1), put_project(2)]);
    let removed = when(&team, TeamCommand::Remove { at: at("2026-11-01T00:00:00Z") }).unwrap();
    assert_eq!(removed.len(), 3);
    removed.iter().for_each(|event| team.evolve(event));
    assert_eq!(team, Team::default());
    assert_eq!(when(&team, put_project(1)), Err(TeamRefusal::NotRegistered));
    assert_eq!(when(&team, TeamCommand::Remove { at: at("2026-11-02T00:00:00Z") }), Ok(vec![]));
    assert_eq!(when(&team, register("a")).unwrap().len(), 1);
}
