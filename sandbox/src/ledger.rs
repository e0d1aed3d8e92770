//! All payments, in memory and within bounds.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::callbacks::Callback;
use crate::payment::{Payment, Status};

/// Payments that are kept. Beyond, the oldest that is final makes room.
const PAYMENTS: usize = 10_000;
/// Keys of cancellations that are kept of one payment.
const CANCEL_KEYS: usize = 16;

/// A payment and how it was told, as tests and curious users may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentView {
    /// The sandbox's name of it.
    pub external_payment_id: String,
    /// The customer's name of it.
    pub payment_id: String,
    /// Where it is now.
    pub status: Status,
    /// What was ordered, in major units with all digits of its currency: `3.00`.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// When it was ordered.
    pub created_at: DateTime<Utc>,
    /// When it is cancelled if nobody pays.
    pub expires_at: DateTime<Utc>,
    /// How many times its status was asked for.
    pub asked: u32,
    /// How many of these questions are answered, in whatever way.
    pub answered: u32,
    /// The callbacks that told it, in the order of what they tell.
    pub callbacks: Vec<CallbackView>,
}

/// A callback and how it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackView {
    /// The same in every try.
    pub id: String,
    /// What it tells.
    pub status: Status,
    /// How many times it was sent, duplicates included.
    pub tries: u32,
    /// The status of the last answer; none when none came.
    pub last_answer: Option<u16>,
    /// Whether an answer was 2xx.
    pub taken: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By our id, which sorts by age.
    payments: BTreeMap<String, Payment>,
    /// Our id by the `Idempotency-Key` of the order.
    ordered: HashMap<String, String>,
}

/// Every payment that is kept is still open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Ledger {
    pub(crate) fn get(&self, id: &str) -> Option<&Payment> {
        self.payments.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Payment> {
        self.payments.get_mut(id)
    }

    /// The payment that was ordered with this key.
    pub(crate) fn ordered_by(&self, key: &str) -> Option<&String> {
        self.ordered.get(key)
    }

    pub(crate) fn insert(&mut self, payment: Payment) -> Result<(), Full> {
        if self.payments.len() >= PAYMENTS {
            let oldest = self.payments.values().find(|payment| payment.status.is_final());
            let oldest = oldest.map(|payment| payment.id.clone()).ok_or(Full)?;
            let key = self.payments.remove(&oldest).and_then(|payment| payment.ordered_by);
            key.and_then(|key| self.ordered.remove(&key));
        }
        if let Some(key) = &payment.ordered_by {
            self.ordered.insert(key.clone(), payment.id.clone());
        }
        self.payments.insert(payment.id.clone(), payment);
        Ok(())
    }

    /// Notes how one try of a callback went.
    pub(crate) fn note(&mut self, payment: &str, callback: &str, answer: Option<u16>, taken: bool) {
        let callbacks = self.payments.get_mut(payment).map(|payment| payment.callbacks.iter_mut());
        if let Some(noted) = callbacks.into_iter().flatten().find(|noted| noted.id == callback) {
            noted.tries += 1;
            noted.last_answer = answer;
            noted.taken |= taken;
        }
    }

    /// The latest first.
    pub(crate) fn latest(&self) -> impl Iterator<Item = &Payment> {
        self.payments.values().rev()
    }

    /// The oldest first.
    pub(crate) fn views(&self) -> Vec<PaymentView> {
        self.payments.values().map(PaymentView::of).collect()
    }
}

impl Payment {
    /// Remembers the key of a cancellation.
    pub(crate) fn note_cancel_key(&mut self, key: Option<String>) {
        if let Some(key) = key.filter(|_| self.cancelled_by.len() < CANCEL_KEYS) {
            self.cancelled_by.push(key);
        }
    }
}

impl CallbackView {
    /// Not sent yet.
    pub(crate) fn of(callback: &Callback) -> Self {
        Self { id: callback.id.clone(), status: callback.status, tries: 0, last_answer: None, taken: false }
    }
}

impl PaymentView {
    fn of(payment: &Payment) -> Self {
        Self {
            external_payment_id: payment.id.clone(),
            payment_id: payment.order.payment_id.clone(),
            status: payment.status,
            amount: payment.order.money.major(),
            currency: payment.order.money.currency.code().to_owned(),
            created_at: payment.created_at,
            expires_at: payment.expires_at,
            asked: payment.asked,
            answered: payment.answered,
            callbacks: payment.callbacks.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use iso_currency::Currency;

    use super::*;
    use crate::money::Money;
    use crate::payment::{Method, Order};

    const THREE: Money = Money { minor: 300, currency: Currency::EUR };

    fn payment(number: usize) -> Payment {
        let order = Order {
            payment_id: number.to_string(),
            money: THREE,
            method: Method::CreditCard,
            callback_url: "http://127.0.0.1/".parse().unwrap(),
            team: None,
            plan: None,
            description: None,
        };
        let ordered_by = Some(format!("key {number}"));
        Payment { ordered_by, ..Payment::new(order, Duration::from_secs(60)) }
    }

    #[test]
    fn the_oldest_that_is_final_makes_room() {
        let mut ledger = Ledger::default();
        for number in 0..PAYMENTS {
            ledger.insert(payment(number)).unwrap();
        }
        assert_eq!(ledger.insert(payment(PAYMENTS)), Err(Full), "every one is open");
        for number in [7, 9] {
            let id = ledger.views()[number].external_payment_id.clone();
            ledger.get_mut(&id).unwrap().enter(Status::Failed, THREE);
        }
        ledger.insert(payment(PAYMENTS)).unwrap();
        let views = ledger.views();
        assert_eq!(views.len(), PAYMENTS);
        assert_eq!((views[7].payment_id.as_str(), views[PAYMENTS - 1].payment_id.as_str()), ("8", "10000"));
        assert!(ledger.ordered_by("key 7").is_none(), "its key goes with it");
        assert_eq!(ledger.ordered_by("key 10000"), Some(&views[PAYMENTS - 1].external_payment_id));
    }
}
