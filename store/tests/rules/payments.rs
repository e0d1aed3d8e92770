//! Payments between the log and a backend: whatever is lost, doubled or out of order, money comes to one thing.

use std::sync::Arc;

use domain::inbox::CallbackParked;
use domain::payment::{Capture, ObservedStatus, PaymentEvent, PaymentMethod, PaymentRefusal, Status};
use domain::plan::PlanName;
use domain::team::TeamEvent;
use domain::{Money, PaymentId, UserId};
use iso_currency::Currency;
use servelink_store::codec::decode;
use servelink_store::commands::{Callback, CommandError, PaymentNow, PaymentWish, Receipt, Settlement};
use servelink_store::payments::{BackendError, Payments, PaymentsError};
use servelink_store::testing::MemoryStorage;
use servelink_store::testing::requests::history;
use servelink_store::{AppendError, Digest, Key, KeyId};

use crate::backend::{Backend, Mood, name_of};
use crate::world::{World, actor, at, team};

pub const PRICE: Money = Money::new(300, Currency::EUR);
pub const PAID: ObservedStatus = ObservedStatus::Completed(Capture::Told(PRICE));

/// A node with a team and a payment backend.
pub struct Till {
    pub world: World,
    pub backend: Arc<Backend>,
    pub payments: Payments,
}

impl Till {
    pub async fn new() -> Self {
        Self::open(&MemoryStorage::default(), Arc::default()).await
    }

    pub async fn open(storage: &MemoryStorage, backend: Arc<Backend>) -> Self {
        let world = World::open(storage).await;
        if world.known.facts().teams.is_empty() {
            world.register(team(1), &[]).await;
        }
        let clock = Arc::clone(&world.clock);
        let payments = Payments::new(Arc::clone(&world.commands), Arc::clone(&backend) as _, clock);
        Self { world, backend, payments }
    }

    pub async fn initiate(&self, key: &str) -> Result<PaymentNow, PaymentsError> {
        let wish = PaymentWish {
            team: team(1),
            user: UserId(1),
            plan: PlanName::from("pay_as_you_go"),
            amount: PRICE,
            method: PaymentMethod::MobileMoney,
            description: None,
        };
        Ok(self.payments.initiate(actor(), wish, Some(request(key, ""))).await?.now)
    }

    /// A new payment that the backend has taken on, and the backend's name of it.
    async fn begun(&self, key: &str) -> (PaymentId, String) {
        let id = self.initiate(key).await.unwrap().id;
        (id, name_of(id).to_string())
    }

    pub async fn callback(&self, name: &str, message: &str, status: ObservedStatus) -> Receipt {
        self.tell(name, None, message, status, true).await.unwrap()
    }

    pub async fn tell(
        &self,
        name: &str,
        payment_id: Option<PaymentId>,
        message: &str,
        status: ObservedStatus,
        trusted: bool,
    ) -> Result<Receipt, CommandError> {
        let told = CallbackParked {
            digest: message.into(),
            status,
            transaction_id: None,
            at: at("2026-03-10T12:00:00Z"),
            trusted,
        };
        let callback = Callback { external_payment_id: name.parse().unwrap(), payment_id, told };
        self.world.commands.receive_callback(&actor(), &callback, &request(message, message)).await
    }

    pub async fn status(&self, id: PaymentId) -> Status {
        self.world.commands.payment(id).await.unwrap().payment.status
    }

    pub async fn settle(&self) -> Vec<Settlement> {
        self.world.known.catch_up().await.unwrap();
        let unsettled: Vec<_> = self.world.known.facts().unsettled.keys().copied().collect();
        let mut settlements = vec![];
        for id in unsettled {
            settlements.push(self.world.commands.settle_payment(&actor(), id).await.unwrap());
        }
        settlements
    }

    pub async fn events(&self) -> Vec<(PaymentId, PaymentEvent)> {
        let events = history(&*self.world.log).await.into_iter();
        let own = events.filter(|event| event.stream.aggregate_type == "payment");
        own.map(|event| (event.stream.aggregate_id.parse().unwrap(), decode(&event).unwrap())).collect()
    }

    /// The payments that paid for the team's months, in order.
    pub async fn activations(&self) -> Vec<PaymentId> {
        let events = history(&*self.world.log).await.into_iter();
        let own = events.filter(|event| event.stream.aggregate_type == "team");
        let mut activations = vec![];
        for event in own {
            let event: TeamEvent = decode(&event).unwrap();
            if let TeamEvent::PlanActivated(activated) = &event {
                activations.extend(activated.payment_id);
            }
            if let TeamEvent::PlanRenewed(renewed) = &event {
                activations.extend(renewed.payment_id);
            }
        }
        activations
    }
}

