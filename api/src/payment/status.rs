//! `GET /api/payments/{payment_id}/status`: where a payment stands.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use domain::{PaymentId, UserId};

use super::{access, answer};
use crate::app::App;
use crate::auth::Member;
use crate::params::{NowQuery, ReadAfter, named};
use crate::problem::{Problem, ReadProblems};

/// How long an answer waits for the backend's, and for the read models to have it.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long an answer waits for the read models to have what was recorded before the question.
const CAUGHT_UP: Duration = Duration::from_secs(1);

/// Where a payment stands
///
/// The payment backend is asked first when the payment is open and it was not asked a moment ago. When it does not
/// answer in time, this tells what is known.
#[utoipa::path(
    get,
    path = "/api/payments/{payment_id}/status",
    operation_id = "read_payment_status",
    tag = "payments",
    params(("payment_id" = String, Path, description = "The payment"), ReadAfter),
    responses((status = 200, body = answer::State), ReadProblems),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(id): Path<String>,
    query: NowQuery,
) -> Result<Json<answer::State>, Problem> {
    let id: PaymentId = named(&id)?;
    query.reached(&app).await?;
    // Whoever paid a moment ago wants to see it: what is recorded by now is waited for, for a moment.
    let head = app.log.head().await?;
    let _ = app.reads.wait_for(head, CAUGHT_UP).await;
    let row = app.reads.payment(user, id).await?.ok_or_else(Problem::not_found)?;
    if !row.status.is_open() || !refreshed(&app, user, id).await {
        return Ok(Json((&row).into()));
    }
    let row = app.reads.payment(user, id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json((&row).into()))
}

/// Whether the read models have news of it that the backend told just now.
async fn refreshed(app: &App, user: UserId, id: PaymentId) -> bool {
    let Some(payments) = app.payments.clone() else { return false };
    // On its own: what the backend says is recorded also when nobody waits for it any more.
    let asking = tokio::spawn(async move { payments.refresh_if_old(&access::actor(user), id).await });
    let seen = async {
        let now = asking.await.ok().flatten()?;
        app.reads.wait_for(now.position, PATIENCE).await.ok()
    };
    matches!(tokio::time::timeout(PATIENCE, seen).await, Ok(Some(())))
}
