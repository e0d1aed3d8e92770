//! What came of a delivery is recorded once.

use domain::delivery::{Delivery, DeliveryCommand};
use domain::{DeliveryId, EventId, UserId};
use servelink_store::commands::CommandError;

use crate::world::{World, actor, at};

#[tokio::test]
async fn an_outcome_is_recorded_once() {
    let world = World::new().await;
    let id = DeliveryId::Mail { event_id: EventId::from_bytes([1; 16]), user_id: UserId(7) };
    assert_eq!(world.commands.delivery(id).await.unwrap(), Delivery::Due);
    let since = at("2026-03-10T12:00:00Z");
    let delay = || DeliveryCommand::Delay { at: since, reason: "down".into() };
    let first = world.commands.record_delivery(&actor(), id, delay()).await.unwrap();
    assert_eq!(world.commands.record_delivery(&actor(), id, delay()).await.unwrap(), first);
    assert_eq!(world.commands.delivery(id).await.unwrap(), Delivery::Delayed { since });
    let delivered = DeliveryCommand::Deliver { at: at("2026-03-10T12:05:00Z") };
    let second = world.commands.record_delivery(&actor(), id, delivered).await.unwrap();
    assert!(second > first);
    assert_eq!(world.commands.record_delivery(&actor(), id, delay()).await.unwrap(), second);
    let webhook = DeliveryId::Webhook { event_id: EventId::from_bytes([1; 16]) };
    assert_eq!(world.commands.delivery(webhook).await.unwrap(), Delivery::Due, "another one");
    let long = DeliveryCommand::GiveUp { at: since, reason: "x".repeat(501) };
    let refused = world.commands.record_delivery(&actor(), webhook, long).await.unwrap_err();
    assert!(matches!(refused, CommandError::Delivery(_)) && refused.refusal().is_some(), "{refused}");
}