fn request(key: &str, body: &str) -> Key {
    Key { id: KeyId::of(&["request", key]), digest: Digest(KeyId::of(&[body]).0), answer: None }
}

#[tokio::test]
async fn a_payment_becomes_a_plan_once() {
    let till = Till::new().await;
    let (id, name) = till.begun("a").await;
    assert_eq!(
        till.callback(&name, "m1", ObservedStatus::Processing).await.payment,
        Some((id, Status::Processing))
    );
    assert_eq!(till.callback(&name, "m2", PAID).await.payment, Some((id, Status::Completed)));
    assert!(matches!(till.settle().await[..], [Settlement::Activated(_)]));
    assert!(till.settle().await.is_empty());
    assert_eq!(till.activations().await, [id]);
    assert!(!till.world.team(team(1)).await.plan.is_free());
}

#[tokio::test]
async fn a_callback_may_come_before_the_answer() {
    let till = Arc::new(Till::new().await);
    *till.backend.before_answer.lock().unwrap() = Some(Arc::clone(&till));
    let now = till.initiate("a").await.unwrap();
    assert_eq!(now.payment.status, Status::Completed);
    assert!(now.payment.payment_url.is_some(), "the answer still counts");
    assert_eq!(till.settle().await.len(), 1);
    till.backend.before_answer.lock().unwrap().take();
}

#[tokio::test]
async fn what_waits_in_the_inbox_is_taken_when_the_name_is_known() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let lost = till.initiate("a").await.unwrap();
    assert_eq!((lost.payment.status, lost.payment.external_payment_id), (Status::Pending, None));
    let name = name_of(lost.id).to_string();
    let waiting = till.callback(&name, "m1", ObservedStatus::Processing).await;
    assert_eq!(waiting.payment, None);
    assert_eq!(till.callback(&name, "m2", PAID).await.payment, None);
    till.backend.set_mood(Mood::Well);
    let found = till.payments.refresh(&actor(), lost.id).await.unwrap();
    assert_eq!(found.payment.status, Status::Completed);
    assert_eq!(till.backend.payments().len(), 1, "the same order gave the same payment");
    assert_eq!(
        till.callback(&name, "m1", ObservedStatus::Processing).await.payment,
        None,
        "the same answer again"
    );
}

#[tokio::test]
async fn the_name_may_come_by_a_callback_that_tells_our_id() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    let name = name_of(id).to_string();
    let receipt = till.tell(&name, Some(id), "m1", PAID, true).await.unwrap();
    assert_eq!(receipt.payment, Some((id, Status::Completed)));
    let unknown = PaymentId::from_bytes([9; 16]);
    let receipt = till.tell("other", Some(unknown), "m2", PAID, true).await.unwrap();
    assert_eq!(receipt.payment, None, "it waits, whatever it says");
}

#[tokio::test]
async fn a_message_counts_once_and_its_id_once_for_ever() {
    let till = Arc::new(Till::new().await);
    let (id, name) = till.begun("a").await;
    let mut deliveries = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (till, name) = (Arc::clone(&till), name.clone());
        deliveries.spawn(async move { till.callback(&name, "m1", PAID).await });
    }
    while let Some(receipt) = deliveries.join_next().await {
        assert_eq!(receipt.unwrap().payment, Some((id, Status::Completed)));
    }
    let received = |event: &PaymentEvent| matches!(event, PaymentEvent::CallbackReceived(_));
    assert_eq!(till.events().await.iter().filter(|(_, event)| received(event)).count(), 1);
    let told = CallbackParked {
        digest: "another".into(),
        status: ObservedStatus::Failed,
        transaction_id: None,
        at: at("2026-03-10T12:00:00Z"),
        trusted: true,
    };
    let other = Callback { external_payment_id: name.parse().unwrap(), payment_id: None, told };
    let reused = till.world.commands.receive_callback(&actor(), &other, &request("m1", "another")).await;
    assert!(matches!(reused, Err(CommandError::Append(AppendError::KeysReused(_)))), "{reused:?}");
}

