//! No network call without a prior durable event. The witness stands between Servelink and a payment backend, and at the
//! very moment of each call it reads the log, by a handle of its own, for the event that must have gone before.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::payment::{PaymentEvent, PaymentInitiated, PaymentMethod, Submission};
use domain::plan::PlanName;
use domain::{ExternalPaymentId, Money, PaymentId, UserId};
use servelink_store::EventLog;
use servelink_store::codec::decode;
use servelink_store::payments::{BackendError, Order, PaymentBackend, Polled};
use servelink_store::testing::requests::history;

use crate::backend::name_of;
use crate::payments::{PRICE, Till};
use crate::world::{actor, team};

pub struct Witness<B> {
    backend: Arc<B>,
    log: Arc<dyn EventLog>,
    seen: Mutex<Seen>,
}

/// What the witness saw.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Seen {
    pub calls: usize,
    /// Calls that nothing in the log had announced. Never a panic: that would be one answer more that is lost.
    pub unannounced: Vec<String>,
}

/// What the log has of one payment.
#[derive(Default)]
struct Announced {
    initiated: Option<PaymentInitiated>,
    name: Option<ExternalPaymentId>,
    second_links: BTreeSet<ExternalPaymentId>,
    cancellation: bool,
}

impl<B> Witness<B> {
    /// Between Servelink and this backend. The log may be open elsewhere; what is read here is what was committed.
    pub fn new(backend: Arc<B>, log: Arc<dyn EventLog>) -> Self {
        Self { backend, log, seen: Mutex::default() }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    fn see(&self, announced: bool, call: impl FnOnce() -> String) {
        let mut seen = self.seen.lock().unwrap();
        seen.calls += 1;
        if !announced {
            seen.unannounced.push(call());
        }
    }

    async fn announced(&self) -> Vec<(PaymentId, Announced)> {
        let mut payments: Vec<(PaymentId, Announced)> = vec![];
        for recorded in history(&*self.log).await {
            if recorded.stream.aggregate_type != "payment" {
                continue;
            }
            let id = recorded.stream.aggregate_id.parse().unwrap();
            let place = payments.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
                payments.push((id, Announced::default()));
                payments.len() - 1
            });
            let payment = &mut payments[place].1;
            match decode::<PaymentEvent>(&recorded).unwrap() {
                PaymentEvent::PaymentInitiated(initiated) => payment.initiated = Some(initiated),
                PaymentEvent::PaymentSubmitted(submitted) => {
                    payment.name = Some(submitted.external_payment_id)
                }
                PaymentEvent::SecondLinkFound(found) => {
                    payment.second_links.insert(found.external_payment_id);
                }
                PaymentEvent::CancellationRequested(_) => payment.cancellation = true,
                PaymentEvent::PaymentProcessing(_)
                | PaymentEvent::PaymentCompleted(_)
                | PaymentEvent::PaymentFailed(_)
                | PaymentEvent::PaymentCancelled(_)
                | PaymentEvent::PaymentConflicted(_)
                | PaymentEvent::RefundDue(_)
                | PaymentEvent::CallbackReceived(_) => {}
            }
        }
        payments
    }
}

/// Whether the log has this order, to the letter.
fn wanted(initiated: &PaymentInitiated, order: &Order) -> bool {
    initiated.amount == order.amount
        && initiated.method == order.method
        && initiated.description == order.description
        && initiated.team_id == order.team_id
        && initiated.user_id == order.user_id
        && initiated.plan == order.plan
}

#[async_trait]
impl<B: PaymentBackend> PaymentBackend for Witness<B> {
    fn ready(&self) -> Result<(), BackendError> {
        self.backend.ready()
    }

    /// After PaymentInitiated, of exactly this.
    async fn initiate(&self, order: &Order) -> Result<Submission, BackendError> {
        let payments = self.announced().await;
        let of_it = |(id, payment): &(PaymentId, Announced)| {
            *id == order.payment_id
                && payment.initiated.as_ref().is_some_and(|initiated| wanted(initiated, order))
        };
        self.see(payments.iter().any(of_it), || format!("{order:?}"));
        self.backend.initiate(order).await
    }

    /// After a payment of this amount got this name, or a second link of this name.
    async fn poll(&self, id: &ExternalPaymentId, asked: Money) -> Result<Polled, BackendError> {
        let payments = self.announced().await;
        let of_it = |(_, payment): &(PaymentId, Announced)| {
            (payment.name.as_ref() == Some(id) || payment.second_links.contains(id))
                && payment.initiated.as_ref().is_some_and(|initiated| initiated.amount == asked)
        };
        self.see(payments.iter().any(of_it), || format!("poll of {id} for {asked}"));
        self.backend.poll(id, asked).await
    }

    /// After the payment got this name, and somebody wanted it called off.
    async fn cancel(&self, payment_id: PaymentId, id: &ExternalPaymentId) -> Result<(), BackendError> {
        let payments = self.announced().await;
        let of_it = |(known, payment): &(PaymentId, Announced)| {
            *known == payment_id && payment.name.as_ref() == Some(id) && payment.cancellation
        };
        self.see(payments.iter().any(of_it), || format!("cancellation of {payment_id}, called {id}"));
        self.backend.cancel(payment_id, id).await
    }
}

/// The witness itself: it says nothing of what was announced, and names what was not.
#[tokio::test]
async fn what_is_not_in_the_log_is_seen() {
    let till = Till::new().await;
    let id = till.initiate("a").await.unwrap().id;
    let name = name_of(id);
    let witness = Witness::new(Arc::clone(&till.backend), Arc::clone(&till.world.log));
    let order = Order {
        payment_id: id,
        amount: PRICE,
        method: PaymentMethod::MobileMoney,
        description: None,
        team_id: team(1),
        team_name: "Team".into(),
        user_id: UserId(1),
        user_email: None,
        plan: PlanName::from("pay_as_you_go"),
    };
    let other_price = Money::new(PRICE.minor + 1, PRICE.currency);
    let unknown = PaymentId::from_bytes([9; 16]);
    witness.initiate(&order).await.unwrap();
    witness.poll(&name, PRICE).await.unwrap();
    assert_eq!(witness.seen(), Seen { calls: 2, unannounced: vec![] });
    witness.initiate(&Order { payment_id: unknown, ..order.clone() }).await.unwrap();
    witness.initiate(&Order { amount: other_price, ..order }).await.unwrap();
    witness.poll(&name_of(unknown), PRICE).await.unwrap();
    witness.poll(&name, other_price).await.unwrap();
    witness.cancel(id, &name).await.unwrap();
    assert_eq!(witness.seen().unannounced.len(), 5, "nobody wanted it called off");
    till.world.commands.request_cancellation(&actor(), id, UserId(1)).await.unwrap();
    witness.cancel(id, &name).await.unwrap();
    witness.cancel(id, &name_of(unknown)).await.unwrap();
    assert_eq!((witness.seen().calls, witness.seen().unannounced.len()), (9, 6), "it is not its name");
}
