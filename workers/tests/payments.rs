//! The jobs of payments over a log in memory, with a clock that the test holds and a backend that it scripts.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::payment::{Capture, ObservedStatus, PaymentMethod, PaymentSubmitted, Submission};
use domain::plan::{Catalogue, PlanName};
use domain::team::TeamEvent;
use domain::{ExternalPaymentId, Money, PaymentId, TeamId, UserId};
use iso_currency::Currency;
use servelink_workers::job::Job;
use servelink_workers::payments::{ReconcileJob, RenewalsJob, SettleJob, SettleReport};
use store::codec::decode;
use store::commands::{Actor, Commands, PaymentWish};
use store::known::Known;
use store::memory::{MemoryDisk, MemoryLog};
use store::payments::{BackendError, Order, PaymentBackend, Payments, Polled};
use store::subjects::Subjects;
use store::{Clock, Digest, EventLog, Filter, Key, KeyId, Position};

const PRICE: Money = Money::new(300, Currency::EUR);
const TEAM: TeamId = TeamId::from_bytes([1; 16]);

/// Says what the test has it say, and counts what it is asked.
#[derive(Default)]
struct Backend {
    stands: Mutex<BTreeMap<String, ObservedStatus>>,
    polls: AtomicI64,
    cancels: AtomicI64,
    down: Mutex<bool>,
}

impl Backend {
    fn answer<T>(&self, answer: T) -> Result<T, BackendError> {
        if *self.down.lock().unwrap() {
            return Err(BackendError::Unanswered { what: "down".into() });
        }
        Ok(answer)
    }
}

#[async_trait]
impl PaymentBackend for Backend {
    fn ready(&self) -> Result<(), BackendError> {
        Ok(())
    }

    async fn initiate(&self, order: &Order) -> Result<Submission, BackendError> {
        let external_payment_id: ExternalPaymentId = format!("x-{}", order.payment_id).parse().unwrap();
        self.stands.lock().unwrap().insert(external_payment_id.to_string(), ObservedStatus::Pending);
        let payment_url = Some("https://pay.example/x".to_owned());
        let submitted =
            PaymentSubmitted { external_payment_id, payment_url, qr_code: None, expires_at: None };
        self.answer(Submission { submitted, processing: false })
    }

    async fn poll(&self, id: &ExternalPaymentId, _: Money) -> Result<Polled, BackendError> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        let status = self.stands.lock().unwrap()[id.as_str()];
        self.answer(Polled { status, transaction_id: None, completed_at: None })
    }

    async fn cancel(&self, _: PaymentId, _: &ExternalPaymentId) -> Result<(), BackendError> {
        self.cancels.fetch_add(1, Ordering::SeqCst);
        self.answer(())
    }
}

struct Node {
    log: Arc<dyn EventLog>,
    known: Arc<Known>,
    commands: Arc<Commands>,
    backend: Arc<Backend>,
    payments: Payments,
    clock: Arc<dyn Clock>,
    now: Arc<AtomicI64>,
}

