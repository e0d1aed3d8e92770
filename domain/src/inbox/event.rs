//! What happens to an external id. Every version ever written stays readable (`golden/inbox`).

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::PaymentId;
use crate::payment::ObservedStatus;

/// An event of one external id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InboxEvent {
    /// A callback waits for its payment.
    CallbackParked(CallbackParked),
    /// The id is a payment's.
    PaymentMatched(PaymentMatched),
}

/// A callback waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackParked {
    /// SHA-256 of its body, in hex.
    pub digest: String,
    /// Where it says that the payment stands.
    pub status: ObservedStatus,
    /// The provider's id of the transaction, if told.
    pub transaction_id: Option<String>,
    /// When it happened, as told, else when it came.
    pub at: DateTime<Utc>,
    /// Whether its word is enough.
    pub trusted: bool,
}

/// The id is a payment's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMatched {
    /// Whose.
    pub payment_id: PaymentId,
}

impl DomainEvent for InboxEvent {
    fn event_type(&self) -> String {
        match self {
            Self::CallbackParked(_) => "CallbackParked",
            Self::PaymentMatched(_) => "PaymentMatched",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
