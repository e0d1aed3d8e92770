//! What the answers about payments have in common: exact amounts, the words of the wire, where a payment stands.

use std::str::FromStr;

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SubsecRound, Utc};
use domain::payment::{Payment, PaymentInitiated, PaymentMethod, PaymentRefusal, Status};
use domain::{Money, PaymentId};
use http::{HeaderName, HeaderValue};
use projections::PaymentRow;
use serde::de::{IntoDeserializer, value};
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use store::Position;
use store::commands::{CommandError, PaymentNow};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Where a command about a payment says which position it wrote: its body has a fixed shape.
pub(super) const POSITION: HeaderName = HeaderName::from_static("x-servelink-position");

/// An amount in major units as a JSON number with all of its currency's digits: `3.00`, `2000`. Exact, since it never
/// is a float on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amount(pub(crate) Money);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.major()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PaymentStatus)]
pub(crate) enum StatusWord {
    /// Nothing has happened.
    Pending,
    /// The payer is paying.
    Processing,
    /// It is paid.
    Completed,
    /// It is not paid.
    Failed,
    /// It was called off.
    Cancelled,
}

impl FromStr for StatusWord {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        word(text).ok_or("must be pending, processing, completed, failed or cancelled")
    }
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Pending => Self::Pending,
            StatusWord::Processing => Self::Processing,
            StatusWord::Completed => Self::Completed,
            StatusWord::Failed => Self::Failed,
            StatusWord::Cancelled => Self::Cancelled,
        }
    }
}

/// How the payer pays.
#[derive(ToSchema)]
#[schema(as = PaymentMethod, rename_all = "snake_case")]
#[allow(dead_code)]
pub(crate) enum MethodWord {
    /// Orange Money, Wave, MTN, Moov and the like.
    MobileMoney,
    /// A card.
    CreditCard,
}

/// The method of this name.
pub(super) fn method(text: &str) -> Option<PaymentMethod> {
    word(text)
}

/// The name of a method.
pub(super) const fn method_name(method: PaymentMethod) -> &'static str {
    match method {
        PaymentMethod::MobileMoney => "mobile_money",
        PaymentMethod::CreditCard => "credit_card",
    }
}

fn word<'de, T: Deserialize<'de>>(text: &'de str) -> Option<T> {
    T::deserialize(IntoDeserializer::<value::Error>::into_deserializer(text)).ok()
}

/// What a status does not say.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = PaymentFlags)]
pub(crate) struct Flags {
    /// It is not known yet whether the payment backend has it: its answer was lost.
    unknown: bool,
    /// Something else was captured than was asked: a person decides.
    conflicted: bool,
    /// It was paid and pays for nothing: its money is to be given back.
    refund_due: bool,
}

impl Flags {
    pub(super) fn of(row: &PaymentRow) -> Self {
        let unknown = row.status.is_open() && row.external_payment_id.is_none();
        Self { unknown, conflicted: row.conflicted, refund_due: row.refund_due }
    }

    fn of_payment(payment: &Payment) -> Self {
        let unknown = payment.status.is_open() && payment.external_payment_id.is_none();
        Self { unknown, conflicted: !payment.conflicts.is_empty(), refund_due: payment.refund_due }
    }

    /// The names of those that are up.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let all =
            [("unknown", self.unknown), ("conflicted", self.conflicted), ("refund_due", self.refund_due)];
        all.into_iter().filter(|(_, up)| *up).map(|(name, _)| name)
    }
}

/// Where a payment stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentState)]
pub(crate) struct State {
    #[schema(value_type = String)]
    payment_id: PaymentId,
    #[schema(value_type = StatusWord)]
    status: &'static str,
    /// In major units.
    #[schema(value_type = f64, example = 3.0)]
    amount: Amount,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: &'static str,
    created_at: DateTime<Utc>,
    /// When it was paid; null when it was not.
    completed_at: Option<DateTime<Utc>>,
    flags: Flags,
}

impl From<&PaymentRow> for State {
    fn from(row: &PaymentRow) -> Self {
        Self {
            payment_id: row.payment_id,
            status: row.status.as_str(),
            amount: Amount(row.amount),
            currency: row.amount.currency.code(),
            created_at: row.created_at,
            completed_at: row.completed_at,
            flags: Flags::of(row),
        }
    }
}

impl State {
    /// Where a payment stands that was not paid: when one was, its aggregate does not keep.
    pub(super) fn unpaid(now: &PaymentNow) -> Result<Self, Problem> {
        let initiated = initiated(now)?;
        Ok(Self {
            payment_id: now.id,
            status: now.payment.status.as_str(),
            amount: Amount(initiated.amount),
            currency: initiated.amount.currency.code(),
            created_at: created_at(initiated),
            completed_at: None,
            flags: Flags::of_payment(&now.payment),
        })
    }
}

/// What the payment is for. There is none without.
pub(super) fn initiated(now: &PaymentNow) -> Result<&PaymentInitiated, Problem> {
    now.payment.initiated.as_ref().ok_or_else(|| CommandError::from(PaymentRefusal::Unknown).into())
}

/// When it began, as the read models tell it.
pub(super) fn created_at(initiated: &PaymentInitiated) -> DateTime<Utc> {
    initiated.at.trunc_subsecs(6)
}

/// An answer to a command that wrote this position.
pub(super) fn at(position: Position, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(position.0));
    response
}

#[cfg(test)]
mod tests {
    use iso_currency::Currency;

    use super::*;

    #[test]
    fn amounts_are_exact_numbers() {
        let written = |minor, currency| serde_json::to_string(&Amount(Money::new(minor, currency))).unwrap();
        assert_eq!(written(300, Currency::EUR), "3.00");
        assert_eq!(written(2_000, Currency::XOF), "2000");
        // More digits than a float holds.
        assert_eq!(written(i64::MAX, Currency::EUR), "92233720368547758.07");
    }

    #[test]
    fn words_are_those_of_the_wire_and_no_others() {
        for status in
            [Status::Pending, Status::Processing, Status::Completed, Status::Failed, Status::Cancelled]
        {
            assert_eq!(Status::from(status.as_str().parse::<StatusWord>().unwrap()), status);
        }
        for bad in ["unknown", "Pending", "", "paid"] {
            assert!(bad.parse::<StatusWord>().is_err(), "{bad}");
        }
        for one in [PaymentMethod::MobileMoney, PaymentMethod::CreditCard] {
            assert_eq!(method(method_name(one)), Some(one));
            assert_eq!(serde_json::to_value(one).unwrap(), method_name(one));
        }
        assert_eq!(method("MobileMoney"), None);
    }
}