#[tokio::test]
async fn completed_is_for_ever_and_a_late_capture_needs_a_poll() {
    let till = Till::new().await;
    let (id, name) = till.begun("a").await;
    till.callback(&name, "m1", PAID).await;
    for (message, status) in [("m2", ObservedStatus::Processing), ("m3", ObservedStatus::Failed)] {
        assert_eq!(till.callback(&name, message, status).await.payment, Some((id, Status::Completed)));
    }
    till.settle().await;

    let (late, name) = till.begun("b").await;
    till.callback(&name, "m4", ObservedStatus::Cancelled).await;
    let receipt = till.callback(&name, "m5", PAID).await;
    assert_eq!((receipt.payment, receipt.to_confirm), (Some((late, Status::Cancelled)), true));
    till.world.known.catch_up().await.unwrap();
    assert!(
        till.world.known.facts().to_confirm.contains_key(&late),
        "the reconciler asks if nobody else does"
    );
    till.backend.set(&name, PAID);
    assert_eq!(till.payments.refresh(&actor(), late).await.unwrap().payment.status, Status::Completed);
    till.settle().await;
    assert_eq!(till.activations().await, [id, late], "its period was unpaid");
}

#[tokio::test]
async fn of_two_payments_for_a_period_one_is_due_for_a_refund() {
    let till = Till::new().await;
    let (first, name) = till.begun("a").await;
    till.callback(&name, "m1", ObservedStatus::Failed).await;
    let (second, other) = till.begun("b").await;
    till.callback(&other, "m2", PAID).await;
    till.settle().await;
    till.backend.set(&name, PAID);
    till.payments.refresh(&actor(), first).await.unwrap();
    assert!(
        matches!(&till.settle().await[..], [Settlement::Refund(_, why)] if why.contains("paid by another"))
    );
    assert_eq!(till.activations().await, [second]);
}

#[tokio::test]
async fn a_second_link_that_is_paid_is_a_conflict_under_the_payment_s_name() {
    let till = Till::new().await;
    let (id, name) = till.begun("a").await;
    till.callback(&name, "m1", PAID).await;
    let receipt = till.tell("second-link", Some(id), "m2", PAID, true).await.unwrap();
    assert_eq!(receipt.payment, Some((id, Status::Completed)));
    let receipt = till.callback("second-link", "m3", PAID).await;
    assert_eq!(receipt.payment, Some((id, Status::Completed)), "from now on it is known whose it is");
    let conflicts = till.world.commands.payment(id).await.unwrap().payment.conflicts;
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert_eq!(till.settle().await.len(), 1);
}

#[tokio::test]
async fn wrong_money_gives_no_plan() {
    for wrong in [Money::new(299, Currency::EUR), Money::new(300, Currency::XOF)] {
        let till = Till::new().await;
        let (id, name) = till.begun("a").await;
        till.callback(&name, "m1", ObservedStatus::Completed(Capture::Told(wrong))).await;
        assert!(till.settle().await.is_empty());
        let payment = till.world.commands.payment(id).await.unwrap().payment;
        assert_eq!((payment.status, payment.conflicts.len()), (Status::Pending, 1));
    }
}

#[tokio::test]
async fn an_unsigned_time_is_confirmed_by_a_poll_before_money_counts() {
    let till = Till::new().await;
    let (id, name) = till.begun("a").await;
    let receipt = till.tell(&name, None, "m1", PAID, false).await.unwrap();
    assert_eq!((receipt.payment, receipt.to_confirm), (Some((id, Status::Pending)), true));
    till.payments.refresh(&actor(), id).await.unwrap();
    assert_eq!(till.status(id).await, Status::Pending, "the backend says that it is not so");
    till.backend.set(&name, PAID);
    till.payments.refresh(&actor(), id).await.unwrap();
    assert_eq!(till.status(id).await, Status::Completed);
}

#[tokio::test]
async fn one_payment_under_way_whoever_asks_and_how_often() {
    let till = Arc::new(Till::new().await);
    for keys in [1, 50] {
        let mut requests = tokio::task::JoinSet::new();
        for n in 0..50 {
            let till = Arc::clone(&till);
            requests.spawn(async move { till.initiate(&format!("{keys}-{}", n % keys)).await });
        }
        let mut ids = std::collections::BTreeSet::new();
        while let Some(answer) = requests.join_next().await {
            match answer.unwrap() {
                Ok(now) => {
                    assert!(now.payment.external_payment_id.is_some());
                    ids.insert(now.id);
                }
                Err(error) => assert!(matches!(error, PaymentsError::InFlight) && keys == 1, "{error}"),
            }
        }
        assert_eq!(ids.len(), 1);
    }
    assert_eq!((till.backend.payments().len(), till.backend.asked()), (1, 1));
}

#[tokio::test]
async fn a_key_is_one_payment_s_for_ever() {
    let till = Till::new().await;
    let (id, name) = till.begun("a").await;
    till.callback(&name, "m1", PAID).await;
    till.settle().await;
    assert_eq!(till.initiate("a").await.unwrap().id, id);
    assert_ne!(till.initiate("b").await.unwrap().id, id);
}

