//! One payment: what was ordered, the states it goes through, and what its amount makes of it.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use iso_currency::Currency;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::ledger::CallbackView;
use crate::money::Money;

/// The phone number of everyone who pays by mobile money here. It is told as real backends tell real ones: personal
/// data that must not show up in any log.
pub const PHONE_NUMBER: &str = "+221770001234";

/// The contract's five states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has paid yet.
    Pending,
    /// Somebody is paying.
    Processing,
    /// It is paid.
    Completed,
    /// It was refused.
    Failed,
    /// It was given up.
    Cancelled,
}

/// How the payer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    MobileMoney,
    CreditCard,
}

/// What the customer ordered.
#[derive(Debug)]
pub(crate) struct Order {
    /// The customer's own name of it.
    pub(crate) payment_id: String,
    pub(crate) money: Money,
    pub(crate) method: Method,
    pub(crate) callback_url: Url,
    /// For the payer to recognise it by.
    pub(crate) team: Option<String>,
    pub(crate) plan: Option<String>,
    pub(crate) description: Option<String>,
}

/// What was really taken.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) money: Money,
    pub(crate) at: DateTime<Utc>,
    pub(crate) transaction_id: String,
    pub(crate) provider_reference: String,
}

/// What becomes of a payment that the payer does nothing about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Settles { after: Duration, becomes: Status },
    WaitsForPayer,
}

#[derive(Debug)]
pub(crate) struct Payment {
    /// Ours, and in the order of creation.
    pub(crate) id: String,
    pub(crate) order: Order,
    pub(crate) status: Status,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) capture: Option<Capture>,
    pub(crate) cancelled_at: Option<DateTime<Utc>>,
    /// The `Idempotency-Key` that it was ordered with.
    pub(crate) ordered_by: Option<String>,
    /// Those that it was cancelled with.
    pub(crate) cancelled_by: Vec<String>,
    /// How many times its status was asked for.
    pub(crate) asked: u32,
    /// How many of these questions are answered.
    pub(crate) answered: u32,
    pub(crate) callbacks: Vec<CallbackView>,
    /// What settles it in time.
    pub(crate) timer: Option<AbortOnDropHandle<Option<()>>>,
}

impl Status {
    /// The contract's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Processing => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }

    /// The states on the way there, this one included: nothing is paid without being paid for a moment.
    pub(crate) fn way_to(self) -> &'static [Self] {
        match self {
            Self::Pending => &[],
            Self::Processing => &[Self::Processing],
            Self::Completed => &[Self::Processing, Self::Completed],
            Self::Failed => &[Self::Failed],
            Self::Cancelled => &[Self::Cancelled],
        }
    }
}

impl Fate {
    /// The amounts that every backend's sandbox treats alike; all others wait for the payer.
    pub(crate) fn of(money: Money, settle_after: Duration) -> Self {
        let settles = |after, becomes| Self::Settles { after, becomes };
        match (money.currency, money.minor) {
            (Currency::EUR, 1) => settles(Duration::ZERO, Status::Completed),
            (Currency::EUR, 2) => settles(Duration::ZERO, Status::Failed),
            (Currency::EUR, 3) => settles(settle_after, Status::Cancelled),
            (Currency::EUR, 300) => settles(settle_after, Status::Completed),
            _ => Self::WaitsForPayer,
        }
    }
}

impl Payment {
    pub(crate) fn new(order: Order, expires_after: Duration) -> Self {
        let created_at = now();
        Self {
            id: format!("sbx_{}", Uuid::now_v7().simple()),
            order,
            status: Status::Pending,
            created_at,
            expires_at: chrono::TimeDelta::from_std(expires_after)
                .ok()
                .and_then(|after| created_at.checked_add_signed(after))
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
            capture: None,
            cancelled_at: None,
            ordered_by: None,
            cancelled_by: vec![],
            asked: 0,
            answered: 0,
            callbacks: vec![],
            timer: None,
        }
    }

    /// Is in this state from now on; `captured` is what is taken if it is completed by that.
    pub(crate) fn enter(&mut self, status: Status, captured: Money) {
        self.status = status;
        match status {
            Status::Completed => {
                self.capture = Some(Capture {
                    money: captured,
                    at: now(),
                    transaction_id: format!("txn_{}", Uuid::new_v4().simple()),
                    provider_reference: format!("ref_{}", Uuid::new_v4().simple()),
                });
            }
            Status::Cancelled => self.cancelled_at = Some(now()),
            Status::Pending | Status::Processing | Status::Failed => {}
        }
    }

    /// Who takes the payer's money, known once somebody began to pay.
    pub(crate) fn provider(&self) -> Option<&'static str> {
        self.somebody_pays().then_some(match self.order.method {
            Method::MobileMoney => "orange_money",
            Method::CreditCard => "stripe",
        })
    }

    /// The payer's, known once somebody began to pay by phone.
    pub(crate) fn phone_number(&self) -> Option<&'static str> {
        (self.somebody_pays() && self.order.method == Method::MobileMoney).then_some(PHONE_NUMBER)
    }

    fn somebody_pays(&self) -> bool {
        match self.status {
            Status::Pending | Status::Cancelled => false,
            Status::Processing | Status::Completed | Status::Failed => true,
        }
    }
}

/// To the millisecond, as it is told.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Status; 5] =
        [Status::Pending, Status::Processing, Status::Completed, Status::Failed, Status::Cancelled];

    #[test]
    fn the_words_are_those_of_the_json() {
        for status in ALL {
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{}\"", status.word()));
        }
    }

    #[test]
    fn only_the_sandbox_amounts_settle_by_themselves() {
        let after = Duration::from_secs(30);
        let fate = |minor, currency| Fate::of(Money { minor, currency }, after);
        let settles = |after, becomes| Fate::Settles { after, becomes };
        assert_eq!(fate(1, Currency::EUR), settles(Duration::ZERO, Status::Completed));
        assert_eq!(fate(2, Currency::EUR), settles(Duration::ZERO, Status::Failed));
        assert_eq!(fate(3, Currency::EUR), settles(after, Status::Cancelled));
        assert_eq!(fate(300, Currency::EUR), settles(after, Status::Completed));
        for (minor, currency) in
            [(4, Currency::EUR), (301, Currency::EUR), (1, Currency::XOF), (300, Currency::USD)]
        {
            assert_eq!(fate(minor, currency), Fate::WaitsForPayer);
        }
    }
}
