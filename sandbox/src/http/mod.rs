//! The HTTP interface: the contract's three endpoints, what steers and shows the sandbox, and the payer's pages.
//!
//! | file | holds |
//! |---|---|
//! | `initiate`, `status`, `cancel` | an endpoint of the contract each |
//! | `control` | `/sandbox/behaviour` and `/sandbox/payments`, open to whoever reaches the sandbox |
//! | `caller` | who asks, and under which idempotency key |
//! | `fault` | an endpoint's misbehaviour |
//! | `refusal` | answers that are none: HTML, as the contract allows |

mod caller;
mod cancel;
mod control;
mod fault;
mod initiate;
mod refusal;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use secrecy::SecretString;

use crate::backend::Backend;
use crate::behaviour::Endpoint;
use crate::page;
use fault::fault;

/// The most bytes of a request's body.
const BODY: usize = 64 * 1024;

/// What every handler may need.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) backend: Arc<Backend>,
    pub(crate) api_keys: Arc<[SecretString]>,
    /// Where payers reach the pages.
    pub(crate) public_url: Arc<str>,
    pub(crate) draws_qr: bool,
}

impl Shop {
    /// The page of a payment.
    pub(crate) fn payment_url(&self, id: &str) -> String {
        format!("{}/pay/{id}", self.public_url)
    }
}

pub(crate) fn router(shop: Shop) -> Router {
    let may_fail = |endpoint, handler: MethodRouter<Shop>| {
        handler.layer(from_fn_with_state((Arc::clone(&shop.backend), endpoint), fault))
    };
    let counted = from_fn_with_state(shop.clone(), status::count);
    let payment = "/api/v1/payments/{external_payment_id}";
    Router::new()
        .route("/api/v1/payments/initiate", may_fail(Endpoint::Initiate, post(initiate::initiate)))
        .route(&format!("{payment}/status"), may_fail(Endpoint::Status, get(status::status)).layer(counted))
        .route(&format!("{payment}/cancel"), may_fail(Endpoint::Cancel, post(cancel::cancel)))
        .route("/sandbox/behaviour", get(control::behaviour).put(control::behave))
        .route("/sandbox/payments", get(control::payments))
        .merge(page::routes())
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(shop)
}
