//! What a team has of its plan, from the first payment to the end.

use chrono::{DateTime, TimeDelta, Utc};
use domain::UserId;
use domain::plan::PlanName;
use domain::team::{
    MemberRoleChanged, PaidBy, PlanActivated, Role, TeamCommand, TeamEvent, TeamRegistered, TeamRemoved,
};
use servelink_projections::{Lapsed, Subscription};

use crate::common::history::{at, payment, team};
use crate::common::{Author, Kind, both, reads};

both! {
    a_plan_from_beginning_to_end
    the_directory_follows_the_plan
    roles_are_those_of_the_directory
}

const MEMBER: UserId = UserId(7);

fn pro() -> PlanName {
    "pay_as_you_go".into()
}

fn one_team() -> Author {
    let mut author = Author::new("2026-10-31T12:00:00Z");
    author.register(1, "one");
    author.member(1, MEMBER.0);
    author
}

fn free() -> Subscription {
    Subscription {
        team_id: team(1),
        slug: "one".parse().unwrap(),
        plan: PlanName::free(),
        since: None,
        until: None,
        payment_id: None,
        reminded: None,
        lapsed: None,
    }
}

async fn assert_now(kind: Kind, author: &Author, expected: &Subscription) {
    let (_place, reads) = reads(kind, author).await;
    let found = reads.subscription(MEMBER, &"one".parse().unwrap()).await.unwrap();
    assert_eq!(found.as_ref(), Some(expected));
}

/// The team decides, at this time.
fn activate(author: &mut Author, period: Option<u16>, at: DateTime<Utc>) {
    let paid_by = period.map(|n| PaidBy { payment_id: payment(n), period: n.into() });
    author.plan(1, TeamCommand::ActivatePlan { plan: pro(), paid_by, at }).unwrap();
}

async fn a_plan_from_beginning_to_end(kind: Kind) {
    let mut author = one_team();
    assert_now(kind, &author, &free()).await;

    let start = author.now;
    activate(&mut author, Some(1), start);
    let mut expected = Subscription {
        plan: pro(),
        since: Some(start),
        until: Some(at("2026-11-30T12:00:00Z")),
        payment_id: Some(payment(1)),
        ..free()
    };
    assert_now(kind, &author, &expected).await;

    for (days, reminded) in [(6, None), (5, Some(5)), (3, Some(5)), (1, Some(1)), (0, Some(1))] {
        let at = at("2026-11-30T12:00:00Z") - TimeDelta::days(days);
        author.plan(1, TeamCommand::CheckPlan { at }).unwrap();
        expected.reminded = reminded;
        assert_now(kind, &author, &expected).await;
    }

    // Paid in the grace: it goes on where it ended, and the end is the 31st again.
    activate(&mut author, Some(2), at("2026-12-02T12:00:00Z"));
    expected.until = Some(at("2026-12-31T12:00:00Z"));
    (expected.payment_id, expected.reminded) = (Some(payment(2)), None);
    assert_now(kind, &author, &expected).await;

    // A month that is given leaves the last payment that paid.
    activate(&mut author, None, at("2026-12-20T12:00:00Z"));
    expected.until = Some(at("2027-01-31T12:00:00Z"));
    assert_now(kind, &author, &expected).await;

    author.plan(1, TeamCommand::CheckPlan { at: at("2027-01-30T12:00:00Z") }).unwrap();
    author.plan(1, TeamCommand::CheckPlan { at: at("2027-02-03T12:00:00Z") }).unwrap();
    expected.plan = PlanName::free();
    expected.lapsed = Some(Lapsed { plan: pro(), at: at("2027-02-03T12:00:00Z") });
    assert_now(kind, &author, &expected).await;

    activate(&mut author, Some(3), at("2027-03-05T12:00:00Z"));
    let again = Subscription {
        plan: pro(),
        since: Some(at("2027-03-05T12:00:00Z")),
        until: Some(at("2027-04-05T12:00:00Z")),
        payment_id: Some(payment(3)),
        ..free()
    };
    assert_now(kind, &author, &again).await;

    let now = author.now;
    author.team(1, TeamEvent::TeamRemoved(TeamRemoved { at: now }));
    let registered = TeamRegistered { name: "New".into(), slug: "one".parse().unwrap() };
    author.team(1, TeamEvent::TeamRegistered(registered));
    author.member(1, MEMBER.0);
    assert_now(kind, &author, &free()).await;
}

async fn the_directory_follows_the_plan(kind: Kind) {
    let mut author = one_team();
    let month = crate::common::history::month("2026-11");
    let plan_of = async |author: &Author| {
        let (_place, reads) = reads(kind, author).await;
        reads.team_usage(MEMBER, &"one".parse().unwrap(), month).await.unwrap().unwrap().plan
    };
    let from = author.now;
    // One that is in no catalogue any more is what it was called.
    let old = PlanActivated {
        plan: "old".into(),
        payment_id: None,
        period: None,
        from,
        until: from + TimeDelta::days(30),
    };
    author.team(1, TeamEvent::PlanActivated(old));
    assert_eq!(plan_of(&author).await, "old".into());
    activate(&mut author, Some(1), from);
    activate(&mut author, Some(2), from);
    author.plan(1, TeamCommand::CheckPlan { at: at("2026-12-30T12:00:00Z") }).unwrap();
    assert_eq!(plan_of(&author).await, pro());
    author.plan(1, TeamCommand::CheckPlan { at: at("2027-02-01T12:00:00Z") }).unwrap();
    assert!(plan_of(&author).await.is_free());
}

async fn roles_are_those_of_the_directory(kind: Kind) {
    let mut author = one_team();
    for role in [Role::Owner, Role::Admin, Role::Member] {
        author.team(1, TeamEvent::MemberRoleChanged(MemberRoleChanged { user_id: MEMBER, role }));
        let (_place, reads) = reads(kind, &author).await;
        let member = reads.member_role(MEMBER, &"one".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((member.team_id, member.role), (team(1), role));
        assert_eq!((member.name.as_str(), member.slug.as_str()), ("Team one", "one"));
        assert_eq!(reads.role_in(MEMBER, team(1)).await.unwrap(), Some(role));
    }
}
