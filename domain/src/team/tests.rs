//! Given, when, then for a team. What holds for every order of payments is `domain/tests/payments/periods.rs`.

use chrono::{DateTime, Utc};

use super::*;
use crate::plan::{Limit, PlanName};
use crate::{Language, PaymentId, ProjectId, Sealed, TeamId, TrafficSource, UserId};

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

fn activate(period: Option<u32>, at_: &str) -> TeamCommand {
    // The period's own number makes the payment's id, so that each pays with another.
    let paid_by = period.map(|period| paid(u8::try_from(period).unwrap(), period));
    TeamCommand::ActivatePlan { plan: "pay_as_you_go".into(), paid_by, at: at(at_) }
}

fn paid(payment: u8, period: u32) -> PaidBy {
    PaidBy { payment_id: PaymentId::from_bytes([payment; 16]), period }
}

fn until(team: &Team) -> String {
    team.term.unwrap().until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
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
    let mut commands = vec![register("a"), activate(Some(1), "2026-11-01T00:00:00Z")];
    commands.extend((1..=20).map(put_project));
    commands.extend((1..=20).map(|user| put_member(user, Role::Owner, 5)));
    let team = given(commands);
    assert_eq!((team.projects.len(), team.members.len()), (20, 20));
    assert_eq!(team.plan, PlanName::from("pay_as_you_go"));
}

#[test]
fn a_plan_lasts_one_calendar_month_and_paying_early_or_within_the_grace_goes_on_at_its_end() {
    let mut commands = vec![register("a"), activate(Some(1), "2027-01-31T10:00:00Z")];
    assert_eq!(until(&given(commands.clone())), "2027-02-28T10:00:00Z");
    commands.push(activate(Some(2), "2027-02-01T00:00:00Z"));
    assert_eq!(
        until(&given(commands.clone())),
        "2027-03-31T10:00:00Z",
        "counted from the first day, not the last"
    );
    commands.push(activate(Some(3), "2027-04-03T09:59:59Z"));
    let team = given(commands.clone());
    assert_eq!(until(&team), "2027-04-30T10:00:00Z");
    let after_the_grace = when(&team, activate(Some(4), "2027-05-03T10:00:00Z")).unwrap();
    let TeamEvent::PlanActivated(anew) = &after_the_grace[0] else { panic!("{after_the_grace:?}") };
    assert_eq!((anew.from, anew.until), (at("2027-05-03T10:00:00Z"), at("2027-06-03T10:00:00Z")));
}

#[test]
fn a_payment_pays_once_and_a_period_is_paid_once() {
    let team = given(vec![register("a"), activate(Some(1), "2026-11-05T00:00:00Z")]);
    let pay = |paid_by| TeamCommand::ActivatePlan {
        plan: "pay_as_you_go".into(),
        paid_by: Some(paid_by),
        at: at("2026-11-06T00:00:00Z"),
    };
    assert_eq!(when(&team, pay(paid(1, 1))), Ok(vec![]), "the same payment again");
    assert_eq!(when(&team, pay(paid(9, 1))), Err(TeamRefusal::PeriodPaid { period: 1 }));
    assert_eq!(when(&team, pay(paid(2, 2))).unwrap().len(), 1);
    let mut removed = team.clone();
    when(&team, TeamCommand::Remove { at: at("2026-11-07T00:00:00Z") })
        .unwrap()
        .iter()
        .for_each(|event| removed.evolve(event));
    assert_eq!(when(&removed, pay(paid(2, 2))), Err(TeamRefusal::NotRegistered));
    when(&removed, register("a")).unwrap().iter().for_each(|event| removed.evolve(event));
    assert_eq!(when(&removed, pay(paid(1, 1))), Ok(vec![]), "what was used up stays used up");
}

#[test]
fn only_plans_that_cost_something_are_activated() {
    let team = given(vec![register("a")]);
    let activate = |plan: &str| TeamCommand::ActivatePlan {
        plan: plan.into(),
        paid_by: None,
        at: at("2027-01-05T00:00:00Z"),
    };
    assert_eq!(when(&team, activate("gold")), Err(TeamRefusal::UnknownPlan("gold".into())));
    assert_eq!(when(&team, activate("free")), Err(TeamRefusal::FreePlan));
}

