//! [`PaymentBackend`]: what Servelink asks of the service that takes the money. The HTTP client that speaks the wire
//! contract is the workers' room; here is only what can be asked and what can come of it.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::payment::{ObservedStatus, PaymentMethod, Submission};
use domain::plan::PlanName;
use domain::{EmailAddress, ExternalPaymentId, Money, PaymentId, TeamId, UserId};

/// A payment as it is asked of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Ours, and the backend's reference.
    pub payment_id: PaymentId,
    /// What is to be paid.
    pub amount: Money,
    /// How.
    pub method: PaymentMethod,
    /// The payer's own words.
    pub description: Option<String>,
    /// The team that it is for.
    pub team_id: TeamId,
    /// What people call the team.
    pub team_name: String,
    /// Who pays.
    pub user_id: UserId,
    /// Where he can be written to, if that is known.
    pub user_email: Option<EmailAddress>,
    /// The plan that it lifts the team to.
    pub plan: PlanName,
}

/// The backend's answer to a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// Where the payment stands.
    pub status: ObservedStatus,
    /// The provider's id of the transaction, if told.
    pub transaction_id: Option<String>,
    /// When it was completed, if told.
    pub completed_at: Option<DateTime<Utc>>,
}

/// Why the backend did not do what it was asked. No message holds a secret or personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// It said no, for good: asking the same again gives the same.
    #[error("the payment backend refused: {reason}")]
    Refused {
        /// What it said, in a line of ours: `400 Bad Request`.
        reason: String,
    },
    /// It does not take our API key: the operator's matter.
    #[error("the payment backend does not accept Servelink's API key (PAYMENT_API_KEY)")]
    Unauthorised,
    /// It does not know the payment (status, cancel).
    #[error("the payment backend does not know the payment")]
    Unknown,
    /// It may have been done or not: the answer was lost, made no sense, or was an internal error.
    #[error("the payment backend gave no usable answer: {what}")]
    Unanswered {
        /// What happened: `timed out after 10 s`, `500 Internal Server Error`, `the answer is not JSON`.
        what: String,
    },
    /// It was not asked at all: it has failed too often lately.
    #[error("the payment backend has failed lately and is not asked for another {} s", retry_after.as_secs())]
    Resting {
        /// When it will be asked again.
        retry_after: Duration,
    },
}

/// The service that takes the money. Every call has a time limit and ends; implementations retry what is safe.
#[async_trait]
pub trait PaymentBackend: Send + Sync + 'static {
    /// Whether a call would be made at all, so that nothing need be recorded when it would not.
    ///
    /// # Errors
    /// [`BackendError::Resting`].
    fn ready(&self) -> Result<(), BackendError>;

    /// Asks for a payment. Asking again with the same order gives the same payment, where the backend honours the
    /// idempotency key.
    ///
    /// # Errors
    /// [`BackendError`]: of these, `Refused` and `Unauthorised` mean that nothing was begun.
    async fn initiate(&self, order: &Order) -> Result<Submission, BackendError>;

    /// Asks where a payment stands.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn poll(&self, id: &ExternalPaymentId, asked: Money) -> Result<Polled, BackendError>;

    /// Asks to call a payment off. `Ok` means that it is cancelled.
    ///
    /// # Errors
    /// [`BackendError`]: `Refused` means that it is too late.
    async fn cancel(&self, payment_id: PaymentId, id: &ExternalPaymentId) -> Result<(), BackendError>;
}
