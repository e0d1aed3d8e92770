//! One external id per payment, both ways: no two payments ever own the same one, and no payment changes its own. Here
//! the backend is out of its mind: it gives any name to any payment, on two nodes and at the same time. What is asked
//! one by one is in `payments.rs`; what one payment alone makes of many names is `domain/tests/payments/histories.rs`.

use std::collections::BTreeMap;

use domain::inbox::{CallbackParked, InboxEvent, InboxRefusal};
use domain::payment::{
    Capture, Observation, ObservedStatus, PaymentEvent, PaymentMethod, PaymentSubmitted, Submission, Via,
};
use domain::plan::PlanName;
use domain::{ExternalPaymentId, PaymentId, UserId};
use proptest::prelude::*;
use servelink_store::codec::decode;
use servelink_store::commands::{Callback, CommandError, Initiation, PaymentWish};
use servelink_store::testing::MemoryStorage;
use servelink_store::testing::requests::{history, key};

use crate::payments::{PAID, PRICE};
use crate::world::{World, actor, at, team};

const PAYMENTS: u8 = 4;
/// Fewer than payments: somebody goes without.
const NAMES: u8 = 3;

#[derive(Debug, Clone)]
enum Step {
    /// The backend's answer.
    Submit { payment: u8, name: u8, with_link: bool },
    /// A callback, which may tell our id too, and a wrong one.
    Call { payment: Option<u8>, name: u8, status: ObservedStatus, trusted: bool },
    /// What is observed otherwise.
    Poll { payment: u8, name: u8, status: ObservedStatus },
}

fn any_status() -> impl Strategy<Value = ObservedStatus> {
    prop::sample::select(vec![
        ObservedStatus::Pending,
        ObservedStatus::Processing,
        ObservedStatus::Failed,
        ObservedStatus::Cancelled,
        ObservedStatus::Completed(Capture::NotTold),
        PAID,
    ])
}

fn any_step() -> impl Strategy<Value = (usize, Step)> {
    let (payment, name) = (|| 0..PAYMENTS, || 0..NAMES);
    // One more than there are: an id that nobody has.
    let told = prop::option::weighted(0.7, 0..=PAYMENTS);
    let step = prop_oneof![
        2 => (payment(), name(), any::<bool>())
            .prop_map(|(payment, name, with_link)| Step::Submit { payment, name, with_link }),
        3 => (told, name(), any_status(), any::<bool>())
            .prop_map(|(payment, name, status, trusted)| Step::Call { payment, name, status, trusted }),
        2 => (payment(), name(), any_status())
            .prop_map(|(payment, name, status)| Step::Poll { payment, name, status }),
    ];
    (0_usize..2, step)
}

fn name_of(n: u8) -> ExternalPaymentId {
    format!("name-{n}").parse().unwrap()
}

/// Two nodes, and a payment of each of several teams, begun and named by nobody.
async fn nodes() -> ([World; 2], Vec<PaymentId>) {
    let storage = MemoryStorage::default();
    let nodes = [World::open(&storage).await, World::open(&storage).await];
    let mut payments = vec![];
    for n in 1..=PAYMENTS {
        nodes[0].register(team(n), &[]).await;
        let wish = PaymentWish {
            team: team(n),
            user: UserId(1),
            plan: PlanName::from("pay_as_you_go"),
            amount: PRICE,
            method: PaymentMethod::MobileMoney,
            description: None,
        };
        let begun = nodes[0].commands.initiate_payment(&actor(), &wish, None).await.unwrap();
        let Initiation::New(now) = begun else { panic!("{begun:?}") };
        payments.push(now.id);
    }
    // No payment has this one's id.
    payments.push(PaymentId::from_bytes([9; 16]));
    (nodes, payments)
}

async fn take(world: &World, payments: &[PaymentId], step: &Step) {
    let commands = &world.commands;
    let id_of = |n: u8| payments[usize::from(n)];
    let outcome = match step {
        Step::Submit { payment, name, with_link } => {
            let submitted = PaymentSubmitted {
                external_payment_id: name_of(*name),
                payment_url: with_link.then(|| format!("https://pay.example/{name}")),
                qr_code: None,
                expires_at: None,
            };
            let submission = Submission { submitted, processing: false };
            commands.submit_payment(&actor(), id_of(*payment), submission).await.map(drop)
        }
        Step::Call { payment, name, status, trusted } => {
            let payment_id = payment.map(id_of);
            // Its first word is the name, so that it is known under which one a callback counted.
            let digest = format!("{} {status:?} {payment_id:?}", name_of(*name));
            let (status, trusted, at) = (*status, *trusted, at("2026-03-10T12:00:00Z"));
            let told = CallbackParked { digest: digest.clone(), status, transaction_id: None, at, trusted };
            let callback = Callback { external_payment_id: name_of(*name), payment_id, told };
            let message = format!("{digest} {trusted}");
            commands.receive_callback(&actor(), &callback, &key(&message, &message)).await.map(drop)
        }
        Step::Poll { payment, name, status } => {
            let observation = Observation {
                via: Via::Poll,
                external_payment_id: name_of(*name),
                status: *status,
                transaction_id: None,
                at: at("2026-03-10T12:00:00Z"),
            };
            commands.observe_payment(&actor(), id_of(*payment), observation).await.map(drop)
        }
    };
    match outcome {
        Ok(()) | Err(CommandError::Inbox(InboxRefusal::Matched { .. } | InboxRefusal::Full)) => {}
        Err(error) => panic!("{step:?}: {error}"),
    }
}

