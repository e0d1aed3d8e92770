//! Who is told what, what is left to tell, and what came of it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::delivery::{Delivered, DeliveryDelayed, DeliveryEvent, DeliveryGivenUp};
use domain::payment::{
    FailureCause, PaymentCompleted, PaymentEvent, PaymentFailed, PaymentInitiated, PaymentMethod,
};
use domain::team::{
    MemberContactChanged, MemberRemoved, MemberRoleChanged, PaidBy, Resource, Role, SubjectErased,
    TeamCommand, TeamEvent, TeamRemoved, TeamRenamed, UsageAlertRaised,
};
use domain::{DeliveryId, EventId, Language, Money, Sealed, UserId};
use iso_currency::Currency;
use servelink_projections::deliveries::{Channel, News, Pending};
use servelink_projections::{PendingDelivery, ReadModels};

use crate::common::history::{at, month, payment, team};
use crate::common::{Author, Kind, Place, both, reads};

both! {
    who_is_muted_gets_what_he_cannot_do_without
    owners_and_admins_who_can_be_written_to_are_told
    a_payer_is_told_himself_or_else_the_owners
    what_a_reader_did_not_get_goes_with_him
    outcomes_move_rows_and_are_counted
    pages_go_through_everything_once
    a_row_that_cannot_be_read_holds_up_none_of_the_others
    what_was_never_tried_is_found_by_its_time
    nothing_is_read_before_it_is_built
}

const OWNER: i64 = 1;
const ADMIN: i64 = 2;
const MEMBER: i64 = 3;

/// An owner with an address, an admin without one, and a member with one.
fn one_team() -> Author {
    let mut author = Author::new("2026-11-10T12:00:00Z");
    author.register(1, "one");
    for (user, role) in [(OWNER, Role::Owner), (ADMIN, Role::Admin), (MEMBER, Role::Member)] {
        author.member(1, user);
        let user_id = UserId(user);
        author.team(1, TeamEvent::MemberRoleChanged(MemberRoleChanged { user_id, role }));
    }
    reach(&mut author, OWNER, Some("sealed-1"), Some(Language::English));
    reach(&mut author, MEMBER, Some("sealed-3"), None);
    author
}

fn reach(author: &mut Author, user: i64, email: Option<&str>, language: Option<Language>) {
    let email = email.map(|email| Sealed::new(email.into()));
    let changed = MemberContactChanged { user_id: UserId(user), email, language, muted: false };
    author.team(1, TeamEvent::MemberContactChanged(changed));
}

/// The event's own id.
fn alert(author: &mut Author) -> EventId {
    alert_of(author, 80)
}

fn alert_of(author: &mut Author, threshold: u8) -> EventId {
    let raised = UsageAlertRaised {
        resource: Resource::Traffic,
        threshold,
        month: month("2026-11"),
        used: 80.into(),
        limit: 100.into(),
        at: author.now,
    };
    author.team(1, TeamEvent::UsageAlertRaised(raised));
    last(author)
}

fn last(author: &Author) -> EventId {
    EventId::from_bytes(*author.events.last().unwrap().event_id.as_bytes())
}

fn mail(event_id: EventId, user: i64) -> DeliveryId {
    DeliveryId::Mail { event_id, user_id: UserId(user) }
}

fn begin(author: &mut Author, n: u16, user: i64) {
    let initiated = PaymentInitiated {
        team_id: team(1),
        user_id: UserId(user),
        plan: "pay_as_you_go".into(),
        period: n.into(),
        amount: Money::new(2_000, Currency::XOF),
        method: PaymentMethod::MobileMoney,
        description: None,
        at: author.now,
    };
    author.payment(n, &PaymentEvent::PaymentInitiated(initiated));
}

fn fail(author: &mut Author, n: u16) -> EventId {
    author.payment(
        n,
        &PaymentEvent::PaymentFailed(PaymentFailed {
            reason: "no money".into(),
            cause: Some(FailureCause::Declined),
        }),
    );
    last(author)
}