impl Node {
    async fn new() -> Self {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::open(&MemoryDisk::default()));
        let known = Known::open(Arc::clone(&log)).await.unwrap();
        let now = Arc::new(AtomicI64::new(0));
        let clock: Arc<dyn Clock> = {
            let now = Arc::clone(&now);
            Arc::new(move || DateTime::from_timestamp_micros(now.load(Ordering::SeqCst)).unwrap())
        };
        let plans = Arc::new(Catalogue::default());
        let subjects = Subjects::in_memory().await.unwrap();
        let commands = Arc::new(Commands::new(
            Arc::clone(&log),
            Arc::clone(&known),
            plans,
            Arc::clone(&clock),
            subjects,
        ));
        let backend = Arc::<Backend>::default();
        let payments = Payments::new(Arc::clone(&commands), Arc::clone(&backend) as _, Arc::clone(&clock));
        let node = Self { log, known, commands, backend, payments, clock, now };
        node.at("2026-11-05T12:00:00Z");
        node.commands.put_team(&actor(), TEAM, "Team", &"team".parse().unwrap()).await.unwrap();
        node
    }

    fn at(&self, now: &str) {
        self.set(now.parse().unwrap());
    }

    fn set(&self, now: DateTime<Utc>) {
        self.now.store(now.timestamp_micros(), Ordering::SeqCst);
    }

    async fn begin(&self) -> PaymentId {
        let wish = PaymentWish {
            team: TEAM,
            user: UserId(1),
            plan: PlanName::from("pay_as_you_go"),
            amount: PRICE,
            method: PaymentMethod::MobileMoney,
            description: None,
        };
        let id = KeyId::of(&["test", &self.log.head().await.unwrap().to_string()]);
        let key = Key { id, digest: Digest::default(), answer: None };
        self.payments.initiate(actor(), wish, Some(key)).await.unwrap().now.id
    }

    fn stands(&self, payment: PaymentId, status: ObservedStatus) {
        self.backend.stands.lock().unwrap().insert(format!("x-{payment}"), status);
    }

    /// The backend answers the same order with this link: when that was heard of, by the log's own time.
    async fn has_another_link(&self, payment: PaymentId, name: &str) -> DateTime<Utc> {
        self.backend.stands.lock().unwrap().insert(name.into(), ObservedStatus::Pending);
        let external_payment_id = name.parse().unwrap();
        let submitted =
            PaymentSubmitted { external_payment_id, payment_url: None, qr_code: None, expires_at: None };
        let submission = Submission { submitted, processing: false };
        self.commands.submit_payment(&actor(), payment, submission).await.unwrap();
        let events = self.log.read_after(Position::default(), 1_000, Filter::All).await.unwrap();
        events.last().unwrap().recorded_at
    }

    async fn plan(&self) -> PlanName {
        self.known.catch_up().await.unwrap();
        self.known.facts().teams[&TEAM].plan.clone()
    }

    fn reconcile(&self) -> ReconcileJob {
        ReconcileJob::new(self.payments.clone(), Arc::clone(&self.known), Arc::clone(&self.clock))
    }

    /// One run, of what is known now.
    async fn run<J: Job>(&self, job: &mut J) -> J::Report {
        self.known.catch_up().await.unwrap();
        job.run().await.unwrap()
    }
}

fn actor() -> Actor {
    Actor("test".into())
}

#[tokio::test]
async fn renewals_remind_and_let_lapse_and_a_node_that_was_down_catches_up() {
    let node = Node::new().await;
    node.commands.give_plan(&actor(), TEAM, &PlanName::from("pay_as_you_go")).await.unwrap();
    let mut job =
        RenewalsJob::new(Arc::clone(&node.commands), Arc::clone(&node.known), Arc::clone(&node.clock));
    let mut said = Vec::new();
    // Down from the second to the seventh of December: the last reminder is missed, and the end is not.
    for now in
        ["2026-11-20", "2026-11-30", "2026-12-01", "2026-12-07", "2026-12-08", "2026-12-09", "2027-01-01"]
    {
        node.at(&format!("{now}T12:00:00Z"));
        let before = node.log.head().await.unwrap();
        node.run(&mut job).await;
        node.run(&mut job).await;
        for event in node.log.read_after(before, 10, Filter::All).await.unwrap() {
            said.push((now, decode::<TeamEvent>(&event).unwrap()));
        }
    }
    let (five, end) = (&said[0], &said[said.len() - 1]);
    assert!(matches!(five, ("2026-11-30", TeamEvent::RenewalDue(due)) if due.days_before == 5), "{said:?}");
    assert!(
        matches!(&said[1], ("2026-12-07", TeamEvent::RenewalDue(due)) if due.days_before == 1),
        "{said:?}"
    );
    assert!(matches!(end, ("2026-12-08", TeamEvent::PlanLapsed(_))), "{said:?}");
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(node.plan().await.is_free());
}