/// What the log says of names.
#[derive(Debug, Default)]
struct Names {
    /// Each that a payment was ever given, in order.
    given: BTreeMap<PaymentId, Vec<ExternalPaymentId>>,
    /// Whose each is by its own stream, in order.
    matched: BTreeMap<ExternalPaymentId, Vec<PaymentId>>,
    /// Under which name a callback came that was recorded with a payment.
    called: Vec<(PaymentId, ExternalPaymentId)>,
    /// Second links that a payment was given.
    second: Vec<(PaymentId, ExternalPaymentId)>,
}

impl Names {
    async fn of(world: &World) -> Self {
        let mut names = Self::default();
        for event in history(&*world.log).await {
            let id = &event.stream.aggregate_id;
            match event.stream.aggregate_type.as_ref() {
                "payment" => names.take_in(id.parse().unwrap(), decode(&event).unwrap()),
                "inbox" => {
                    if let InboxEvent::PaymentMatched(matched) = decode(&event).unwrap() {
                        names.matched.entry(id.parse().unwrap()).or_default().push(matched.payment_id);
                    }
                }
                // Teams have no such names.
                _ => {}
            }
        }
        names
    }

    fn take_in(&mut self, id: PaymentId, event: PaymentEvent) {
        match event {
            PaymentEvent::PaymentSubmitted(submitted) => {
                self.given.entry(id).or_default().push(submitted.external_payment_id);
            }
            PaymentEvent::SecondLinkFound(found) => self.second.push((id, found.external_payment_id)),
            PaymentEvent::CallbackReceived(callback) => {
                let name = callback.digest.split(' ').next().unwrap().parse().unwrap();
                self.called.push((id, name));
            }
            PaymentEvent::PaymentInitiated(_)
            | PaymentEvent::PaymentProcessing(_)
            | PaymentEvent::PaymentCompleted(_)
            | PaymentEvent::PaymentFailed(_)
            | PaymentEvent::CancellationRequested(_)
            | PaymentEvent::PaymentCancelled(_)
            | PaymentEvent::PaymentConflicted(_)
            | PaymentEvent::RefundDue(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(128) })]

    /// Steps of one round are taken at the same time. Afterwards each payment has had one name at the most, each name one
    /// payment, the name's own stream agrees with the payment's, second links are nobody else's, and no callback counted
    /// for another payment than the one whose name it came under.
    #[test]
    fn a_name_is_one_payment_s_and_a_payment_has_one_name(
        rounds in prop::collection::vec(prop::collection::vec(any_step(), 1..4), 1..16),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (nodes, payments) = nodes().await;
            for round in &rounds {
                let steps = round.iter().map(|(node, step)| take(&nodes[*node], &payments, step));
                futures::future::join_all(steps).await;
            }
            let names = Names::of(&nodes[0]).await;
            let mut owners: BTreeMap<&ExternalPaymentId, PaymentId> = BTreeMap::new();
            for (id, given) in &names.given {
                prop_assert!(given.iter().all(|name| *name == given[0]), "{} changed its name: {:?}", id, given);
                let before = owners.insert(&given[0], *id);
                prop_assert_eq!(before, None, "{} is two payments'", &given[0]);
                prop_assert_eq!(names.matched.get(&given[0]), Some(&vec![*id]), "both streams say the same");
                let now = nodes[1].commands.payment(*id).await.unwrap().payment;
                prop_assert_eq!(now.external_payment_id.as_ref(), Some(&given[0]));
            }
            for (name, matched) in &names.matched {
                prop_assert_eq!(matched.len(), 1, "{} was matched again: {:?}", name, matched);
            }
            for (id, name) in &names.second {
                prop_assert_eq!(names.matched.get(name), Some(&vec![*id]), "{} is a second link of it", name);
                prop_assert_ne!(&names.given[id][0], name, "it is its own");
            }
            for (id, name) in &names.called {
                prop_assert_eq!(names.matched.get(name), Some(&vec![*id]), "a callback under {} counted", name);
            }
            Ok(())
        })?;
    }
}
