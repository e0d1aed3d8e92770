//! `POST /api/v1/payments/{external_payment_id}/cancel`.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::backend::NotCancelled;
use crate::http::Shop;
use crate::http::caller::Caller;
use crate::http::refusal::Refusal;
use crate::payment::Status;

#[derive(Serialize)]
pub(crate) struct Cancelled {
    external_payment_id: String,
    status: Status,
    cancelled_at: DateTime<Utc>,
}

pub(crate) async fn cancel(
    caller: Caller,
    State(shop): State<Shop>,
    Path(id): Path<String>,
) -> Result<Json<Cancelled>, Refusal> {
    match shop.backend.cancel(&id, caller.idempotency_key) {
        Ok(cancelled_at) => {
            Ok(Json(Cancelled { external_payment_id: id, status: Status::Cancelled, cancelled_at }))
        }
        Err(NotCancelled::Unknown) => Err(Refusal::unknown()),
        Err(NotCancelled::TooLate(status)) => {
            let text = format!("The payment is {} and can no longer be cancelled.", status.word());
            Err(Refusal::invalid(text))
        }
    }
}
