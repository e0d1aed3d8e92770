//! Webhooks to the PaaS.

use chrono::{DateTime, Utc};
use domain::DeliveryId;
use projections::PendingDelivery;
use projections::deliveries::{Channel, News};
use uuid::Uuid;

use super::{Failure, Retries, Transport};
use crate::webhook::{Message, Payload, WebhookSender};

/// Sends webhooks.
pub struct WebhookTransport {
    sender: WebhookSender,
}

impl WebhookTransport {
    /// Through this sender.
    #[must_use]
    pub const fn new(sender: WebhookSender) -> Self {
        Self { sender }
    }
}

impl Transport for WebhookTransport {
    const CHANNEL: Channel = Channel::Webhook;
    const JOB: &'static str = "webhooks";
    const AT_ONCE: usize = 8;
    const RETRIES: Retries = Retries::WEBHOOK;

    async fn send(&self, delivery: &PendingDelivery, at: DateTime<Utc>) -> Result<(), Failure> {
        let message = message(delivery, at).ok_or_else(|| Failure::permanent("no webhook tells of this"))?;
        Ok(self.sender.send(&message).await?)
    }
}

/// Its body is the same at every try: it names the team as it was called then.
fn message(delivery: &PendingDelivery, at: DateTime<Utc>) -> Option<Message> {
    let (DeliveryId::Webhook { event_id } | DeliveryId::Mail { event_id, .. }) = delivery.id;
    let told = match &delivery.told.news {
        News::Team(event) => event,
        News::PaymentConfirmed { .. } | News::PaymentConflicted { .. } | News::PaymentFailed { .. } => {
            return None;
        }
    };
    let payload = Payload::of(delivery.team_id, Some(&delivery.told.slug), told, delivery.due_at)?;
    let id = Uuid::parse_str(&event_id.to_string()).ok()?;
    Some(Message { id, at, body: payload.to_body().ok()? })
}
