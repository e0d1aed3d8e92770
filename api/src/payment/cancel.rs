//! `POST /api/payments/{payment_id}/cancel`: a member of its team calls a payment off.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::PaymentId;
use domain::payment::PaymentRefusal;
use store::commands::CommandError;
use store::payments::{BackendError, PaymentsError};

use super::answer::{self, at, initiated};
use super::{access, backend};
use crate::app::App;
use crate::auth::Member;
use crate::params::named;
use crate::problem::{CancelProblems, Kind, Problem};

/// Seconds until the backend has very likely been asked again.
const ASKED_AGAIN: u32 = 15;

/// Cancel a payment
///
/// The payment backend decides: a payment that it has taken money for is not cancelled any more.
#[utoipa::path(
    post,
    path = "/api/payments/{payment_id}/cancel",
    operation_id = "cancel_payment",
    tag = "payments",
    params(("payment_id" = String, Path, description = "The payment")),
    responses(
        (
            status = 200, body = answer::State, description = "It is cancelled",
            headers(("X-Servelink-Position" = u64, description = "A read that waits for this position sees it")),
        ),
        CancelProblems,
    ),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: PaymentId = named(&id)?;
    // Not from the read models: whoever cancels at once what he began must find it.
    let now = match app.commands.payment(id).await {
        Err(CommandError::Payment(PaymentRefusal::Unknown)) => return Err(Problem::not_found()),
        found => found?,
    };
    access::check_in(&app, user, initiated(&now)?.team_id).await?;
    match backend(&app)?.cancel(access::actor(user), id, user).await {
        Ok(now) => Ok(at(now.position, Json(answer::State::unpaid(&now)?))),
        Err(error) => Err(not_cancelled(&app, id, error).await),
    }
}

async fn not_cancelled(app: &App, id: PaymentId, error: PaymentsError) -> Problem {
    match &error {
        PaymentsError::Backend(BackendError::Refused { .. }) => too_late(app, id).await,
        PaymentsError::Backend(
            BackendError::Unauthorised
            | BackendError::Unknown
            | BackendError::Unanswered { .. }
            | BackendError::Resting { .. },
        ) => {
            // It may have rested before anything was recorded, or only after.
            let now = app.commands.payment(id).await;
            if now.is_ok_and(|now| now.payment.cancellation_requested) {
                let detail = "the payment backend does not answer; the wish to cancel is recorded and will be \
                              followed up, and the payment's status tells what became of it";
                Problem::new(Kind::Unavailable, detail).retry_after(ASKED_AGAIN).because(&error)
            } else {
                error.into()
            }
        }
        PaymentsError::Command(_)
        | PaymentsError::InFlight
        | PaymentsError::Busy
        | PaymentsError::Stopping => error.into(),
    }
}

/// The backend does not let it be cancelled, whatever we know of it.
async fn too_late(app: &App, id: PaymentId) -> Problem {
    match app.commands.payment(id).await {
        Ok(now) => {
            let status = now.payment.status.as_str();
            let detail =
                format!("the payment backend does not let the payment be cancelled any more; it is {status}");
            Problem::new(Kind::Conflict, detail).member("payment_status", status)
        }
        Err(error) => error.into(),
    }
}