#[tokio::test]
async fn reconciling_follows_the_schedule_and_settling_what_it_finds() {
    let node = Node::new().await;
    let payment = node.begin().await;
    let (mut reconcile, mut settle) =
        (node.reconcile(), SettleJob::new(Arc::clone(&node.commands), Arc::clone(&node.known)));
    let begun = node.clock.now();
    let mut asked = Vec::new();
    for second in 0..=70 {
        node.set(begun + TimeDelta::seconds(second));
        if node.run(&mut reconcile).await.asked > 0 {
            asked.push(second);
        }
    }
    assert_eq!(asked, [5, 15, 30, 60]);
    node.stands(payment, ObservedStatus::Completed(Capture::Told(PRICE)));
    node.set(begun + TimeDelta::seconds(120));
    assert_eq!(node.run(&mut reconcile).await.ended, 1);
    assert_eq!(node.run(&mut settle).await.activated, 1);
    assert!(!node.plan().await.is_free());
    let polls = node.backend.polls.load(Ordering::SeqCst);
    node.set(begun + TimeDelta::days(2));
    assert_eq!((node.run(&mut reconcile).await.asked, node.run(&mut settle).await.activated), (0, 0));
    assert_eq!(node.backend.polls.load(Ordering::SeqCst), polls, "it is paid, for ever");
}

#[tokio::test]
async fn what_has_ended_unpaid_is_asked_about_for_a_week_more() {
    let node = Node::new().await;
    let payment = node.begin().await;
    node.stands(payment, ObservedStatus::Failed);
    let mut reconcile = node.reconcile();
    let begun = node.clock.now();
    node.set(begun + TimeDelta::seconds(5));
    assert_eq!(node.run(&mut reconcile).await.ended, 1);
    // The log's own times say since when it has ended.
    let ended = node.log.read_after(Position::default(), 100, Filter::All).await.unwrap();
    let ended = ended.last().unwrap().recorded_at;
    node.set(ended + TimeDelta::days(3));
    node.stands(payment, ObservedStatus::Completed(Capture::NotTold));
    assert_eq!(node.run(&mut reconcile).await.asked, 1);
    let mut settle = SettleJob::new(Arc::clone(&node.commands), Arc::clone(&node.known));
    assert_eq!(node.run(&mut settle).await.activated, 1, "it was captured late");

    let other = node.begin().await;
    node.stands(other, ObservedStatus::Cancelled);
    node.set(node.clock.now() + TimeDelta::seconds(5));
    node.run(&mut reconcile).await;
    node.set(node.clock.now() + TimeDelta::days(9));
    assert_eq!(node.run(&mut reconcile).await.asked, 0, "enough is enough");
}

#[tokio::test]
async fn a_cancellation_is_followed_also_when_nobody_says_where_the_payment_stands() {
    let node = Node::new().await;
    let payment = node.begin().await;
    *node.backend.down.lock().unwrap() = true;
    assert!(node.payments.cancel(actor(), payment, UserId(1)).await.is_err());
    let mut reconcile = node.reconcile();
    let begun = node.clock.now();
    node.set(begun + TimeDelta::seconds(5));
    assert_eq!(node.run(&mut reconcile).await.unanswered, 1);
    assert_eq!(node.backend.cancels.load(Ordering::SeqCst), 2, "it was asked, and could not answer");
    *node.backend.down.lock().unwrap() = false;
    node.set(begun + TimeDelta::seconds(15));
    assert_eq!(node.run(&mut reconcile).await.ended, 1);
    node.known.catch_up().await.unwrap();
    assert!(node.known.facts().open_payments.is_empty());
}

/// What the log says of second links and their money: how many events of each.
async fn second_links(node: &Node) -> (usize, usize) {
    let (mut found, mut paid) = (0, 0);
    for event in node.log.read_after(Position::default(), 1_000, Filter::All).await.unwrap() {
        found += usize::from(event.event_type == "SecondLinkFound");
        paid += usize::from(event.event_type == "PaymentConflicted");
    }
    (found, paid)
}

