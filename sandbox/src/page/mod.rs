//! What the payer sees: a page for each payment, plain HTML that needs no script, in French and English; and an index.
//!
//! | file | holds |
//! |---|---|
//! | `payment` | the page of a payment and its buttons |
//! | `index` | the list of payments, for whoever tries things |
//! | `language` | every word of both, and which of them a browser wants |
//! | `html` | escaping, and what all pages share |
//!
//! Links and forms are relative, so that the pages work below any public URL.

pub(crate) mod html;
mod index;
mod language;
mod payment;

use axum::Router;
use axum::routing::{get, post};

use crate::http::Shop;

pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/", get(index::show))
        .route("/pay/{external_payment_id}", get(payment::show))
        .route("/pay/{external_payment_id}/{button}", post(payment::press))
}
