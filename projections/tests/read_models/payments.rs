//! Who finds which payments, and in what order.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::payment::{
    CallbackReceived, CancellationRequested, PaymentCompleted, PaymentConflicted, PaymentEvent,
    PaymentFailed, PaymentInitiated, PaymentMethod, PaymentProcessing, PaymentSubmitted, RefundDue,
    SecondLinkFound, Status, Verdict,
};
use domain::team::{MemberRemoved, Role, TeamEvent, TeamRemoved};
use domain::{Money, PaymentId, UserId};
use iso_currency::Currency;
use servelink_projections::{PaymentCursor, PaymentFilter, PaymentRow, ReadModels};

use crate::common::history::{at, payment, team};
use crate::common::{Author, Kind, both, reads};

both! {
    only_members_find_anything
    a_row_tells_how_the_payment_stands
    pages_have_no_gaps_and_no_doubles
    filters_choose_and_pages_go_on_within_them
    what_begins_meanwhile_moves_no_page
}

const MEMBER: UserId = UserId(7);
const ALL: PaymentFilter = PaymentFilter { status: None, method: None, from: None, until: None };

fn initiated(of: u8, at: DateTime<Utc>) -> PaymentInitiated {
    PaymentInitiated {
        team_id: team(of),
        user_id: MEMBER,
        plan: "pay_as_you_go".into(),
        period: 1,
        amount: Money::new(300, Currency::EUR),
        method: PaymentMethod::MobileMoney,
        description: None,
        at,
    }
}

fn begin(author: &mut Author, n: u16, of: u8) {
    let event = PaymentEvent::PaymentInitiated(initiated(of, author.now));
    author.payment(n, &event);
}

fn one_team() -> Author {
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.register(1, "one");
    author.member(1, MEMBER.0);
    author
}

