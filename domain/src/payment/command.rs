//! What can be asked of a payment, and what its backend may tell of it.

use chrono::{DateTime, Utc};

use serde::{Deserialize, Serialize};

use super::event::{PaymentInitiated, PaymentSubmitted};
use crate::{ExternalPaymentId, Money, UserId};

/// A command to one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentCommand {
    /// A member of the team wants to pay. Recorded before the backend hears of it.
    Initiate(PaymentInitiated),
    /// The backend took the payment on.
    Submit(Submission),
    /// The backend refused the payment for good.
    RefuseSubmission {
        /// Why, in its words or ours.
        reason: String,
    },
    /// The backend told where the payment stands.
    Observe(Observation),
    /// A member of the team wants it cancelled. The backend decides.
    RequestCancellation {
        /// Who.
        by: UserId,
        /// When.
        at: DateTime<Utc>,
    },
    /// The backend was asked, and it is not paid as asked: if its time is over, it ends.
    Expire {
        /// When it was asked: before its answer.
        asked_at: DateTime<Utc>,
        /// What it said.
        unpaid: Unpaid,
    },
    /// Its money pays for nothing: the period is paid by another payment.
    OweRefund {
        /// Why, for people to read.
        why: String,
    },
    /// A callback came, whatever it is worth.
    TakeCallback {
        /// SHA-256 of its body, in hex.
        digest: String,
        /// What it tells, `via` a callback.
        observation: Observation,
        /// Whether its word is enough: the signature covers an id and a time. Else a poll decides.
        trusted: bool,
    },
}

/// The backend's answer to a payment that it took on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// What is recorded of it.
    pub submitted: PaymentSubmitted,
    /// Whether it is being processed already.
    pub processing: bool,
}

/// Where the backend says that a payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// How we know.
    pub via: Via,
    /// The backend's id of the payment.
    pub external_payment_id: ExternalPaymentId,
    /// Where it stands.
    pub status: ObservedStatus,
    /// The provider's id of the transaction, if told.
    pub transaction_id: Option<String>,
    /// When it happened, as told, else when we heard of it.
    pub at: DateTime<Utc>,
}

/// How an observation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The backend called us; its signature was verified.
    Callback,
    /// We asked the backend: the only word that brings back what was failed or cancelled.
    Poll,
    /// The backend's answer to a cancellation.
    Cancellation,
}

/// Where a backend says that a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedStatus {
    /// Nothing has happened.
    Pending,
    /// The payer is paying.
    Processing,
    /// It is paid.
    Completed(Capture),
    /// It will not be paid.
    Failed,
    /// It was called off.
    Cancelled,
}

/// What a backend says of a payment that is not paid as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpaid {
    /// Nothing has happened.
    Pending,
    /// The payer is paying, it says.
    Processing,
    /// Something else was captured than was asked.
    OtherMoney,
    /// It does not know the payment.
    Unknown,
    /// It has never told what it calls the payment: nobody has got a link to pay at.
    Unnamed,
}

/// What was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// This much, says the backend.
    Told(Money),
    /// The backend does not say how much: it is taken at its word for what was asked.
    NotTold,
}
