//! Payments: a team pays for its plan, and the payment backend tells how it went.
//!
//! What a payment is and may become is `domain::payment`'s; asking the backend is `store::payments`'. Here are the
//! routes, one file a verb, and what their answers have in common.

mod access;
mod answer;
mod callback;
mod cancel;
mod history;
mod initiate;
mod qr;
mod status;

use std::sync::Arc;

use store::payments::Payments;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use answer::Amount;

use crate::app::App;
use crate::problem::{Kind, Problem};

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(initiate::initiate))
        .routes(routes!(history::read))
        .routes(routes!(status::read))
        .routes(routes!(cancel::cancel))
        .routes(routes!(callback::receive))
}

/// The way to the payment backend, where there is one.
fn backend(app: &App) -> Result<&Payments, Problem> {
    app.payments.as_ref().ok_or_else(off)
}

/// There is no payment backend.
fn off() -> Problem {
    let detail = "this Servelink takes no payments: it knows no payment backend, which is set with PAYMENT_BACKEND_URL";
    Problem::new(Kind::PaymentsOff, detail)
}