#[test]
fn reminders_come_once_each_and_then_the_plan_lapses() {
    let mut team = given(vec![register("a"), activate(Some(1), "2026-11-05T12:00:00Z")]);
    let mut said = Vec::new();
    let mut now = at("2026-11-05T12:00:00Z");
    while now < at("2026-12-20T00:00:00Z") {
        for event in when(&team, TeamCommand::CheckPlan { at: now }).unwrap() {
            team.evolve(&event);
            said.push((now, event.clone()));
        }
        now += chrono::TimeDelta::hours(1);
    }
    let until = at("2026-12-05T12:00:00Z");
    let plan = PlanName::from("pay_as_you_go");
    let due = |days_before| TeamEvent::RenewalDue(RenewalDue { plan: plan.clone(), until, days_before });
    let lapsed_at = at("2026-12-08T12:00:00Z");
    let lapsed = TeamEvent::PlanLapsed(PlanLapsed { plan: plan.clone(), until, at: lapsed_at });
    assert_eq!(
        said,
        [(at("2026-11-30T12:00:00Z"), due(5)), (at("2026-12-04T12:00:00Z"), due(1)), (lapsed_at, lapsed)]
    );
    assert!(team.plan.is_free());
}

#[test]
fn a_reminder_that_was_missed_is_replaced_and_a_renewal_ends_them() {
    let mut team = given(vec![register("a"), activate(Some(1), "2026-11-05T12:00:00Z")]);
    let late = when(&team, TeamCommand::CheckPlan { at: at("2026-12-05T00:00:00Z") }).unwrap();
    assert!(matches!(&late[..], [TeamEvent::RenewalDue(due)] if due.days_before == 1));
    late.iter().for_each(|event| team.evolve(event));
    assert_eq!(when(&team, TeamCommand::CheckPlan { at: at("2026-12-05T01:00:00Z") }), Ok(vec![]));
    when(&team, activate(Some(2), "2026-12-05T02:00:00Z"))
        .unwrap()
        .iter()
        .for_each(|event| team.evolve(event));
    assert_eq!(when(&team, TeamCommand::CheckPlan { at: at("2026-12-05T03:00:00Z") }), Ok(vec![]));
    assert_eq!(when(&team, TeamCommand::CheckPlan { at: at("2027-01-01T00:00:00Z") }).unwrap().len(), 1);
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

fn report(month: &str, traffic: u64, storage: u64) -> TeamCommand {
    TeamCommand::ReportUsage(UsageNow {
        month: month.parse().unwrap(),
        traffic: traffic.try_into().unwrap(),
        storage: storage.try_into().unwrap(),
        at: at("2026-11-10T00:00:00Z"),
    })
}

/// What is raised (and to what it falls) by these reports, in per cent of the free plan's limits; each twice.
fn said(team: &mut Team, month: &str, reports: &[(u64, u64)]) -> Vec<(Resource, i16)> {
    let mut said = Vec::new();
    for (traffic, storage) in reports {
        let (traffic, storage) = (((5_u64 << 30) * traffic).div_ceil(100), (100_u64 << 20) * storage / 100);
        for _ in 0..2 {
            for event in when(team, report(month, traffic, storage)).unwrap() {
                team.evolve(&event);
                if let TeamEvent::UsageAlertRaised(raised) = &event {
                    said.push((raised.resource, i16::from(raised.threshold)));
                }
                if let TeamEvent::UsageAlertCleared(cleared) = &event {
                    said.push((cleared.resource, -i16::from(cleared.standing.unwrap_or_default())));
                }
            }
        }
    }
    said
}

#[test]
fn only_the_highest_alert_that_is_newly_crossed_is_raised_and_once_a_month() {
    use Resource::Traffic;
    let mut team = given(vec![register("a")]);
    let november = [(79, 0), (80, 0), (94, 0), (99, 0), (100, 0), (300, 0)];
    assert_eq!(said(&mut team, "2026-11", &november), [(Traffic, 80), (Traffic, 95), (Traffic, 100)]);
    assert_eq!(said(&mut team, "2026-12", &[(10, 0), (97, 0)]), [(Traffic, 95)], "a new month begins anew");
}

#[test]
fn storage_that_falls_five_points_below_may_alert_again() {
    use Resource::Storage;
    let mut team = given(vec![register("a")]);
    let reports = [(0, 96), (0, 91), (0, 96), (0, 89), (0, 96), (0, 74), (0, 80)];
    let expected = [(Storage, 95), (Storage, -80), (Storage, 95), (Storage, 0), (Storage, 80)];
    assert_eq!(said(&mut team, "2026-11", &reports), expected);
}

#[test]
fn another_plan_is_measured_anew() {
    use Resource::Traffic;
    let mut team = given(vec![register("a")]);
    assert_eq!(said(&mut team, "2026-11", &[(170, 0)]), [(Traffic, 100)]);
    when(&team, activate(Some(1), "2026-11-11T00:00:00Z"))
        .unwrap()
        .iter()
        .for_each(|event| team.evolve(event));
    assert_eq!(said(&mut team, "2026-11", &[(170, 0)]), [(Traffic, 80)], "85 % of Pro's 10 GB");
}

fn evolved(team: &mut Team, command: TeamCommand) -> usize {
    let events = when(team, command).unwrap();
    events.iter().for_each(|event| team.evolve(event));
    events.len()
}

fn foresee(resource: Resource, month: &str, used: u64, reached_on: &str) -> TeamCommand {
    TeamCommand::ReportForecast(Forecast {
        resource,
        month: month.parse().unwrap(),
        used: used.try_into().unwrap(),
        reached_on: reached_on.parse().unwrap(),
        at: at("2026-11-10T00:00:00Z"),
    })
}

#[test]
fn a_forecast_is_told_once_a_month_for_each_resource() {
    use Resource::{Storage, Traffic};
    let mut team = given(vec![register("a")]);
    let told = when(&team, foresee(Traffic, "2026-11", 7, "2026-11-30")).unwrap();
    let event = LimitForecast {
        resource: Traffic,
        month: "2026-11".parse().unwrap(),
        used: 7_u32.into(),
        limit: (5_u64 << 30).try_into().unwrap(),
        reached_on: "2026-11-30".parse().unwrap(),
        at: at("2026-11-10T00:00:00Z"),
    };
    assert_eq!(told, [TeamEvent::LimitForecast(event)]);
    told.iter().for_each(|event| team.evolve(event));
    assert_eq!(evolved(&mut team, foresee(Traffic, "2026-11", 9, "2026-11-12")), 0);
    assert_eq!(evolved(&mut team, foresee(Storage, "2026-11", 7, "2026-11-12")), 1);
    assert_eq!(
        evolved(&mut team, foresee(Traffic, "2026-12", 7, "2026-12-01")),
        1,
        "a new month begins anew"
    );
    assert_eq!(evolved(&mut team, foresee(Traffic, "2026-11", 9, "2026-11-30")), 0, "the clock was set back");
    assert_eq!(evolved(&mut team, activate(Some(1), "2026-12-02T00:00:00Z")), 1);
    assert_eq!(
        evolved(&mut team, foresee(Traffic, "2026-12", 7, "2026-12-31")),
        1,
        "another plan, another limit"
    );
}

#[test]
fn no_forecast_of_what_is_reached_or_beyond_the_month() {
    use Resource::Traffic;
    let team = given(vec![register("a")]);
    let foreseen = |used, day: &str| when(&team, foresee(Traffic, "2026-11", used, day)).unwrap().len();
    assert_eq!((foreseen((5 << 30) - 1, "2026-11-10"), foreseen(5 << 30, "2026-11-10")), (1, 0));
    assert_eq!((foreseen(1, "2026-10-31"), foreseen(1, "2026-12-01")), (0, 0));
    let unregistered = when(&Team::default(), foresee(Traffic, "2026-11", 1, "2026-11-11"));
    assert_eq!(unregistered, Ok(vec![]));
}

fn reach(user: i64, email: Option<&str>, language: Option<Language>) -> TeamCommand {
    let email = email.map(|sealed| Sealed::new(sealed.into()));
    TeamCommand::SetContact { user_id: UserId(user), email, language, muted: false }
}

#[test]
fn a_contact_is_a_member_s_and_is_told_when_it_changes() {
    let mut team = given(vec![register("a"), put_member(1, Role::Owner, 0)]);
    assert_eq!(when(&team, reach(2, Some("x"), None)), Err(TeamRefusal::NotAMember(UserId(2))));
    assert_eq!(when(&Team::default(), reach(1, None, None)), Err(TeamRefusal::NotRegistered));
    assert_eq!(evolved(&mut team, reach(1, None, None)), 0, "nothing was known and nothing is told");
    let told = when(&team, reach(1, Some("x"), Some(Language::English))).unwrap();
    let changed = MemberContactChanged {
        user_id: UserId(1),
        email: Some(Sealed::new("x".into())),
        language: Some(Language::English),
        muted: false,
    };
    assert_eq!(told, [TeamEvent::MemberContactChanged(changed)]);
    told.iter().for_each(|event| team.evolve(event));
    assert_eq!(evolved(&mut team, reach(1, Some("x"), Some(Language::English))), 0);
    assert_eq!(evolved(&mut team, reach(1, None, Some(Language::English))), 1, "the address is given up");
    assert_eq!(team.contacts[&UserId(1)].email, None);
    assert_eq!(evolved(&mut team, TeamCommand::RemoveMember { user_id: UserId(1) }), 1);
    assert_eq!(team.contacts.len(), 0, "who leaves takes it along");
}

#[test]
fn a_member_mutes_what_he_can_do_without_and_nothing_else_changes() {
    let mute = |user, muted| TeamCommand::Mute { user_id: UserId(user), muted };
    let mut team = given(vec![register("a"), put_member(1, Role::Owner, 0), reach(1, Some("x"), None)]);
    assert_eq!(when(&team, mute(2, true)), Err(TeamRefusal::NotAMember(UserId(2))));
    assert_eq!(when(&Team::default(), mute(1, true)), Err(TeamRefusal::NotRegistered));
    assert_eq!(evolved(&mut team, mute(1, false)), 0);
    let changed = MemberContactChanged {
        user_id: UserId(1),
        email: Some(Sealed::new("x".into())),
        language: None,
        muted: true,
    };
    let told = when(&team, mute(1, true)).unwrap();
    assert_eq!(told, [TeamEvent::MemberContactChanged(changed)]);
    let text = serde_json::to_string(&told[0]).unwrap();
    assert_eq!(serde_json::from_str::<TeamEvent>(&text).unwrap(), told[0]);
    told.iter().for_each(|event| team.evolve(event));
    assert_eq!(evolved(&mut team, mute(1, true)), 0);
    assert_eq!(evolved(&mut team, mute(1, false)), 1);
    assert_eq!(team.contacts[&UserId(1)].email, Some(Sealed::new("x".into())));
    assert_eq!(evolved(&mut team, mute(1, true)), 1);
    assert_eq!(evolved(&mut team, TeamCommand::RemoveMember { user_id: UserId(1) }), 1);
    assert_eq!(evolved(&mut team, put_member(1, Role::Owner, 0)), 1);
    assert_eq!(evolved(&mut team, mute(1, false)), 0, "who comes back begins anew");
}

#[test]
fn a_person_is_forgotten_where_something_is_known_of_him() {
    let erase = |user| TeamCommand::EraseSubject { user_id: UserId(user) };
    let mut team = given(vec![register("a"), put_member(1, Role::Owner, 0), reach(1, Some("x"), None)]);
    assert_eq!(when(&team, erase(2)), Ok(vec![]), "he is not here");
    assert_eq!(when(&Team::default(), erase(1)), Ok(vec![]));
    let erased = when(&team, erase(1)).unwrap();
    assert_eq!(erased, [TeamEvent::SubjectErased(SubjectErased { user_id: UserId(1) })]);
    erased.iter().for_each(|event| team.evolve(event));
    assert_eq!(team.members[&UserId(1)], Role::Owner, "he stays a member");
    assert_eq!(evolved(&mut team, erase(1)), 0);
    assert_eq!(evolved(&mut team, reach(1, Some("x"), None)), 1, "he may be told of anew");
}

#[test]
fn a_source_is_chosen_for_a_project_that_is_there_until_it_moves() {
    let choose = |n, source| TeamCommand::ChooseSource { project_id: project(n), source };
    let docker = Some(TrafficSource::Docker);
    let mut team = given(vec![register("a"), put_project(1)]);
    assert_eq!(when(&team, choose(2, docker)), Err(TeamRefusal::NotItsProject(project(2))));
    assert_eq!(when(&Team::default(), choose(1, docker)), Err(TeamRefusal::NotRegistered));
    assert_eq!(when(&team, choose(1, None)), Ok(vec![]), "nothing was chosen and nothing is");
    let chosen = when(&team, choose(1, docker)).unwrap();
    let event = ProjectSourceChosen { project_id: project(1), source: docker };
    assert_eq!(chosen, [TeamEvent::ProjectSourceChosen(event)]);
    chosen.iter().for_each(|event| team.evolve(event));
    let rename = TeamCommand::PutProject { project_id: project(1), name: "another".into(), moved_from: None };
    assert_eq!(evolved(&mut team, rename), 1);
    assert_eq!(evolved(&mut team, choose(1, docker)), 0, "a new name changes nothing of it");
    assert_eq!(evolved(&mut team, choose(1, None)), 1);
    assert_eq!(evolved(&mut team, choose(1, docker)), 1);
    let give = TeamCommand::GiveProject { project_id: project(1), to_team: TeamId::from_bytes([7; 16]) };
    assert_eq!(evolved(&mut team, give), 1);
    assert_eq!(evolved(&mut team, put_project(1)), 1);
    assert_eq!(team.projects[&project(1)].source, None, "the choice does not move along");
}

fn unlinked(bytes: u32, at_time: &str) -> TeamCommand {
    let (bytes, measured_at) = (bytes.into(), at(at_time));
    TeamCommand::MeasureUnlinkedStorage { bytes, measured_at, source: "docker".into() }
}

#[test]
fn storage_that_no_project_mounts_is_told_when_it_differs() {
    assert_eq!(when(&Team::default(), unlinked(9, "2026-11-10T04:00:00Z")), Ok(vec![]), "nobody's");
    let mut team = given(vec![register("a")]);
    assert_eq!(evolved(&mut team, unlinked(0, "2026-11-10T04:00:00Z")), 0, "there never was any");
    let measured = UnlinkedStorageMeasured {
        bytes: 9_u32.into(),
        measured_at: at("2026-11-10T04:00:00Z"),
        source: "docker".into(),
    };
    let told = when(&team, unlinked(9, "2026-11-10T04:00:00Z")).unwrap();
    assert_eq!(told, [TeamEvent::UnlinkedStorageMeasured(measured)]);
    told.iter().for_each(|event| team.evolve(event));
    assert_eq!(evolved(&mut team, unlinked(9, "2026-11-11T04:00:00Z")), 0, "it is the same");
    assert_eq!(evolved(&mut team, unlinked(8, "2026-11-10T03:00:00Z")), 0, "the clock was set back");
    assert_eq!(evolved(&mut team, unlinked(0, "2026-11-12T04:00:00Z")), 1);
    assert_eq!(evolved(&mut team, unlinked(7, "2026-11-13T04:00:00Z")), 1);
    assert_eq!(evolved(&mut team, TeamCommand::Remove { at: at("2026-11-13T05:00:00Z") }), 1);
    team.evolve(&when(&team, register("b")).unwrap()[0]);
    assert_eq!(evolved(&mut team, unlinked(0, "2026-11-14T04:00:00Z")), 0, "whoever comes after it has none");
}
