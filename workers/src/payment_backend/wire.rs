//! The bodies of the contract, both ways: orders into JSON, answers into what Servelink records. No network.
//!
//! Amounts are JSON numbers whose text is written and read as it stands, so that no float ever holds one. Required
//! fields that are missing or odd make an answer unusable; optional ones are dropped with a warning. No message repeats
//! anything of an answer: it may hold the payer's phone number.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::payment::{Capture, ObservedStatus, PaymentMethod, PaymentSubmitted, Submission};
use domain::plan::PlanName;
use domain::{EmailAddress, ExternalPaymentId, Money, PaymentId, TeamId, UserId};
use iso_currency::Currency;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;
use store::payments::{BackendError, Order, Polled};

/// The longest `payment_url`, in bytes. A QR code holds less than 3,000.
const URL_BYTES: usize = 4_096;
/// The longest `qr_code`, in bytes: a QR code as a PNG has one or two thousand.
const QR_BYTES: usize = 32 << 10;
const QR_PREFIX: &str = "data:image/png;base64,";
/// The longest `transaction_id`, in bytes.
const TRANSACTION_BYTES: usize = 255;

#[derive(Serialize)]
struct OrderBody<'a> {
    payment_id: PaymentId,
    amount: &'a RawValue,
    currency: &'static str,
    payment_method: PaymentMethod,
    metadata: Metadata<'a>,
    callback_url: &'a str,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    team_id: TeamId,
    team_name: &'a str,
    /// A number: the PaaS's users have integers.
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_email: Option<&'a str>,
    plan_upgrade: bool,
    new_plan: &'a PlanName,
}

/// The body that asks for a payment.
pub(super) fn order(order: &Order, callback_url: &str) -> Result<String, serde_json::Error> {
    let amount = RawValue::from_string(order.amount.major())?;
    serde_json::to_string(&OrderBody {
        payment_id: order.payment_id,
        amount: &amount,
        currency: order.amount.currency.code(),
        payment_method: order.method,
        metadata: Metadata {
            description: order.description.as_deref(),
            team_id: order.team_id,
            team_name: &order.team_name,
            user_id: order.user_id,
            user_email: order.user_email.as_ref().map(EmailAddress::expose),
            plan_upgrade: true,
            new_plan: &order.plan,
        },
        callback_url,
    })
}

/// Why a 2xx answer is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Odd {
    #[error("the answer is not JSON")]
    NotJson,
    #[error("the answer is not an object of the contract's fields")]
    Shape,
    #[error("the answer has no {0}")]
    Missing(&'static str),
    #[error("the answer's external_payment_id is not 1 to 128 visible ASCII characters, or . or ..")]
    Id,
    #[error("the answer's status is none of the contract's")]
    Status,
    #[error("the answer's payment_url is not an http or https URL")]
    Url,
    #[error("the answer is about another payment")]
    OtherPayment,
    #[error("the answer's amount is not a number of its currency's units")]
    Amount,
    #[error("the answer's currency is not an ISO 4217 code")]
    Currency,
    #[error("the answer tells another currency than was asked, and no amount")]
    CurrencyOnly,
}

impl From<Odd> for BackendError {
    fn from(odd: Odd) -> Self {
        Self::Unanswered { what: odd.to_string() }
    }
}

/// All fields of all answers that are ever looked at.
#[derive(Deserialize)]
struct AnswerBody<'a> {
    #[serde(borrow)]
    external_payment_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payment_url: Option<Cow<'a, str>>,
    qr_code: Option<Value>,
    expires_at: Option<Value>,
    completed_at: Option<Value>,
    transaction_id: Option<Value>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
}

/// The contract's status words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Pending,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

