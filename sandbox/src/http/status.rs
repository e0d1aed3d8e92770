//! `GET /api/v1/payments/{external_payment_id}/status`.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::http::Shop;
use crate::http::caller::Caller;
use crate::http::refusal::Refusal;
use crate::payment::{Payment, Status};

#[derive(Serialize)]
pub(crate) struct Told {
    external_payment_id: String,
    status: Status,
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_reference: Option<String>,
    /// What was captured; newer backends only.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'static str>,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'static str>,
}

pub(crate) async fn status(
    _caller: Caller,
    State(shop): State<Shop>,
    Path(id): Path<String>,
) -> Result<Json<Told>, Refusal> {
    let tells_amounts = shop.backend.tells_amounts;
    let told = shop.backend.look(&id, |payment| Told::of(payment, tells_amounts));
    told.map(Json).ok_or_else(Refusal::unknown)
}

/// Counts questions when they come, and answers when they go: one may be long in coming, or never come.
pub(crate) async fn count(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    request: Request,
    next: Next,
) -> Response {
    shop.backend.note(&id, |payment| payment.asked += 1);
    let answer = next.run(request).await;
    shop.backend.note(&id, |payment| payment.answered += 1);
    answer
}

impl Told {
    fn of(payment: &Payment, tells_amounts: bool) -> Self {
        let capture = payment.capture.as_ref();
        let money = capture.map(|capture| capture.money).filter(|_| tells_amounts);
        Self {
            external_payment_id: payment.id.clone(),
            status: payment.status,
            metadata: Metadata { provider: payment.provider(), phone_number: payment.phone_number() },
            completed_at: capture.map(|capture| capture.at),
            transaction_id: capture.map(|capture| capture.transaction_id.clone()),
            provider_reference: capture.map(|capture| capture.provider_reference.clone()),
            amount: money.and_then(|money| money.json()),
            currency: money.map(|money| money.currency.code()),
        }
    }
}
