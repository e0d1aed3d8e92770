//! A payment as its events have made it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::{PaymentEvent, PaymentInitiated, Verdict};
use crate::ExternalPaymentId;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing has happened.
    #[default]
    Unknown,
    /// It is recorded, and perhaps with the backend.
    Pending,
    /// The payer is paying.
    Processing,
    /// It is paid, for ever.
    Completed,
    /// It is not paid.
    Failed,
    /// It was called off.
    Cancelled,
}

impl Status {
    /// Whether it may still be paid.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Processing => true,
            Self::Unknown | Self::Completed | Self::Failed | Self::Cancelled => false,
        }
    }

    /// The word for it in answers and read models.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A capture that was not asked for: minor units, currency code, and the id it was made under if not the payment's own.
pub type Conflict = (i64, String, Option<ExternalPaymentId>);

/// A payment, as far as decisions need it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Where it stands.
    pub status: Status,
    /// What it is for.
    pub initiated: Option<PaymentInitiated>,
    /// The backend's id of it.
    pub external_payment_id: Option<ExternalPaymentId>,
    /// Where the payer goes.
    pub payment_url: Option<String>,
    /// A QR code of it as a data URL, if the backend drew one.
    pub qr_code: Option<String>,
    /// When it expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// Somebody wants it called off.
    pub cancellation_requested: bool,
    /// Something else was captured than was asked, each once.
    pub conflicts: BTreeSet<Conflict>,
    /// Its money pays for nothing.
    pub refund_due: bool,
    /// Callbacks that came, by digest, and what was made of each.
    pub callbacks: BTreeMap<String, Verdict>,
    /// A callback told what only a poll can confirm.
    pub to_confirm: bool,
    /// The other links that the backend has for it and that are asked about; and of each, whether a callback told of money
    /// by it that only a poll can confirm.
    pub second_links: BTreeMap<ExternalPaymentId, bool>,
}

impl Payment {
    /// Whether this is a second link that is still asked about: no money came by it so far.
    #[must_use]
    pub fn follows(&self, link: &ExternalPaymentId) -> bool {
        self.second_links.contains_key(link) && !self.was_paid_by(link)
    }

    /// Whether money came by this link, which is not the payment's own. A link captures once.
    #[must_use]
    pub fn was_paid_by(&self, link: &ExternalPaymentId) -> bool {
        self.conflicts.iter().any(|(_, _, paid)| paid.as_ref() == Some(link))
    }

    /// Takes in one event.
    pub fn evolve(&mut self, event: &PaymentEvent) {
        match event {
            PaymentEvent::PaymentInitiated(initiated) => {
                self.status = Status::Pending;
                self.initiated = Some(initiated.clone());
            }
            PaymentEvent::PaymentSubmitted(submitted) => {
                self.external_payment_id = Some(submitted.external_payment_id.clone());
                self.payment_url = submitted.payment_url.clone().or(self.payment_url.take());
                self.qr_code = submitted.qr_code.clone().or(self.qr_code.take());
                self.expires_at = submitted.expires_at.or(self.expires_at);
            }
            PaymentEvent::PaymentProcessing(_) => self.status = Status::Processing,
            PaymentEvent::PaymentCompleted(_) => self.status = Status::Completed,
            PaymentEvent::PaymentFailed(_) => self.status = Status::Failed,
            PaymentEvent::CancellationRequested(_) => self.cancellation_requested = true,
            PaymentEvent::PaymentCancelled(_) => self.status = Status::Cancelled,
            PaymentEvent::PaymentConflicted(conflicted) => {
                let (captured, id) = (conflicted.captured, conflicted.external_payment_id.clone());
                self.conflicts.insert((captured.minor, captured.currency.code().to_owned(), id));
            }
            PaymentEvent::RefundDue(_) => self.refund_due = true,
            PaymentEvent::CallbackReceived(callback) => {
                self.callbacks.insert(callback.digest.clone(), callback.verdict);
                let to_confirm = callback.verdict == Verdict::ToConfirm;
                match &callback.external_payment_id {
                    Some(link) if to_confirm => drop(self.second_links.insert(link.clone(), true)),
                    Some(_) => {}
                    None => self.to_confirm |= to_confirm,
                }
            }
            PaymentEvent::SecondLinkFound(found) => {
                self.second_links.entry(found.external_payment_id.clone()).or_default();
            }
        }
    }
}
