//! A delivery as its events have made it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::DeliveryEvent;

/// A delivery, as far as decisions need it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// Nothing came of it yet.
    #[default]
    Due,
    /// It is tried again and again.
    Delayed {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// It got there.
    Delivered,
    /// It is not tried any more.
    GivenUp,
}

impl Delivery {
    /// Takes in one event.
    pub const fn evolve(&mut self, event: &DeliveryEvent) {
        *self = match event {
            DeliveryEvent::DeliveryDelayed(delayed) => Self::Delayed { since: delayed.at },
            DeliveryEvent::Delivered(_) => Self::Delivered,
            DeliveryEvent::DeliveryGivenUp(_) => Self::GivenUp,
        };
    }
}