/// Every page of this size, and that the last one says so.
async fn walk(reads: &ReadModels, filter: &PaymentFilter, limit: u16) -> Vec<PaymentRow> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let slug = "one".parse().unwrap();
        let page = reads.payments(MEMBER, &slug, filter, limit, after).await.unwrap().unwrap();
        let size = usize::from(limit.max(1));
        assert!(page.payments.len() == size || page.next.is_none(), "a page is full or the last");
        assert_eq!(page.next, page.next.and(page.payments.last().map(PaymentCursor::after)));
        all.extend(page.payments);
        match page.next {
            // As a client does it: the text comes back.
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

fn ids(rows: &[PaymentRow]) -> Vec<PaymentId> {
    rows.iter().map(|row| row.payment_id).collect()
}

async fn only_members_find_anything(kind: Kind) {
    let mut author = Author::new("2026-11-01T12:00:00Z");
    for (n, slug) in [(1, "one"), (2, "two"), (3, "gone")] {
        author.register(n, slug);
        author.member(n, n.into());
        author.member(n, 100);
        begin(&mut author, n.into(), n);
    }
    author.team(1, TeamEvent::MemberRemoved(MemberRemoved { user_id: UserId(100) }));
    let at = author.now;
    author.team(3, TeamEvent::TeamRemoved(TeamRemoved { at }));
    let (_place, reads) = reads(kind, &author).await;

    // Whoever wanted the payment (user 7) finds it no more than anybody else.
    for (user, own) in
        [(1, vec![1]), (2, vec![2]), (3, vec![]), (100, vec![2]), (7, vec![]), (9, vec![]), (-1, vec![])]
    {
        let user = UserId(user);
        for (n, slug) in [(1, "one"), (2, "two"), (3, "gone"), (4, "four")] {
            let finds = own.contains(&n);
            let what = format!("user {user}, team {slug}");
            let slug = slug.parse().unwrap();
            let found = reads.payment(user, payment(n)).await.unwrap();
            assert_eq!(found.map(|row| row.payment_id), finds.then(|| payment(n)), "{what}");
            let found = reads.payments(user, &slug, &ALL, 10, None).await.unwrap();
            assert_eq!(found.map(|page| ids(&page.payments)), finds.then(|| vec![payment(n)]), "{what}");
            let found = reads.subscription(user, &slug).await.unwrap();
            let team_id = team(u8::try_from(n).unwrap());
            assert_eq!(found.map(|subscription| subscription.team_id), finds.then_some(team_id), "{what}");
            let found = reads.member_role(user, &slug).await.unwrap();
            let role = found.map(|member| (member.team_id, member.name, member.slug, member.role));
            assert_eq!(role, finds.then(|| (team_id, format!("Team {slug}"), slug, Role::Member)), "{what}");
            let found = reads.role_in(user, team_id).await.unwrap();
            assert_eq!(found, finds.then_some(Role::Member), "{what}");
        }
    }
}

async fn a_row_tells_how_the_payment_stands(kind: Kind) {
    let mut author = one_team();
    let asked = PaymentInitiated {
        period: 3,
        amount: Money::new(2_000, Currency::XOF),
        method: PaymentMethod::CreditCard,
        description: Some("NUL \0 and 'quotes\" é".into()),
        at: at("2026-11-01T11:59:59.123456789Z"),
        ..initiated(1, author.now)
    };
    let mut row = PaymentRow {
        payment_id: payment(1),
        team_id: team(1),
        user_id: MEMBER,
        plan: "pay_as_you_go".into(),
        period: 3,
        amount: asked.amount,
        method: PaymentMethod::CreditCard,
        status: Status::Pending,
        description: Some("NUL \u{fffd} and 'quotes\" é".into()),
        external_payment_id: None,
        transaction_id: None,
        conflicted: false,
        refund_due: false,
        to_confirm: false,
        cancellation_requested: false,
        expires_at: None,
        created_at: at("2026-11-01T11:59:59.123456Z"),
        completed_at: None,
        updated_at: author.now,
    };
    let submitted = |expires_at: Option<&str>| {
        PaymentEvent::PaymentSubmitted(PaymentSubmitted {
            external_payment_id: "om-1".parse().unwrap(),
            payment_url: None,
            qr_code: None,
            expires_at: expires_at.map(at),
        })
    };
    let second_link = || Some("om-2".parse().unwrap());
    let told = |verdict, external_payment_id| {
        let received = CallbackReceived { digest: "d".into(), verdict, external_payment_id };
        PaymentEvent::CallbackReceived(received)
    };
    let callback = |verdict| told(verdict, None);
    let now = author.now;
    // What happens, and what of the row is different after it.
    type Change = fn(&mut PaymentRow);
    let steps: [(PaymentEvent, Change); 15] = [
        (PaymentEvent::PaymentInitiated(asked.clone()), |_| {}),
        (submitted(Some("2026-11-01T13:00:00Z")), |row| {
            row.external_payment_id = Some("om-1".parse().unwrap());
            row.expires_at = Some(at("2026-11-01T13:00:00Z"));
        }),
        (submitted(None), |_| {}),
        (PaymentEvent::PaymentProcessing(PaymentProcessing { at: now }), |row| {
            row.status = Status::Processing;
        }),
        (PaymentEvent::CancellationRequested(CancellationRequested { by: MEMBER, at: now }), |row| {
            row.cancellation_requested = true
        }),
        (callback(Verdict::NoNews), |_| {}),
        (callback(Verdict::Applied), |_| {}),
        (PaymentEvent::PaymentFailed(PaymentFailed { reason: "no".into(), cause: None }), |row| {
            row.status = Status::Failed;
        }),
        // Nothing here is about the payment itself.
        (
            PaymentEvent::SecondLinkFound(SecondLinkFound { external_payment_id: second_link().unwrap() }),
            |_| {},
        ),
        (told(Verdict::ToConfirm, second_link()), |_| {}),
        (callback(Verdict::ToConfirm), |row| row.to_confirm = true),
        (told(Verdict::Applied, second_link()), |_| {}),
        (
            PaymentEvent::PaymentCompleted(PaymentCompleted {
                transaction_id: Some("tx\0".into()),
                captured: asked.amount,
                told: true,
                completed_at: at("2026-11-01T12:30:00Z"),
            }),
            |row| {
                row.status = Status::Completed;
                row.transaction_id = Some("tx\u{fffd}".into());
                row.completed_at = Some(at("2026-11-01T12:30:00Z"));
            },
        ),
        (
            PaymentEvent::PaymentConflicted(PaymentConflicted {
                asked: asked.amount,
                captured: Money::new(1_999, Currency::XOF),
                external_payment_id: None,
            }),
            |row| row.conflicted = true,
        ),
        (PaymentEvent::RefundDue(RefundDue { why: "paid twice".into() }), |row| row.refund_due = true),
    ];
    for (event, change) in steps {
        author.now += TimeDelta::seconds(1);
        author.payment(1, &event);
        change(&mut row);
        row.updated_at = author.now;
        let (_place, reads) = reads(kind, &author).await;
        assert_eq!(reads.payment(MEMBER, payment(1)).await.unwrap().as_ref(), Some(&row), "{event:?}");
        assert_eq!(walk(&reads, &ALL, 1).await, [row.clone()], "{event:?}");
    }
}

/// Twenty-three payments, up to six of them at the same instant, and another team's between them. Gives the own ones
/// as they are to be read.
fn many(author: &mut Author) -> Vec<PaymentId> {
    author.register(2, "two");
    author.member(2, MEMBER.0);
    let mut own = BTreeSet::new();
    for n in 0..23_u16 {
        // Ids in another order than instants.
        let (n, minutes) = (n * 7 % 23, i64::from(n / 6));
        let (created, of) = (author.now + TimeDelta::minutes(minutes), if n % 5 == 4 { 2 } else { 1 });
        author.payment(n, &PaymentEvent::PaymentInitiated(initiated(of, created)));
        if of == 1 {
            own.insert((created, payment(n)));
        }
    }
    own.into_iter().rev().map(|(_, id)| id).collect()
}

async fn pages_have_no_gaps_and_no_doubles(kind: Kind) {
    let mut author = one_team();
    let expected = many(&mut author);
    let (_place, reads) = reads(kind, &author).await;
    let size = u16::try_from(expected.len()).unwrap();
    for limit in [0, 1, 2, 3, 7, size - 1, size, size + 1, u16::MAX] {
        assert_eq!(ids(&walk(&reads, &ALL, limit).await), expected, "{limit} a page");
    }
    // A cursor of another team's payment says where to go on, and nothing more.
    let two = "two".parse().unwrap();
    let other = reads.payments(MEMBER, &two, &ALL, 1, None).await.unwrap().unwrap().next.unwrap();
    let one = "one".parse().unwrap();
    let page = reads.payments(MEMBER, &one, &ALL, 50, Some(other)).await.unwrap().unwrap();
    assert!(page.payments.iter().all(|row| row.team_id == team(1)));
}

async fn filters_choose_and_pages_go_on_within_them(kind: Kind) {
    let mut author = one_team();
    let start = author.now;
    for n in 0..24_u16 {
        let created = start + TimeDelta::minutes(i64::from(n / 2));
        let method = if n % 3 == 0 { PaymentMethod::CreditCard } else { PaymentMethod::MobileMoney };
        author.payment(
            n,
            &PaymentEvent::PaymentInitiated(PaymentInitiated { method, ..initiated(1, created) }),
        );
        match n % 4 {
            0 => author.payment(n, &PaymentEvent::PaymentProcessing(PaymentProcessing { at: created })),
            1 => author
                .payment(n, &PaymentEvent::PaymentFailed(PaymentFailed { reason: "no".into(), cause: None })),
            _ => {}
        }
    }
    let (_place, reads) = reads(kind, &author).await;
    let all = walk(&reads, &ALL, 100).await;
    assert_eq!(all.len(), 24);
    let minutes = |minutes| Some(start + TimeDelta::minutes(minutes));
    let mut filters = vec![ALL];
    for status in [Status::Pending, Status::Processing, Status::Failed, Status::Completed] {
        filters.push(PaymentFilter { status: Some(status), ..ALL });
        for method in [PaymentMethod::CreditCard, PaymentMethod::MobileMoney] {
            filters.push(PaymentFilter { status: Some(status), method: Some(method), ..ALL });
            filters.push(PaymentFilter { method: Some(method), until: minutes(9), ..ALL });
        }
    }
    for (from, until) in [(3, 7), (0, 1), (0, 0), (7, 3), (11, 12), (12, 99), (-5, 0)] {
        filters.push(PaymentFilter { from: minutes(from), until: minutes(until), ..ALL });
        filters.push(PaymentFilter { from: minutes(from), status: Some(Status::Pending), ..ALL });
    }
    let mut found = 0;
    for filter in filters {
        let wanted = |row: &&PaymentRow| {
            filter.status.is_none_or(|status| row.status == status)
                && filter.method.is_none_or(|method| row.method == method)
                && filter.from.is_none_or(|from| row.created_at >= from)
                && filter.until.is_none_or(|until| row.created_at < until)
        };
        let expected: Vec<_> = all.iter().filter(wanted).cloned().collect();
        for limit in [1, 5, 100] {
            assert_eq!(walk(&reads, &filter, limit).await, expected, "{filter:?}, {limit} a page");
        }
        found += expected.len();
    }
    assert!(found > 100, "the filters choose something");
}

async fn what_begins_meanwhile_moves_no_page(kind: Kind) {
    let mut author = one_team();
    let expected = many(&mut author);
    let (_place, before) = reads(kind, &author).await;
    let slug = "one".parse().unwrap();
    let first = before.payments(MEMBER, &slug, &ALL, 5, None).await.unwrap().unwrap();
    author.now += TimeDelta::hours(1);
    for n in 100..110 {
        begin(&mut author, n, 1);
    }
    author.payment(4, &PaymentEvent::PaymentFailed(PaymentFailed { reason: "no".into(), cause: None }));
    let (_place, after) = reads(kind, &author).await;
    let rest = after.payments(MEMBER, &slug, &ALL, 50, first.next).await.unwrap().unwrap();
    assert_eq!([ids(&first.payments), ids(&rest.payments)].concat(), expected);
}