async fn untried(reads: &ReadModels, channel: Channel) -> Vec<PendingDelivery> {
    reads
        .pending_deliveries(channel, &Pending::untried(at("2026-01-01T00:00:00Z")), 100)
        .await
        .unwrap()
        .deliveries
}

async fn ids(reads: &ReadModels, channel: Channel) -> Vec<DeliveryId> {
    untried(reads, channel).await.into_iter().map(|row| row.id).collect()
}

async fn who_is_muted_gets_what_he_cannot_do_without(kind: Kind) {
    let mut author = one_team();
    reach(&mut author, ADMIN, Some("sealed-2"), None);
    let mute = |user, muted| TeamCommand::Mute { user_id: UserId(user), muted };
    let before = alert_of(&mut author, 80);
    author.plan(1, mute(OWNER, true)).unwrap();
    let muted = alert_of(&mut author, 95);
    let reached = alert_of(&mut author, 100);
    begin(&mut author, 1, OWNER);
    let failed = fail(&mut author, 1);
    let activate = TeamCommand::ActivatePlan { plan: "pay_as_you_go".into(), paid_by: None, at: author.now };
    author.plan(1, activate).unwrap();
    let until = author.teams[&1].term.unwrap().until;
    author.plan(1, TeamCommand::CheckPlan { at: until - TimeDelta::days(5) }).unwrap();
    let reminded = last(&author);
    author.plan(1, TeamCommand::CheckPlan { at: until + TimeDelta::days(4) }).unwrap();
    let lapsed = last(&author);
    author.plan(1, mute(OWNER, false)).unwrap();
    let after = alert_of(&mut author, 80);
    let (_place, reads) = reads(kind, &author).await;
    let of = |user, events: &[EventId]| events.iter().map(|id| mail(*id, user)).collect::<BTreeSet<_>>();
    let expected = &of(OWNER, &[before, reached, failed, lapsed, after])
        | &of(ADMIN, &[before, muted, reached, reminded, lapsed, after]);
    assert_eq!(ids(&reads, Channel::Mail).await.into_iter().collect::<BTreeSet<_>>(), expected);

    let reader = async |user| reads.mail_reader(team(1), UserId(user)).await.unwrap();
    let owner = reader(OWNER).await.unwrap();
    assert_eq!(
        (owner.team.slug.as_str(), owner.language, owner.muted),
        ("one", Some(Language::English), false)
    );
    assert_eq!(reader(99).await, None);
    assert_eq!(reads.mail_reader(team(2), UserId(OWNER)).await.unwrap(), None);
}

async fn owners_and_admins_who_can_be_written_to_are_told(kind: Kind) {
    let mut author = one_team();
    let event_id = alert(&mut author);
    // Whoever is reached later did not get it; who gets it is reached as he is now.
    reach(&mut author, ADMIN, Some("sealed-2"), None);
    reach(&mut author, OWNER, Some("sealed-1-new"), None);
    let renamed = TeamRenamed { name: "Renamed".into(), slug: "other".parse().unwrap() };
    author.team(1, TeamEvent::TeamRenamed(renamed));
    let activate = TeamCommand::ActivatePlan { plan: "pay_as_you_go".into(), paid_by: None, at: author.now };
    author.plan(1, activate).unwrap();
    let (_place, reads) = reads(kind, &author).await;

    let [row] = &untried(&reads, Channel::Mail).await[..] else { panic!("one mail: a gift needs none") };
    assert_eq!(
        (row.id, row.team_id, row.due_at, row.since),
        (mail(event_id, OWNER), team(1), author.now, None)
    );
    let contact = row.contact.as_ref().unwrap();
    assert_eq!((contact.email.as_str(), contact.language), ("sealed-1-new", None));
    assert_eq!((&*row.team.name, row.team.slug.as_str()), ("Renamed", "other"));
    // What it tells is what stood then.
    assert_eq!((row.told.plan.as_str(), row.told.slug.as_str()), ("free", "one"));
    assert!(
        matches!(&row.told.news, News::Team(TeamEvent::UsageAlertRaised(raised)) if raised.threshold == 80)
    );

    let webhooks = untried(&reads, Channel::Webhook).await;
    let told =
        webhooks.iter().map(|row| (row.told.plan.as_str(), row.told.slug.as_str(), row.contact.is_some()));
    assert_eq!(told.collect::<Vec<_>>(), [("free", "one", false), ("pay_as_you_go", "other", false)]);
    assert_eq!(webhooks[0].id, DeliveryId::Webhook { event_id });
}

