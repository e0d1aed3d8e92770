//! Rows of the payment history.

use chrono::{DateTime, Utc};
use domain::payment::{PaymentMethod, Status};
use domain::plan::PlanName;
use domain::{ExternalPaymentId, Money, PaymentId, Slug, TeamId, UserId};

use super::cursor::PaymentCursor;

/// A payment as it stands. Instants are cut to microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// The payment.
    pub payment_id: PaymentId,
    /// The team that it is for.
    pub team_id: TeamId,
    /// Who wanted it.
    pub user_id: UserId,
    /// The plan that it pays for.
    pub plan: PlanName,
    /// Which of the team's paid months it pays: 1 is the first.
    pub period: u32,
    /// What was asked.
    pub amount: Money,
    /// How it is paid.
    pub method: PaymentMethod,
    /// Where it stands.
    pub status: Status,
    /// The payer's own words.
    pub description: Option<String>,
    /// The backend's id of it; none as long as the backend has not told one.
    pub external_payment_id: Option<ExternalPaymentId>,
    /// The provider's id of the transaction, if told.
    pub transaction_id: Option<String>,
    /// Something else was captured than was asked: a person decides.
    pub conflicted: bool,
    /// Its money pays for nothing.
    pub refund_due: bool,
    /// A callback told what only a poll can confirm.
    pub to_confirm: bool,
    /// Somebody wants it called off.
    pub cancellation_requested: bool,
    /// When it expires, if told.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was wanted.
    pub created_at: DateTime<Utc>,
    /// When it was paid, if it was.
    pub completed_at: Option<DateTime<Utc>>,
    /// When its last event was recorded.
    pub updated_at: DateTime<Utc>,
}

/// Which of a team's payments are wanted; by default all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Only those that stand here.
    pub status: Option<Status>,
    /// Only those that are paid like this.
    pub method: Option<PaymentMethod>,
    /// Only those created at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Only those created before this instant.
    pub until: Option<DateTime<Utc>>,
}

/// A payment whose money a person has to decide about: it is conflicted, or its refund is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlaggedPayment {
    /// The payment.
    pub payment: PaymentRow,
    /// Its team's slug; none when the team is gone.
    pub team: Option<Slug>,
}

/// How many payments a person has to decide about, or had to: what was decided shows at the payment backend only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlaggedCounts {
    /// Something else was captured than was asked.
    pub conflicted: u64,
    /// Their money pays for nothing.
    pub refund_due: u64,
}

/// Some of a team's payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPage {
    /// The newest first.
    pub payments: Vec<PaymentRow>,
    /// Where to go on; none when there are no more.
    pub next: Option<PaymentCursor>,
}
