//! Settling a payment while the other outcome is recorded by somebody else, between what was read and what is written.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::payment::{ObservedStatus, PaymentEvent, RefundDue};
use domain::plan::Catalogue;
use domain::team::{PlanRenewed, TeamEvent};
use servelink_store::codec::encode;
use servelink_store::commands::{Commands, Settlement};
use servelink_store::subjects::Subjects;
use servelink_store::testing::Interposed;
use servelink_store::testing::requests::key;
use servelink_store::{Append, AppendError, Appended, EventLog, Expected, NewEvent, StreamEvents, StreamId};

use crate::backend::name_of;
use crate::payments::{PAID, Till};
use crate::world::{actor, at, team};

/// A log to which somebody else appends this right before the next append.
struct Meanwhile {
    log: Arc<dyn EventLog>,
    first: Mutex<Option<Append>>,
}

#[async_trait]
impl Interposed for Meanwhile {
    fn behind(&self) -> &dyn EventLog {
        &*self.log
    }

    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let first = self.first.lock().unwrap().take();
        if let Some(first) = first {
            self.log.append(first).await.unwrap();
        }
        self.log.append(append).await
    }
}

fn append(stream: StreamId, event: NewEvent) -> Append {
    let events = StreamEvents { stream, expected: Expected::Any, events: vec![event] };
    Append { keys: vec![key("meanwhile", "")], streams: vec![events], ..Append::default() }
}

/// Commands of a node that is overtaken by this.
async fn overtaken(till: &Till, by: Append) -> Commands {
    let log = Arc::new(Meanwhile { log: Arc::clone(&till.world.log), first: Mutex::new(Some(by)) });
    let (known, plans) = (Arc::clone(&till.world.known), Arc::new(Catalogue::default()));
    Commands::new(log, known, plans, till.world.clock.clone(), Subjects::in_memory().await.unwrap())
}

#[tokio::test]
async fn no_plan_for_what_is_to_be_refunded_meanwhile() {
    let till = Till::new().await;
    let id = till.initiate("a").await.unwrap().id;
    till.callback(name_of(id).as_str(), "m1", PAID).await;
    let refund = PaymentEvent::RefundDue(RefundDue { why: "another node has seen to it".into() });
    let refund = append(StreamId::new("payment", id.to_string()), encode(&refund).unwrap());
    let settled = overtaken(&till, refund).await.settle_payment(&actor(), id).await.unwrap();
    assert_eq!(settled, Settlement::Nothing);
    assert!(till.activations().await.is_empty());
}

#[tokio::test]
async fn no_refund_for_what_has_given_a_plan_meanwhile() {
    let till = Till::new().await;
    let first = till.initiate("a").await.unwrap().id;
    till.callback(name_of(first).as_str(), "m1", ObservedStatus::Failed).await;
    let second = till.initiate("b").await.unwrap().id;
    till.callback(name_of(second).as_str(), "m2", PAID).await;
    assert_eq!(till.settle().await.len(), 1);
    // Paid after all: its month is paid by the other, which would make a refund of it.
    till.backend.set(name_of(first).as_str(), PAID);
    till.payments.refresh(&actor(), first).await.unwrap();
    let renewed = TeamEvent::PlanRenewed(PlanRenewed {
        plan: "pay_as_you_go".into(),
        payment_id: Some(first),
        period: Some(2),
        from: at("2026-04-10T12:00:00Z"),
        until: at("2026-05-10T12:00:00Z"),
    });
    let renewed = append(StreamId::new("team", team(1).to_string()), encode(&renewed).unwrap());
    let settled = overtaken(&till, renewed).await.settle_payment(&actor(), first).await.unwrap();
    assert_eq!(settled, Settlement::Nothing);
    assert_eq!(till.activations().await, [second, first]);
    assert!(!till.events().await.iter().any(|(_, event)| matches!(event, PaymentEvent::RefundDue(_))));
}
