//! A payment backend that does what a test tells it, and the signatures of its callbacks.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::payment::{ObservedStatus, PaymentSubmitted, Submission};
use domain::{ExternalPaymentId, Money, PaymentId};
use http::request::Builder;
use ring::hmac;
use standardwebhooks::Webhook;
use store::payments::{BackendError, Order, PaymentBackend, Polled};
use tokio::sync::watch;

use super::WEBHOOK_SECRET;

/// How it is about everything that it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Does it.
    Well,
    /// Says no to whatever would change anything; it still tells.
    Refusing,
    /// Does not know us.
    Strict,
    /// Does it, and its answer is lost.
    Mute,
    /// Is not asked at all.
    Resting,
    /// Does not answer for as long as it is so.
    Hanging,
}

pub(crate) struct FakeBackend {
    mood: watch::Sender<Mood>,
    /// What a poll tells.
    told: Mutex<ObservedStatus>,
    orders: Mutex<Vec<Order>>,
    polls: Mutex<usize>,
    cancels: Mutex<usize>,
}

impl Default for FakeBackend {
    fn default() -> Self {
        Self {
            mood: watch::Sender::new(Mood::Well),
            told: Mutex::new(ObservedStatus::Pending),
            orders: Mutex::default(),
            polls: Mutex::default(),
            cancels: Mutex::default(),
        }
    }
}

/// What it calls a payment.
pub(crate) fn name_of(payment: &str) -> String {
    format!("ext-{payment}")
}

impl FakeBackend {
    pub(crate) fn is(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// From now on a poll tells this.
    pub(crate) fn tells(&self, status: ObservedStatus) {
        *self.told.lock().unwrap() = status;
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.orders.lock().unwrap().clone()
    }

    pub(crate) fn polls(&self) -> usize {
        *self.polls.lock().unwrap()
    }

    pub(crate) fn cancels(&self) -> usize {
        *self.cancels.lock().unwrap()
    }

    async fn done<T>(&self, answer: T) -> Result<T, BackendError> {
        let mut moods = self.mood.subscribe();
        let mood = *moods.wait_for(|mood| *mood != Mood::Hanging).await.unwrap();
        match mood {
            Mood::Well | Mood::Hanging => Ok(answer),
            Mood::Refusing => Err(BackendError::Refused { reason: "400 Bad Request".into() }),
            Mood::Strict => Err(BackendError::Unauthorised),
            Mood::Mute => Err(BackendError::Unanswered { what: "timed out after 10 s".into() }),
            Mood::Resting => self.ready().map(|()| answer),
        }
    }
}

#[async_trait]
impl PaymentBackend for FakeBackend {
    fn ready(&self) -> Result<(), BackendError> {
        match *self.mood.borrow() {
            Mood::Resting => Err(BackendError::Resting { retry_after: Duration::from_secs(20) }),
            Mood::Well | Mood::Refusing | Mood::Strict | Mood::Mute | Mood::Hanging => Ok(()),
        }
    }

    async fn initiate(&self, order: &Order) -> Result<Submission, BackendError> {
        self.orders.lock().unwrap().push(order.clone());
        let name = name_of(&order.payment_id.to_string());
        let submitted = PaymentSubmitted {
            payment_url: Some(format!("https://pay.example/p/{name}")),
            external_payment_id: name.parse().unwrap(),
            qr_code: None,
            expires_at: None,
        };
        self.done(Submission { submitted, processing: false }).await
    }

    async fn poll(&self, _: &ExternalPaymentId, _: Money) -> Result<Polled, BackendError> {
        *self.polls.lock().unwrap() += 1;
        let status = *self.told.lock().unwrap();
        let polled = Polled { status, transaction_id: None, completed_at: None };
        if *self.mood.borrow() == Mood::Refusing { Ok(polled) } else { self.done(polled).await }
    }

    async fn cancel(&self, _: PaymentId, _: &ExternalPaymentId) -> Result<(), BackendError> {
        *self.cancels.lock().unwrap() += 1;
        self.done(()).await
    }
}

/// Signs by Standard Webhooks, with other people's code.
pub(crate) fn sign(request: Builder, id: &str, at: DateTime<Utc>, body: &str) -> Builder {
    let signature = Webhook::new(WEBHOOK_SECRET).unwrap().sign(id, at.timestamp(), body.as_bytes()).unwrap();
    request
        .header("webhook-id", id)
        .header("webhook-timestamp", at.timestamp())
        .header("webhook-signature", signature)
}

/// Signs the body alone.
pub(crate) fn sign_legacy(request: Builder, body: &str) -> Builder {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret of the tests!");
    let tag = hmac::sign(&key, body.as_bytes());
    request.header("x-payment-signature", format!("sha256={}", hex::encode(tag)))
}
