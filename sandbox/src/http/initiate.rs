//! `POST /api/v1/payments/initiate`: an order, checked and taken.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use iso_currency::Currency;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::http::Shop;
use crate::http::caller::Caller;
use crate::http::refusal::Refusal;
use crate::money::Money;
use crate::payment::{Method, Order, Status};
use crate::qr;

/// The longest `payment_id`.
const ID_LENGTH: usize = 255;
/// The longest `callback_url`.
const URL_LENGTH: usize = 2_000;
/// Characters of the texts that the payer sees; longer ones are cut.
const TEXT_LENGTH: usize = 200;

/// As the contract says it; fields that it does not name are ignored.
#[derive(Deserialize)]
struct Body<'a> {
    payment_id: String,
    /// Kept as text, so that it never becomes a float.
    #[serde(borrow)]
    amount: &'a RawValue,
    currency: String,
    payment_method: Method,
    metadata: Map<String, Value>,
    callback_url: String,
}

#[derive(Serialize)]
pub(crate) struct Initiated {
    external_payment_id: String,
    status: Status,
    payment_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_code: Option<String>,
    expires_at: DateTime<Utc>,
}

pub(crate) async fn initiate(
    caller: Caller,
    State(shop): State<Shop>,
    body: Bytes,
) -> Result<(StatusCode, Json<Initiated>), Refusal> {
    let body: Body<'_> = serde_json::from_slice(&body)
        .map_err(|error| Refusal::invalid(format!("The body is not what the contract says: {error}.")))?;
    let order = order(body).map_err(Refusal::invalid)?;
    let full =
        |_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "There are too many open payments; end some.");
    let id = shop.backend.initiate(order, caller.idempotency_key).await.map_err(full)?;
    let expires_at = shop.backend.look(&id, |payment| payment.expires_at).ok_or_else(Refusal::unknown)?;
    let payment_url = shop.payment_url(&id);
    let qr_code = if shop.draws_qr { qr::data_url(&payment_url) } else { None };
    // Whatever has become of it meanwhile: that is told by callback and status.
    let answer =
        Initiated { external_payment_id: id, status: Status::Pending, payment_url, qr_code, expires_at };
    Ok((StatusCode::CREATED, Json(answer)))
}

fn order(body: Body<'_>) -> Result<Order, String> {
    let length = body.payment_id.len();
    if !(1..=ID_LENGTH).contains(&length) {
        return Err(format!("payment_id must be 1 to {ID_LENGTH} bytes long."));
    }
    let currency = Currency::from_code(&body.currency)
        .ok_or("currency must be an ISO 4217 code in capitals, such as EUR or XOF.")?;
    let money = Money::parse(body.amount.get(), currency).map_err(|error| format!("{error}."))?;
    let callback_url = Url::parse(&body.callback_url).ok();
    let callback_url = callback_url
        .filter(|url| ["http", "https"].contains(&url.scheme()) && body.callback_url.len() <= URL_LENGTH)
        .ok_or("callback_url must be an http or https URL.")?;
    let text = |name| text(&body.metadata, name);
    Ok(Order {
        team: text("team_name"),
        plan: text("new_plan"),
        description: text("description"),
        payment_id: body.payment_id,
        money,
        method: body.payment_method,
        callback_url,
    })
}

fn text(metadata: &Map<String, Value>, name: &str) -> Option<String> {
    let text = metadata.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.chars().take(TEXT_LENGTH).collect())
}
