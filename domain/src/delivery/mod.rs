//! A mail or a webhook that tells of one event, and whether it got there. Stream: `mail:{event_id}:{user_id}` or
//! `webhook:{event_id}`.
//!
//! ```text
//!                DeliveryDelayed            Delivered
//!   (nothing) ────────────────▶ delayed ────────────────▶ delivered, for ever
//!       │                          │                        ▲
//!       │                          │ DeliveryGivenUp        │ Delivered (sent again by hand)
//!       │                          ▼                        │
//!       └──────────────────────▶ given up ──────────────────┘
//! ```
//!
//! What is to be delivered stands in other streams; here is only what came of it. The first failure is recorded and not
//! each: it says since when somebody tries.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

pub use command::DeliveryCommand;
pub use decide::decide;
pub use event::{Delivered, DeliveryDelayed, DeliveryEvent, DeliveryGivenUp};
pub use refusal::{DeliveryRefusal, LONGEST_REASON};
pub use state::Delivery;

use crate::{EventId, IdError, UserId};

/// Names what is delivered: the event that it tells of, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryId {
    /// A mail to a member.
    Mail {
        /// The event that it tells of.
        event_id: EventId,
        /// The member.
        user_id: UserId,
    },
    /// A webhook to the PaaS.
    Webhook {
        /// The event that it tells of.
        event_id: EventId,
    },
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail { event_id, user_id } => write!(f, "mail:{event_id}:{}", user_id.0),
            Self::Webhook { event_id } => write!(f, "webhook:{event_id}"),
        }
    }
}

impl FromStr for DeliveryId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let event_id = |text: &str| text.parse::<EventId>().map_err(|_| IdError::NotADeliveryId);
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("mail"), Some(event), Some(user), None) => {
                let user_id = UserId(user.parse().map_err(|_| IdError::NotADeliveryId)?);
                Ok(Self::Mail { event_id: event_id(event)?, user_id })
            }
            (Some("webhook"), Some(event), None, None) => Ok(Self::Webhook { event_id: event_id(event)? }),
            _ => Err(IdError::NotADeliveryId),
        }
    }
}

impl Aggregate for Delivery {
    const TYPE: &'static str = "delivery";
    type Command = DeliveryCommand;
    type Event = DeliveryEvent;
    type Error = DeliveryRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: DeliveryCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), DeliveryRefusal> {
        for event in decide(self, command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: DeliveryEvent) {
        self.evolve(&event);
    }
}