#[tokio::test]
async fn nothing_is_recorded_while_the_backend_rests_and_a_refusal_ends_the_payment() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Resting);
    let resting = till.initiate("a").await;
    assert!(matches!(resting, Err(PaymentsError::Backend(BackendError::Resting { .. }))));
    assert!(till.events().await.is_empty());
    till.backend.set_mood(Mood::Refusing);
    let refused = till.initiate("a").await;
    assert!(matches!(refused, Err(PaymentsError::Backend(BackendError::Refused { .. }))));
    assert!(matches!(till.events().await.last(), Some((_, PaymentEvent::PaymentFailed(_)))));
    till.backend.set_mood(Mood::Well);
    let second = till.initiate("b").await.unwrap();
    assert!(second.payment.status.is_open(), "another try is another payment");
    till.backend.set_mood(Mood::Resting);
    till.world.known.catch_up().await.unwrap();
    assert_eq!(till.initiate("c").await.unwrap().id, second.id, "what is under way needs no backend");
}

#[tokio::test]
async fn cancelling_is_the_backend_s_word() {
    let till = Till::new().await;
    let (id, _) = till.begun("a").await;
    let cancelled = till.payments.cancel(actor(), id, UserId(1)).await.unwrap();
    assert_eq!(cancelled.payment.status, Status::Cancelled);

    let (id, name) = till.begun("b").await;
    till.backend.set(&name, PAID);
    let too_late = till.payments.cancel(actor(), id, UserId(1)).await;
    let refusal = PaymentRefusal::TooLate("completed");
    assert!(
        matches!(&too_late, Err(PaymentsError::Command(CommandError::Payment(why))) if *why == refusal),
        "{too_late:?}"
    );
    assert_eq!(
        till.status(id).await,
        Status::Completed,
        "it raced and lost, and the money is not lost sight of"
    );

    let (id, _) = till.begun("c").await;
    till.backend.set_mood(Mood::Mute);
    assert!(till.payments.cancel(actor(), id, UserId(1)).await.is_err());
    till.world.known.catch_up().await.unwrap();
    assert!(
        till.world.known.facts().open_payments[&id].cancelling.is_some(),
        "the reconciler goes on with it"
    );
    till.backend.set_mood(Mood::Well);
    assert_eq!(till.payments.refresh(&actor(), id).await.unwrap().payment.status, Status::Cancelled);
}

#[tokio::test]
async fn two_nodes_settle_and_poll_at_once_to_one_end() {
    for _ in 0..20 {
        let (storage, backend) = (MemoryStorage::default(), Arc::<Backend>::default());
        let one = Till::open(&storage, Arc::clone(&backend)).await;
        let two = Till::open(&storage, Arc::clone(&backend)).await;
        let (id, name) = one.begun("a").await;
        backend.set(&name, PAID);
        let by = actor();
        let (polled, told) = tokio::join!(two.payments.refresh(&by, id), one.callback(&name, "m1", PAID));
        assert_eq!(
            (polled.unwrap().payment.status, told.payment),
            (Status::Completed, Some((id, Status::Completed)))
        );
        let (mine, yours) = tokio::join!(one.settle(), two.settle());
        let activated = |settlement: &&Settlement| matches!(settlement, Settlement::Activated(_));
        assert_eq!(mine.iter().chain(&yours).filter(activated).count(), 1);
        assert_eq!(one.activations().await, [id]);
    }
}

#[tokio::test]
async fn what_is_not_paid_in_its_time_ends_when_the_backend_says_so() {
    let paying = ObservedStatus::Processing;
    let other = ObservedStatus::Completed(Capture::Told(Money::new(299, Currency::EUR)));
    for (told, at_its_end, a_week_later) in [
        (Some(ObservedStatus::Pending), Status::Failed, Status::Failed),
        (Some(paying), Status::Processing, Status::Failed),
        (Some(other), Status::Failed, Status::Failed),
        (None, Status::Pending, Status::Failed),
    ] {
        let till = Till::new().await;
        *till.backend.expires_at.lock().unwrap() = Some(at("2026-03-10T13:00:00Z"));
        let (id, name) = till.begun("a").await;
        match told {
            Some(status) => till.backend.set(&name, status),
            None => till.backend.forget(&name),
        }
        let ends_now = told == Some(other);
        let before = till.payments.refresh(&actor(), id).await.unwrap().payment.status;
        assert_eq!(before == Status::Failed, ends_now, "{told:?}");
        till.world.set_now("2026-03-10T13:00:00Z");
        till.payments.refresh(&actor(), id).await.unwrap();
        assert_eq!(till.status(id).await, at_its_end, "{told:?}");
        till.world.set_now("2026-03-18T12:00:00Z");
        till.payments.refresh(&actor(), id).await.unwrap();
        assert_eq!(till.status(id).await, a_week_later, "{told:?}");
        assert_ne!(till.begun("b").await.0, id, "the team may pay again");
    }
}

