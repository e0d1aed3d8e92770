//! What happens to a delivery. Every version ever written stays readable (`golden/delivery`).

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

/// An event of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryEvent {
    /// The first try failed, and it is tried again.
    DeliveryDelayed(DeliveryDelayed),
    /// It got there.
    Delivered(Delivered),
    /// It is not tried any more.
    DeliveryGivenUp(DeliveryGivenUp),
}

/// The first try failed, and it is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDelayed {
    /// When it was tried.
    pub at: DateTime<Utc>,
    /// Why not, without anything personal.
    pub reason: String,
}

/// It got there: whoever took it has answered for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// When.
    pub at: DateTime<Utc>,
}

/// It is not tried any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryGivenUp {
    /// When it was tried last.
    pub at: DateTime<Utc>,
    /// Why not, without anything personal.
    pub reason: String,
}

impl DomainEvent for DeliveryEvent {
    fn event_type(&self) -> String {
        match self {
            Self::DeliveryDelayed(_) => "DeliveryDelayed",
            Self::Delivered(_) => "Delivered",
            Self::DeliveryGivenUp(_) => "DeliveryGivenUp",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
