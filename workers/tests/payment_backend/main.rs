//! The client of the payment backend over real HTTP, against a backend that does as a test says.
#![allow(clippy::unwrap_used, missing_docs)]

mod answers;
mod breaker;
#[path = "../support/captured.rs"]
mod captured;
mod keys;
mod retries;
mod secrets;
mod server;

use std::time::Duration;

use domain::payment::PaymentMethod;
use domain::plan::PlanName;
use domain::{ExternalPaymentId, Money, PaymentId, TeamId, UserId};
use iso_currency::Currency;
use secrecy::SecretString;
use servelink_workers::payment_backend::{BackendConfig, BackendLimits, HttpPaymentBackend};
use store::payments::{BackendError, Order};

const PAYMENT: &str = "0192f0c1-2b3c-7d4e-8f50-617283940a5b";
const KEY: &str = "canary-key-one";
const OTHER_KEY: &str = "canary-key-two";
/// An order is taken.
const TAKEN: &str =
    r#"{"external_payment_id":"om-1","status":"pending","payment_url":"https://pay.example/om-1"}"#;
const PRICE: Money = Money::new(300, Currency::EUR);

/// A client of this backend that waits for nothing long.
fn client(url: &str) -> HttpPaymentBackend {
    client_with(url, KEY, quick())
}

fn client_with(url: &str, keys: &str, limits: BackendLimits) -> HttpPaymentBackend {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = BackendConfig::new(url, &SecretString::from(keys), "https://usage.example");
    HttpPaymentBackend::new(&BackendConfig { limits, ..config }).unwrap()
}

fn quick() -> BackendLimits {
    BackendLimits {
        total: Duration::from_secs(5),
        backoff_base: Duration::from_millis(1),
        backoff_cap: Duration::from_millis(2),
        ..BackendLimits::default()
    }
}

fn order(amount: Money) -> Order {
    Order {
        payment_id: payment(),
        amount,
        method: PaymentMethod::CreditCard,
        description: Some("canary-description".into()),
        team_id: TeamId::from_bytes([1; 16]),
        team_name: "canary-team".into(),
        user_id: UserId(7),
        user_email: None,
        plan: PlanName::from("pay_as_you_go"),
    }
}

fn payment() -> PaymentId {
    PAYMENT.parse().unwrap()
}

fn external(text: &str) -> ExternalPaymentId {
    text.parse().unwrap()
}

/// What was said of a call that was not answered.
fn unanswered<T: std::fmt::Debug>(outcome: Result<T, BackendError>) -> String {
    match outcome {
        Err(BackendError::Unanswered { what }) => what,
        other => panic!("{other:?}"),
    }
}