impl<'a> AnswerBody<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Odd> {
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            Category::Data => Odd::Shape,
            Category::Io | Category::Syntax | Category::Eof => Odd::NotJson,
        })
    }

    fn id(&self) -> Result<ExternalPaymentId, Odd> {
        let id = self.external_payment_id.as_deref().ok_or(Odd::Missing("external_payment_id"))?;
        // Nobody could ask about these two: they are no names in a path.
        if matches!(id, "." | "..") { Err(Odd::Id) } else { id.parse().map_err(|_| Odd::Id) }
    }

    fn is_about(&self, asked: &ExternalPaymentId) -> Result<(), Odd> {
        if self.id()? == *asked { Ok(()) } else { Err(Odd::OtherPayment) }
    }

    fn word(&self) -> Result<Word, Odd> {
        match self.status.as_deref().ok_or(Odd::Missing("status"))? {
            "pending" => Ok(Word::Pending),
            "processing" => Ok(Word::Processing),
            "completed" => Ok(Word::Completed),
            "failed" => Ok(Word::Failed),
            "cancelled" => Ok(Word::Cancelled),
            _ => Err(Odd::Status),
        }
    }

    fn payment_url(&self) -> Result<String, Odd> {
        let text = self.payment_url.as_deref().ok_or(Odd::Missing("payment_url"))?;
        let url = Url::parse(text).map_err(|_| Odd::Url)?;
        let web = matches!(url.scheme(), "http" | "https");
        // As a browser writes it: without line ends and the like inside.
        if web && url.as_str().len() <= URL_BYTES { Ok(url.into()) } else { Err(Odd::Url) }
    }

    /// What was captured, of a payment that is completed.
    fn capture(&self, asked: Money) -> Result<Capture, Odd> {
        let currency = match self.currency.as_deref() {
            None => asked.currency,
            Some(code) => Currency::from_code(&code.to_ascii_uppercase()).ok_or(Odd::Currency)?,
        };
        match self.amount {
            Some(amount) => {
                Money::from_major(amount.get(), currency).map(Capture::Told).map_err(|_| Odd::Amount)
            }
            None if currency == asked.currency => Ok(Capture::NotTold),
            None => Err(Odd::CurrencyOnly),
        }
    }
}

/// The answer to an order.
///
/// The contract allows `pending` and `processing`. A backend that gives an answer again, after the first was lost, may
/// tell a later status: that the payment was taken on is true then too, and where it stands is found out by a poll.
pub(super) fn taken(body: &[u8]) -> Result<Submission, Odd> {
    let answer = AnswerBody::read(body)?;
    let processing = match answer.word()? {
        Word::Processing => true,
        Word::Pending | Word::Completed | Word::Failed | Word::Cancelled => false,
    };
    let submitted = PaymentSubmitted {
        external_payment_id: answer.id()?,
        payment_url: Some(answer.payment_url()?),
        qr_code: optional("qr_code", answer.qr_code, qr_code),
        expires_at: optional("expires_at", answer.expires_at, time),
    };
    Ok(Submission { submitted, processing })
}

/// The answer to a poll of this payment, of which this much was asked.
pub(super) fn polled(body: &[u8], id: &ExternalPaymentId, asked: Money) -> Result<Polled, Odd> {
    let answer = AnswerBody::read(body)?;
    answer.is_about(id)?;
    let status = match answer.word()? {
        Word::Pending => ObservedStatus::Pending,
        Word::Processing => ObservedStatus::Processing,
        Word::Completed => ObservedStatus::Completed(answer.capture(asked)?),
        Word::Failed => ObservedStatus::Failed,
        Word::Cancelled => ObservedStatus::Cancelled,
    };
    Ok(Polled {
        status,
        transaction_id: optional("transaction_id", answer.transaction_id, transaction_id),
        completed_at: optional("completed_at", answer.completed_at, time),
    })
}

/// The answer to a cancellation of this payment: it is cancelled, or it is not.
pub(super) fn cancelled(body: &[u8], id: &ExternalPaymentId) -> Result<(), BackendError> {
    let answer = AnswerBody::read(body)?;
    answer.is_about(id)?;
    let stays = match answer.word()? {
        Word::Cancelled => return Ok(()),
        Word::Pending => "pending",
        Word::Processing => "processing",
        Word::Completed => "completed",
        Word::Failed => "failed",
    };
    Err(BackendError::Refused { reason: format!("the payment is {stays}") })
}

/// An optional field, if it can be understood.
fn optional<T>(name: &str, value: Option<Value>, read: fn(&str) -> Option<T>) -> Option<T> {
    let read = value?.as_str().and_then(read);
    if read.is_none() {
        tracing::warn!(
            field = name,
            "the payment backend's answer has a field that cannot be read; it is ignored"
        );
    }
    read
}

fn qr_code(text: &str) -> Option<String> {
    let data = text.strip_prefix(QR_PREFIX)?;
    let base64 = data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    (base64 && !data.is_empty() && text.len() <= QR_BYTES).then(|| text.to_owned())
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc))
}

fn transaction_id(text: &str) -> Option<String> {
    let sane = (1..=TRANSACTION_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    sane.then(|| text.to_owned())
}
