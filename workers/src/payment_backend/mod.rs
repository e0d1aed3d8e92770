//! Asks the payment backend over HTTP: [`HttpPaymentBackend`] is `store`'s [`PaymentBackend`].
//!
//! ```text
//!   a call ──▶ breaker ──▶ tries ──▶ transport ──▶ the backend
//!              (resting?)  (again?)  (keys, limits)     │
//!   answer ◀────────────── verdict ◀── status code ◀────┤
//!          ◀────────────── wire    ◀── body of a 2xx ◀──┘
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `config` | addresses, keys and limits, checked once |
//! | `wire` | the bodies both ways, exact amounts included; no network |
//! | `verdict` | what a status code means for each operation |
//! | `tries` | how often and when to ask again within one call |
//! | `breaker` | when not to ask at all |
//! | `transport` | one request: keys, time limit, size limit |
//!
//! What an answer does to a payment is not decided here. Of an answer's body nothing but the contract's own fields is
//! kept, and none of it is logged: backends put the payer's phone number into it.

mod breaker;
mod config;
mod transport;
mod tries;
mod verdict;
mod wire;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use domain::payment::Submission;
use domain::{ExternalPaymentId, Money, PaymentId};
use store::payments::{BackendError, Order, PaymentBackend, Polled};
use tokio::time::{Instant, sleep};

pub use breaker::BreakerLimits;
pub use config::{BackendConfig, BackendConfigError, BackendLimits};

use breaker::Breaker;
use config::{Checked, Endpoints};
use transport::{Request, Transport};
use tries::{Next, Tries};
use verdict::{Counts, Failed, Operation};

/// The payment backend at an address, over HTTP. Calls run side by side; each ends within [`BackendLimits::call`].
pub struct HttpPaymentBackend {
    transport: Transport,
    endpoints: Endpoints,
    callback_url: String,
    limits: BackendLimits,
    breaker: Breaker,
}

impl HttpPaymentBackend {
    /// A client of the backend that this configuration names. Nothing is sent yet. A rustls provider must have been
    /// installed.
    ///
    /// # Errors
    /// [`BackendConfigError`] names the setting that is wrong, and does not repeat it.
    pub fn new(config: &BackendConfig) -> Result<Self, BackendConfigError> {
        let Checked { endpoints, callback_url, keys } = config.check()?;
        let transport = Transport::new(keys, endpoints.is_plain(), &config.limits)?;
        let breaker = Breaker::new(config.limits.breaker);
        Ok(Self { transport, endpoints, callback_url, limits: config.limits, breaker })
    }

    /// Asks until there is an answer, or no use or time for another try.
    async fn call<T>(
        &self,
        call: Call<'_>,
        read: impl FnOnce(&[u8]) -> Result<T, BackendError> + Send,
    ) -> Result<T, BackendError> {
        let permit = self.breaker.admit()?;
        let began = Instant::now();
        let mut tries = Tries::new(&self.limits);
        let mut counts;
        let outcome = loop {
            let answer = self.transport.send(&call.request, tries.begin()).await;
            counts = verdict::counts(call.operation, answer.as_ref().map(|answer| answer.status).ok());
            let failed = match verdict::of(call.operation, answer) {
                Ok(body) => break read(&body),
                Err(failed) => failed,
            };
            call.log_try(tries.made(), &failed);
            match tries.after(failed) {
                Next::Again(pause) => sleep(pause).await,
                Next::GiveUp(error) => break Err(error),
            }
        };
        match counts {
            Counts::Works => permit.report(false),
            Counts::Fails => permit.report(true),
            Counts::Nothing => drop(permit),
        }
        call.log(outcome.as_ref().err(), tries.made(), began.elapsed());
        outcome
    }
}

#[async_trait]
impl PaymentBackend for HttpPaymentBackend {
    fn ready(&self) -> Result<(), BackendError> {
        self.breaker.ready()
    }

    async fn initiate(&self, order: &Order) -> Result<Submission, BackendError> {
        let body = wire::order(order, &self.callback_url)
            .map_err(|_| BackendError::Refused { reason: "the order cannot be written as JSON".into() })?;
        let call = Call {
            operation: Operation::Initiate,
            payment_id: Some(order.payment_id),
            external_payment_id: None,
            request: Request::post(self.endpoints.initiate(), key(order.payment_id, INITIATE), Some(body)),
        };
        self.call(call, |body| Ok(wire::taken(body)?)).await
    }

    async fn poll(&self, id: &ExternalPaymentId, asked: Money) -> Result<Polled, BackendError> {
        let url = self.endpoints.status(id).ok_or(BackendError::Unknown)?;
        let call = Call {
            operation: Operation::Poll,
            payment_id: None,
            external_payment_id: Some(id),
            request: Request::get(url),
        };
        self.call(call, |body| Ok(wire::polled(body, id, asked)?)).await
    }

    async fn cancel(&self, payment_id: PaymentId, id: &ExternalPaymentId) -> Result<(), BackendError> {
        let url = self.endpoints.cancel(id).ok_or(BackendError::Unknown)?;
        let call = Call {
            operation: Operation::Cancel,
            payment_id: Some(payment_id),
            external_payment_id: Some(id),
            request: Request::post(url, key(payment_id, CANCEL), None),
        };
        self.call(call, |body| wire::cancelled(body, id)).await
    }
}

/// Which of a payment's attempts a POST is. Asking for the same thing again, within a call or much later, is the same
/// attempt: the backend then does nothing twice.
const INITIATE: u8 = 1;
const CANCEL: u8 = 2;

/// The `Idempotency-Key` of a payment's attempt.
fn key(payment_id: PaymentId, attempt: u8) -> String {
    format!("{payment_id}:{attempt}")
}

/// What a call is about.
struct Call<'a> {
    operation: Operation,
    payment_id: Option<PaymentId>,
    external_payment_id: Option<&'a ExternalPaymentId>,
    request: Request,
}

/// An event about a call: what it is about, and these fields.
macro_rules! about {
    ($level:ident, $call:expr, $($rest:tt)+) => {
        tracing::$level!(
            operation = $call.operation.name(),
            payment_id = $call.payment_id.map(tracing::field::display),
            external_payment_id = $call.external_payment_id.map(tracing::field::display),
            $($rest)+
        )
    };
}

impl Call<'_> {
    fn log_try(&self, attempt: u32, failed: &Failed) {
        about!(debug, self, attempt, outcome = %failed.error, "a try at the payment backend failed");
    }

    fn log(&self, error: Option<&BackendError>, attempts: u32, took: Duration) {
        let took_ms = took.as_millis();
        match error {
            None => {
                about!(debug, self, attempts, took_ms, outcome = "done", "asked the payment backend");
            }
            Some(error @ (BackendError::Refused { .. } | BackendError::Unknown)) => {
                about!(info, self, attempts, took_ms, outcome = %error, "the payment backend said no");
            }
            Some(error @ (BackendError::Unanswered { .. } | BackendError::Resting { .. })) => {
                about!(warn, self, attempts, took_ms, outcome = %error, "the payment backend did not say");
            }
            Some(error @ BackendError::Unauthorised) => {
                about!(error, self, attempts, took_ms, outcome = %error, "the payment backend refuses Servelink");
            }
        }
    }
}

/// Nothing of it is for eyes: its keys are secrets.
impl fmt::Debug for HttpPaymentBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpPaymentBackend").finish_non_exhaustive()
    }
}