async fn a_payer_is_told_himself_or_else_the_owners(kind: Kind) {
    let mut author = one_team();
    begin(&mut author, 1, MEMBER);
    let himself = fail(&mut author, 1);
    begin(&mut author, 2, ADMIN);
    let instead = fail(&mut author, 2);
    // It was captured after all.
    let paid_at = at("2026-11-10T11:59:00Z");
    let captured = Money::new(2_000, Currency::XOF);
    let completed = PaymentCompleted { transaction_id: None, captured, told: true, completed_at: paid_at };
    author.payment(1, &PaymentEvent::PaymentCompleted(completed));
    let paid_by = Some(PaidBy { payment_id: payment(1), period: 1 });
    let plan = "pay_as_you_go".into();
    author.plan(1, TeamCommand::ActivatePlan { plan, paid_by, at: author.now }).unwrap();
    let confirmed = last(&author);
    let (_place, reads) = reads(kind, &author).await;

    let mails = untried(&reads, Channel::Mail).await;
    let found: Vec<_> = mails.iter().map(|row| row.id).collect();
    assert_eq!(found, [mail(himself, MEMBER), mail(instead, OWNER), mail(confirmed, MEMBER)]);
    let News::PaymentFailed { payment: facts, cause, at: failed_at } = &mails[0].told.news else { panic!() };
    assert_eq!(
        (facts.payment_id, *cause, *failed_at),
        (payment(1), Some(FailureCause::Declined), author.now)
    );
    assert_eq!((facts.amount, facts.plan.as_str()), (captured, "pay_as_you_go"));
    let News::PaymentConfirmed { payment: facts, paid_at: found, until } = &mails[2].told.news else {
        panic!()
    };
    assert_eq!((facts.payment_id, *found, *until), (payment(1), paid_at, at("2026-12-10T12:00:00Z")));
    assert_eq!(untried(&reads, Channel::Webhook).await.len(), 1, "payments are not the PaaS's business");
}

async fn what_a_reader_did_not_get_goes_with_him(kind: Kind) {
    let mut author = one_team();
    reach(&mut author, ADMIN, Some("sealed-2"), None);
    let (got, delayed, due) = (alert(&mut author), alert(&mut author), alert(&mut author));
    for user in [OWNER, ADMIN] {
        author.delivery(mail(got, user), &DeliveryEvent::Delivered(Delivered { at: author.now }));
        let failed = DeliveryDelayed { at: author.now, reason: "down".into() };
        author.delivery(mail(delayed, user), &DeliveryEvent::DeliveryDelayed(failed));
    }
    let ways = [
        (TeamEvent::MemberRemoved(MemberRemoved { user_id: UserId(OWNER) }), vec![mail(due, ADMIN)], 1, 3),
        (TeamEvent::SubjectErased(SubjectErased { user_id: UserId(OWNER) }), vec![mail(due, ADMIN)], 1, 3),
        (TeamEvent::TeamRemoved(TeamRemoved { at: author.now }), vec![], 0, 0),
    ];
    for (gone, left, delayed, webhooks) in ways {
        let mut author =
            Author { now: author.now, events: author.events.clone(), teams: author.teams.clone() };
        author.team(1, gone);
        // Of what comes too late for a row nothing is left either.
        author.delivery(mail(due, OWNER), &DeliveryEvent::Delivered(Delivered { at: author.now }));
        let (_place, reads) = reads(kind, &author).await;
        assert_eq!(ids(&reads, Channel::Mail).await, left);
        assert_eq!(ids(&reads, Channel::Webhook).await.len(), webhooks);
        let counts = reads.delivery_counts(chrono::DateTime::UNIX_EPOCH).await.unwrap();
        assert_eq!(counts.mail.delayed, delayed);
    }
}