#[tokio::test]
async fn money_that_came_in_the_last_moment_is_found_by_asking_on() {
    let till = Till::new().await;
    *till.backend.expires_at.lock().unwrap() = Some(at("2026-03-10T13:00:00Z"));
    let (id, name) = till.begun("a").await;
    till.world.set_now("2026-03-10T13:00:00Z");
    till.payments.refresh(&actor(), id).await.unwrap();
    assert_eq!(till.status(id).await, Status::Failed);
    till.world.known.catch_up().await.unwrap();
    assert!(
        till.world.known.facts().to_confirm.contains_key(&id),
        "its callback is lost, but it is asked about"
    );
    till.backend.set(&name, PAID);
    till.payments.refresh(&actor(), id).await.unwrap();
    till.settle().await;
    assert_eq!(till.activations().await, [id]);
    till.world.known.catch_up().await.unwrap();
    assert!(till.world.known.facts().to_confirm.is_empty(), "there is nothing more to learn");
}

#[tokio::test]
async fn a_payment_that_the_backend_never_names_does_not_stand_in_the_way_for_ever() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    assert!(till.payments.cancel(actor(), id, UserId(1)).await.is_err());
    assert_eq!(till.status(id).await, Status::Pending, "it may have it, and answer yet");
    till.world.set_now("2026-03-10T12:05:00Z");
    till.payments.refresh(&actor(), id).await.unwrap();
    assert_eq!(till.status(id).await, Status::Failed, "somebody wanted it called off");
    let second = till.initiate("b").await.unwrap().id;
    till.world.set_now("2026-03-11T12:05:00Z");
    till.payments.refresh(&actor(), second).await.unwrap();
    assert_eq!(till.status(second).await, Status::Failed);
}

#[tokio::test]
async fn a_key_that_is_wrong_for_a_while_fails_no_payment_that_was_asked_for() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    till.backend.set_mood(Mood::Strict);
    till.payments.refresh(&actor(), id).await.unwrap();
    assert_eq!(till.status(id).await, Status::Pending);
    till.backend.set_mood(Mood::Well);
    assert!(till.payments.refresh(&actor(), id).await.unwrap().payment.payment_url.is_some());
}

#[tokio::test]
async fn a_second_link_of_a_lost_answer_is_known_to_be_the_payment_s() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    till.tell("first-link", Some(id), "m1", ObservedStatus::Processing, true).await.unwrap();
    let second = name_of(id).to_string();
    let submitted = domain::payment::PaymentSubmitted {
        external_payment_id: name_of(id),
        payment_url: None,
        qr_code: None,
        expires_at: None,
    };
    let submission = domain::payment::Submission { submitted, processing: false };
    let now = till.world.commands.submit_payment(&actor(), id, submission).await.unwrap();
    assert_eq!(now.payment.external_payment_id, Some("first-link".parse().unwrap()));
    let receipt = till.callback(&second, "m2", PAID).await;
    assert_eq!(
        receipt.payment,
        Some((id, Status::Processing)),
        "its money is a conflict, and not lost sight of"
    );
    assert_eq!(till.world.commands.payment(id).await.unwrap().payment.conflicts.len(), 1);
}

#[tokio::test]
async fn whose_word_is_not_enough_gives_no_names() {
    let till = Till::new().await;
    till.backend.set_mood(Mood::Mute);
    let id = till.initiate("a").await.unwrap().id;
    let receipt = till.tell("foreign", Some(id), "m1", PAID, false).await.unwrap();
    assert_eq!(receipt.payment, None, "it waits under its own name");
    till.backend.set_mood(Mood::Well);
    let found = till.payments.refresh(&actor(), id).await.unwrap().payment;
    assert_eq!((found.external_payment_id, found.status), (Some(name_of(id)), Status::Pending));
}

#[tokio::test]
async fn what_nobody_knows_can_be_called_off() {
    let till = Till::new().await;
    let (id, name) = till.begun("a").await;
    till.backend.forget(&name);
    let cancelled = till.payments.cancel(actor(), id, UserId(1)).await.unwrap();
    assert_eq!(cancelled.payment.status, Status::Cancelled);
}