#[tokio::test]
async fn a_second_link_of_a_payment_that_is_paid_is_asked_about_until_money_came_by_it() {
    let node = Node::new().await;
    let payment = node.begin().await;
    node.stands(payment, ObservedStatus::Completed(Capture::Told(PRICE)));
    node.payments.refresh(&actor(), payment).await.unwrap();
    let mut settle = SettleJob::new(Arc::clone(&node.commands), Arc::clone(&node.known));
    assert_eq!(node.run(&mut settle).await.activated, 1);
    let heard = node.has_another_link(payment, "y").await;

    let mut reconcile = node.reconcile();
    let mut asked = Vec::new();
    for second in 0..=70 {
        node.set(heard + TimeDelta::seconds(second));
        if node.run(&mut reconcile).await.asked > 0 {
            asked.push(second);
        }
    }
    assert_eq!(asked.len(), 4, "like a payment: {asked:?}");
    // It ended unpaid, and was paid in the last moment: nobody calls.
    node.backend.stands.lock().unwrap().insert("y".into(), ObservedStatus::Failed);
    node.set(heard + TimeDelta::hours(1));
    assert_eq!(node.run(&mut reconcile).await.ended, 0);
    node.backend.stands.lock().unwrap().insert("y".into(), ObservedStatus::Completed(Capture::NotTold));
    node.set(heard + TimeDelta::days(3));
    // Another node: it knows from the log what it has to ask about.
    let mut reconcile = node.reconcile();
    let report = node.run(&mut reconcile).await;
    assert_eq!((report.asked, report.ended), (1, 1));
    assert_eq!(second_links(&node).await, (1, 1));
    node.set(heard + TimeDelta::days(4));
    assert_eq!(node.run(&mut reconcile).await.asked, 0, "there is nothing more to learn");
    assert_eq!(node.run(&mut settle).await, SettleReport::default(), "it pays for nothing");
    let now = node.commands.payment(payment).await.unwrap().payment;
    assert_eq!(now.status, domain::payment::Status::Completed);
}

#[tokio::test]
async fn a_second_link_that_nobody_pays_is_asked_about_for_a_week() {
    let node = Node::new().await;
    let payment = node.begin().await;
    node.stands(payment, ObservedStatus::Completed(Capture::NotTold));
    node.payments.refresh(&actor(), payment).await.unwrap();
    let heard = node.has_another_link(payment, "y").await;
    *node.backend.down.lock().unwrap() = true;
    let mut reconcile = node.reconcile();
    node.set(heard + TimeDelta::days(1));
    assert_eq!(node.run(&mut reconcile).await.unanswered, 1);
    *node.backend.down.lock().unwrap() = false;
    node.set(heard + TimeDelta::days(7));
    assert_eq!(node.run(&mut reconcile).await.asked, 1);
    node.set(heard + TimeDelta::days(9));
    assert_eq!(node.run(&mut node.reconcile()).await.asked, 0, "enough is enough");
}

/// Its next turn would be an hour away, and as long it could still be paid.
#[tokio::test]
async fn what_would_pay_a_month_again_is_called_off_at_once() {
    let node = Node::new().await;
    let (mut reconcile, mut settle) =
        (node.reconcile(), SettleJob::new(Arc::clone(&node.commands), Arc::clone(&node.known)));
    let begun = node.clock.now();
    let first = node.begin().await;
    node.stands(first, ObservedStatus::Failed);
    node.set(begun + TimeDelta::seconds(5));
    node.run(&mut reconcile).await;
    let second = node.begin().await;
    node.set(begun + TimeDelta::hours(2));
    node.run(&mut reconcile).await;
    // The first was paid in the last moment after all.
    node.stands(first, ObservedStatus::Completed(Capture::NotTold));
    node.payments.refresh(&actor(), first).await.unwrap();
    assert_eq!(node.run(&mut settle).await.activated, 1);
    node.set(begun + TimeDelta::hours(2) + TimeDelta::seconds(1));
    assert_eq!(node.run(&mut settle).await.superseded, 1);
    node.set(begun + TimeDelta::hours(2) + TimeDelta::seconds(2));
    assert_eq!(node.run(&mut reconcile).await.ended, 1);
    assert_eq!(node.backend.cancels.load(Ordering::SeqCst), 1);
    let second = node.commands.payment(second).await.unwrap().payment;
    assert_eq!(second.status, domain::payment::Status::Cancelled);
    assert_eq!(node.run(&mut settle).await, SettleReport::default(), "and nothing more");
}