async fn outcomes_move_rows_and_are_counted(kind: Kind) {
    let mut author = one_team();
    let events: Vec<_> = (0..4).map(|_| alert(&mut author)).collect();
    let first = author.now;
    let delay = |n: usize| (mail(events[n], OWNER), DeliveryDelayed { at: first, reason: "down\0".into() });
    for n in [0, 1, 2] {
        let (id, delayed) = delay(n);
        author.delivery(id, &DeliveryEvent::DeliveryDelayed(delayed));
    }
    author.now += chrono::TimeDelta::days(1);
    let up = |at, reason: &str| DeliveryEvent::DeliveryGivenUp(DeliveryGivenUp { at, reason: reason.into() });
    author.delivery(mail(events[1], OWNER), &up(author.now, "still down"));
    author.delivery(mail(events[2], OWNER), &DeliveryEvent::Delivered(Delivered { at: author.now }));
    author.delivery(DeliveryId::Webhook { event_id: events[3] }, &up(first, "gone"));
    let (_place, reads) = reads(kind, &author).await;

    let delayed = reads.pending_deliveries(Channel::Mail, &Pending::delayed(), 9).await.unwrap().deliveries;
    let delayed: Vec<_> = delayed.iter().map(|row| (row.id, row.since)).collect();
    assert_eq!(delayed, [(mail(events[0], OWNER), Some(first))]);
    assert_eq!(ids(&reads, Channel::Mail).await, [mail(events[3], OWNER)]);
    let counts = reads.delivery_counts(chrono::DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!((counts.mail.delayed, counts.mail.given_up), (1, 1));
    assert_eq!((counts.webhook.delayed, counts.webhook.given_up), (0, 1));
    let later = reads.delivery_counts(first + chrono::TimeDelta::microseconds(1)).await.unwrap();
    assert_eq!((later.mail, later.webhook.given_up), (counts.mail, 0), "the webhook was given up before");
    let given_up = reads.deliveries_given_up(9).await.unwrap();
    let told: Vec<_> = given_up.iter().map(|up| (up.id, up.at, up.due_at, &*up.reason)).collect();
    let webhook = DeliveryId::Webhook { event_id: events[3] };
    assert_eq!(
        told,
        [(mail(events[1], OWNER), author.now, first, "still down"), (webhook, first, first, "gone")]
    );
    assert_eq!(reads.deliveries_given_up(0).await.unwrap().len(), 1, "at least one");
}

async fn pages_go_through_everything_once(kind: Kind) {
    let mut author = one_team();
    reach(&mut author, ADMIN, Some("sealed-2"), None);
    let mut expected = Vec::new();
    for minute in 0..5 {
        author.now = at("2026-11-10T12:00:00Z") + chrono::TimeDelta::minutes(minute / 2);
        let event_id = alert(&mut author);
        expected.extend([mail(event_id, OWNER), mail(event_id, ADMIN)]);
    }
    let (_place, reads) = reads(kind, &author).await;
    for limit in [1, 3, 100] {
        let (mut from, mut found) = (Pending::untried(at("2026-11-10T12:00:00Z")), Vec::new());
        loop {
            let page = reads.pending_deliveries(Channel::Mail, &from, limit).await.unwrap();
            let Some(next) = page.next else { break };
            from = next;
            found.extend(page.deliveries.into_iter().map(|row| row.id));
        }
        assert_eq!(found, expected, "{limit} at a time");
    }
    let late = Pending::untried(at("2026-11-10T12:01:00Z"));
    let late = reads.pending_deliveries(Channel::Mail, &late, 100).await.unwrap();
    assert_eq!(late.deliveries.len(), 6, "those that are too old are left out");
}

async fn a_row_that_cannot_be_read_holds_up_none_of_the_others(kind: Kind) {
    let mut author = one_team();
    let mut events = Vec::new();
    for minute in 0..4 {
        author.now = at("2026-11-10T12:00:00Z") + chrono::TimeDelta::minutes(minute);
        events.push(alert(&mut author));
    }
    let (place, reads) = reads(kind, &author).await;
    let db = place.db().await;
    let mut tx = db.begin().await.unwrap();
    let sql = "UPDATE deliveries SET facts = '{}' WHERE delivery_id = $1";
    for event_id in [events[1], events[3]] {
        let id = mail(event_id, OWNER).to_string();
        assert_eq!(tx.execute(sql, &[(&id).into()]).await.unwrap(), 1);
    }
    tx.commit().await.unwrap();
    for (limit, unreadable) in [(1, vec![false, true, false, true]), (2, vec![true, true]), (9, vec![true])] {
        let (mut from, mut found) = (Pending::untried(at("2026-11-10T12:00:00Z")), Vec::new());
        let mut told = Vec::new();
        loop {
            let page = reads.pending_deliveries(Channel::Mail, &from, limit).await.unwrap();
            let Some(next) = page.next else { break };
            from = next;
            found.extend(page.deliveries.into_iter().map(|row| row.id));
            told.push(page.unreadable.is_some());
        }
        assert_eq!(found, [mail(events[0], OWNER), mail(events[2], OWNER)], "{limit} at a time");
        assert_eq!(told, unreadable, "{limit} at a time");
    }
}

async fn what_was_never_tried_is_found_by_its_time(kind: Kind) {
    let mut author = one_team();
    let first = author.now;
    let after = |minutes| first + chrono::TimeDelta::minutes(minutes);
    let mut ids = Vec::new();
    for minute in 0..5 {
        author.now = after(minute);
        ids.push(mail(alert(&mut author), OWNER));
    }
    let (_place, before) = reads(kind, &author).await;
    assert_eq!(before.first_delivery_outcome(Channel::Mail).await.unwrap(), None);
    let delayed = DeliveryDelayed { at: after(2), reason: "down".into() };
    author.delivery(ids[4], &DeliveryEvent::DeliveryDelayed(delayed));
    author.delivery(ids[4], &DeliveryEvent::Delivered(Delivered { at: after(9) }));
    author.delivery(ids[0], &DeliveryEvent::Delivered(Delivered { at: after(5) }));
    let (_place, reads) = reads(kind, &author).await;
    assert_eq!(reads.first_delivery_outcome(Channel::Mail).await.unwrap(), Some(after(2)));
    assert_eq!(reads.first_delivery_outcome(Channel::Webhook).await.unwrap(), None);
    for (from, until, limit, expected) in
        [(0, 9, 9, &ids[1..4]), (0, 9, 2, &ids[1..3]), (2, 3, 9, &ids[2..3]), (4, 9, 9, &[])]
    {
        let due = after(from)..after(until);
        let found = reads.untried_deliveries(Channel::Mail, due, limit).await.unwrap();
        assert_eq!(found, expected, "{from} to {until}");
    }
}

async fn nothing_is_read_before_it_is_built(kind: Kind) {
    let place = Place::new(kind).await;
    let reads = ReadModels::new(place.db().await);
    let building = |error| matches!(error, servelink_projections::QueryError::Building);
    let pending = reads.pending_deliveries(Channel::Mail, &Pending::delayed(), 1).await;
    assert!(building(pending.unwrap_err()));
    assert!(building(reads.delivery_counts(chrono::DateTime::UNIX_EPOCH).await.unwrap_err()));
    assert!(building(reads.deliveries_given_up(1).await.unwrap_err()));
}
