//! A callback: what it says of a payment, and sending it once. When it is sent, and again, is the backend's matter.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::payment::{Payment, Status};
use crate::signature::Signer;

/// How long the other side may take to answer.
const TIME_OUT: Duration = Duration::from_secs(30);
/// Callbacks under way at the same time; more wait.
const AT_ONCE: usize = 128;

/// One callback. Its id and body are the same in every try.
#[derive(Debug)]
pub(crate) struct Callback {
    pub(crate) id: String,
    pub(crate) payment: String,
    pub(crate) status: Status,
    url: Url,
    body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    external_payment_id: &'a str,
    status: Status,
    metadata: Metadata<'a>,
    #[serde(flatten)]
    newer: Option<Newer<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<DateTime<Utc>>,
}

/// What older backends do not tell.
#[derive(Serialize)]
struct Newer<'a> {
    payment_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'static str>,
}

impl Callback {
    /// Tells the payment as it is now.
    pub(crate) fn of(payment: &Payment, tells_amounts: bool) -> Result<Self, serde_json::Error> {
        let capture = payment.capture.as_ref();
        let metadata = Metadata {
            transaction_id: capture.map(|capture| capture.transaction_id.as_str()),
            provider_reference: capture.map(|capture| capture.provider_reference.as_str()),
            provider: payment.provider(),
            phone_number: payment.phone_number(),
            completed_at: capture.map(|capture| capture.at),
        };
        let newer = tells_amounts.then(|| Newer {
            payment_id: &payment.order.payment_id,
            amount: capture.and_then(|capture| capture.money.json()),
            currency: capture.map(|capture| capture.money.currency.code()),
        });
        let body = Body { external_payment_id: &payment.id, status: payment.status, metadata, newer };
        Ok(Self {
            id: format!("msg_{}", Uuid::new_v4().simple()),
            payment: payment.id.clone(),
            status: payment.status,
            url: payment.order.callback_url.clone(),
            body: serde_json::to_string(&body)?,
        })
    }
}

/// Sends callbacks.
#[derive(Debug)]
pub(crate) struct Courier {
    client: Client,
    signer: Signer,
    places: Semaphore,
}

impl Courier {
    pub(crate) fn new(signer: Signer) -> Result<Self, reqwest::Error> {
        // An answer that sends us elsewhere is none that takes the callback.
        let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(TIME_OUT).build()?;
        Ok(Self { client, signer, places: Semaphore::new(AT_ONCE) })
    }

    /// Sends it once, signed at this moment. The answer's status, if an answer came.
    pub(crate) async fn send(&self, callback: &Callback) -> Option<StatusCode> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await.ok()?;
        let headers = self.signer.headers(&callback.id, Utc::now().timestamp(), &callback.body);
        let request = self.client.post(callback.url.clone()).header("content-type", "application/json");
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        match request.body(callback.body.clone()).send().await {
            Ok(response) => Some(response.status()),
            Err(error) => {
                let error = error.without_url();
                tracing::debug!(payment = callback.payment, %error, "a callback was not answered");
                None
            }
        }
    }
}
