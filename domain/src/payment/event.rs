//! What happens to a payment. Every version ever written stays readable (`golden/payment`).

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::plan::PlanName;
use crate::{ExternalPaymentId, Money, TeamId, UserId};

/// An event of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentEvent {
    /// A member of the team wants to pay.
    PaymentInitiated(PaymentInitiated),
    /// The backend took it on.
    PaymentSubmitted(PaymentSubmitted),
    /// The payer is paying.
    PaymentProcessing(PaymentProcessing),
    /// It is paid, exactly as asked.
    PaymentCompleted(PaymentCompleted),
    /// It will not be paid.
    PaymentFailed(PaymentFailed),
    /// Somebody wants it called off.
    CancellationRequested(CancellationRequested),
    /// It was called off.
    PaymentCancelled(PaymentCancelled),
    /// Something else was captured than was asked.
    PaymentConflicted(PaymentConflicted),
    /// Its money pays for nothing.
    RefundDue(RefundDue),
    /// A callback came.
    CallbackReceived(CallbackReceived),
    /// The backend has another link for it.
    SecondLinkFound(SecondLinkFound),
}

/// How the payer pays. The wire's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// Orange Money, Wave, MTN, Moov and the like.
    MobileMoney,
    /// A card.
    CreditCard,
}

/// A member of the team wants to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentInitiated {
    /// The team that it is for.
    pub team_id: TeamId,
    /// Who wants it.
    pub user_id: UserId,
    /// The plan that it pays for, for one calendar month.
    pub plan: PlanName,
    /// Which of the team's paid months it pays: 1 is the first that the team ever pays. Of several payments for one
    /// period, one activates the plan and the others are due for a refund.
    pub period: u32,
    /// What the plan costs.
    pub amount: Money,
    /// How it is paid.
    pub method: PaymentMethod,
    /// The payer's own words; never a card number ([`crate::card`]).
    pub description: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The backend took the payment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentSubmitted {
    /// The backend's id of the payment.
    pub external_payment_id: ExternalPaymentId,
    /// Where the payer goes; none when it was told by a callback before the answer, or the answer was lost.
    pub payment_url: Option<String>,
    /// A QR code as a data URL, if the backend drew one.
    pub qr_code: Option<String>,
    /// When it expires, if told.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The payer is paying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentProcessing {
    /// Since when.
    pub at: DateTime<Utc>,
}

/// It is paid, exactly as asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCompleted {
    /// The provider's id of the transaction, if told.
    pub transaction_id: Option<String>,
    /// What was captured: always what was asked.
    pub captured: Money,
    /// Whether the backend told the amount, or was taken at its word.
    pub told: bool,
    /// When.
    pub completed_at: DateTime<Utc>,
}

/// It will not be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFailed {
    /// Why, for the operator to read.
    pub reason: String,
    /// Why, for the payer to be told in his own language; none in events that are older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<FailureCause>,
}

/// Why a payment will not be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The backend did not take it on.
    NotTakenOn,
    /// The backend says that it failed: the payer's provider declined it, for instance.
    Declined,
    /// Its time was over before anybody paid.
    Expired,
    /// Somebody began to pay, and it never came to an end.
    Unfinished,
    /// The backend does not know it, or never said that it does.
    Lost,
    /// Money came, and not as asked: another amount, or by a second link. It must not be paid again: a person decides
    /// first.
    OtherMoney,
}

/// Somebody wants it called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancellationRequested {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: DateTime<Utc>,
}

/// It was called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCancelled {
    /// Since when.
    pub at: DateTime<Utc>,
}

/// Something else was captured than was asked. No plan comes of it; a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentConflicted {
    /// What was asked.
    pub asked: Money,
    /// What the backend says it captured.
    pub captured: Money,
    /// The id that it was captured under, when it is not the payment's own: a second link was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_payment_id: Option<ExternalPaymentId>,
}

/// Its money pays for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundDue {
    /// Why, for people to read.
    pub why: String,
}

/// A callback came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackReceived {
    /// SHA-256 of its body, in hex.
    pub digest: String,
    /// What was made of it.
    pub verdict: Verdict,
    /// The id that it told of, when it is not the payment's own: it is about a second link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_payment_id: Option<ExternalPaymentId>,
}

/// The backend has another link for the payment: it does not honour the idempotency key. From now on that link is asked
/// about too. It never changes the payment; money that is captured by it is a [`PaymentConflicted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondLinkFound {
    /// The backend's id of the link.
    pub external_payment_id: ExternalPaymentId,
}

/// What was made of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was news, and is applied.
    Applied,
    /// It told what was known, or was overtaken by it.
    NoNews,
    /// It may be news, but its word is not enough: a poll decides.
    ToConfirm,
}

impl DomainEvent for PaymentEvent {
    fn event_type(&self) -> String {
        match self {
            Self::PaymentInitiated(_) => "PaymentInitiated",
            Self::PaymentSubmitted(_) => "PaymentSubmitted",
            Self::PaymentProcessing(_) => "PaymentProcessing",
            Self::PaymentCompleted(_) => "PaymentCompleted",
            Self::PaymentFailed(_) => "PaymentFailed",
            Self::CancellationRequested(_) => "CancellationRequested",
            Self::PaymentCancelled(_) => "PaymentCancelled",
            Self::PaymentConflicted(_) => "PaymentConflicted",
            Self::RefundDue(_) => "RefundDue",
            Self::CallbackReceived(_) => "CallbackReceived",
            Self::SecondLinkFound(_) => "SecondLinkFound",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
