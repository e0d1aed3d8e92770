//! A payment backend in memory that does what the test tells it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::payment::{Capture, ObservedStatus, PaymentSubmitted, Status, Submission};
use domain::{ExternalPaymentId, Money, PaymentId};
use servelink_store::payments::{BackendError, Order, PaymentBackend, Polled};

use crate::payments::Till;

/// What it does with what it is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Well,
    /// Does what it is asked, and its answer is lost.
    Mute,
    /// Says no, for good.
    Refusing,
    /// Does not accept our key.
    Strict,
    /// Is not asked.
    Resting,
}

#[derive(Default)]
pub struct Backend {
    state: Mutex<State>,
    /// Told of every new payment before the answer is given.
    pub before_answer: Mutex<Option<Arc<Till>>>,
    /// When new payments expire.
    pub expires_at: Mutex<Option<DateTime<Utc>>>,
}

#[derive(Default)]
struct State {
    mood: Mood,
    payments: BTreeMap<String, (PaymentId, ObservedStatus)>,
    asked: usize,
}

impl Backend {
    pub fn set_mood(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// The payments it has, by its own names.
    pub fn payments(&self) -> Vec<String> {
        self.state.lock().unwrap().payments.keys().cloned().collect()
    }

    /// It has one more link for this payment.
    pub fn open_another(&self, name: &str, id: PaymentId) {
        self.state.lock().unwrap().payments.insert(name.into(), (id, ObservedStatus::Pending));
    }

    /// How often it was asked for a payment.
    pub fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// It has never heard of this payment.
    pub fn forget(&self, name: &str) {
        self.state.lock().unwrap().payments.remove(name);
    }

    pub fn set(&self, name: &str, status: ObservedStatus) {
        let mut state = self.state.lock().unwrap();
        state.payments.get_mut(name).unwrap().1 = status;
    }

    fn answer<T>(&self, answer: T) -> Result<T, BackendError> {
        match self.state.lock().unwrap().mood {
            Mood::Mute => Err(BackendError::Unanswered { what: "lost".into() }),
            Mood::Well | Mood::Refusing | Mood::Strict | Mood::Resting => Ok(answer),
        }
    }
}

pub fn name_of(id: PaymentId) -> ExternalPaymentId {
    format!("x-{id}").parse().unwrap()
}

#[async_trait]
impl PaymentBackend for Backend {
    fn ready(&self) -> Result<(), BackendError> {
        match self.state.lock().unwrap().mood {
            Mood::Resting => Err(BackendError::Resting { retry_after: std::time::Duration::from_secs(9) }),
            Mood::Well | Mood::Mute | Mood::Refusing | Mood::Strict => Ok(()),
        }
    }

    async fn initiate(&self, order: &Order) -> Result<Submission, BackendError> {
        let name = name_of(order.payment_id);
        {
            let mut state = self.state.lock().unwrap();
            state.asked += 1;
            if state.mood == Mood::Refusing {
                return Err(BackendError::Refused { reason: "400 Bad Request".into() });
            }
            if state.mood == Mood::Strict {
                return Err(BackendError::Unauthorised);
            }
            let new = (order.payment_id, ObservedStatus::Pending);
            state.payments.entry(name.to_string()).or_insert(new);
        }
        let till = self.before_answer.lock().unwrap().clone();
        if let Some(till) = till {
            assert_eq!(
                till.status(order.payment_id).await,
                Status::Pending,
                "it is recorded before it is asked"
            );
            self.set(name.as_str(), ObservedStatus::Completed(Capture::NotTold));
            till.callback(name.as_str(), "early", ObservedStatus::Completed(Capture::NotTold)).await;
        }
        let submitted = PaymentSubmitted {
            payment_url: Some(format!("https://pay.example/{name}")),
            external_payment_id: name,
            qr_code: None,
            expires_at: *self.expires_at.lock().unwrap(),
        };
        self.answer(Submission { submitted, processing: false })
    }

    async fn poll(&self, id: &ExternalPaymentId, _: Money) -> Result<Polled, BackendError> {
        let status = self.state.lock().unwrap().payments.get(id.as_str()).map(|(_, status)| *status);
        let status = status.ok_or(BackendError::Unknown)?;
        self.answer(Polled { status, transaction_id: Some(format!("tx-{id}")), completed_at: None })
    }

    async fn cancel(&self, _: PaymentId, id: &ExternalPaymentId) -> Result<(), BackendError> {
        {
            let mut state = self.state.lock().unwrap();
            let (_, status) = state.payments.get_mut(id.as_str()).ok_or(BackendError::Unknown)?;
            if matches!(status, ObservedStatus::Completed(_) | ObservedStatus::Failed) {
                return Err(BackendError::Refused { reason: "400 Bad Request".into() });
            }
            *status = ObservedStatus::Cancelled;
        }
        self.answer(())
    }
}
