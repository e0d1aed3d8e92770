//! `POST /api/payments/{team_slug}/initiate`: a member of the team pays for a plan.

mod key;
mod wish;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::payment::Status;
use domain::{ExternalPaymentId, PaymentId};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use store::AppendError;
use store::commands::{CommandError, PaymentNow};
use store::payments::{Initiated, PaymentsError};
use utoipa::ToSchema;

use super::answer::{Amount, StatusWord, at, created_at, initiated};
use super::{access, backend, qr};
use crate::app::App;
use crate::auth::Member;
use crate::body;
use crate::params::named;
use crate::problem::{InitiateProblems, Kind, Problem};
use wish::Body;

/// A payment that the payer may make now.
#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub(crate) struct Answer {
    #[schema(value_type = String)]
    payment_id: PaymentId,
    /// What the payment backend calls it; null when it has not answered.
    #[schema(value_type = Option<String>)]
    external_payment_id: Option<ExternalPaymentId>,
    #[schema(value_type = StatusWord)]
    status: &'static str,
    /// In major units.
    #[schema(value_type = f64, example = 3.0)]
    amount: Amount,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: &'static str,
    /// Where the payer goes; null when the payment backend has not answered.
    payment_url: Option<String>,
    /// A QR code of it: a `data:` URL of an image.
    qr_code: Option<String>,
    /// Until when it can be paid, if the payment backend tells.
    expires_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl Answer {
    fn new(now: &PaymentNow) -> Result<Self, Problem> {
        let (initiated, payment) = (initiated(now)?, &now.payment);
        let drawn = || payment.payment_url.as_deref().and_then(qr::data_url);
        Ok(Self {
            payment_id: now.id,
            external_payment_id: payment.external_payment_id.clone(),
            status: payment.status.as_str(),
            amount: Amount(initiated.amount),
            currency: initiated.amount.currency.code(),
            payment_url: payment.payment_url.clone(),
            qr_code: payment.qr_code.clone().or_else(drawn),
            expires_at: payment.expires_at,
            created_at: created_at(initiated),
        })
    }
}

/// Pay for a plan
///
/// A team has one payment under way: asking again gives that one. What a plan costs is the server's to say; `amount`
/// and `currency` are optional and must agree. A request with an `Idempotency-Key` may be sent again at any time: the
/// answer is about the same payment.
#[utoipa::path(
    post,
    path = "/api/payments/{team_slug}/initiate",
    operation_id = "initiate_payment",
    tag = "payments",
    params(
        ("team_slug" = String, Path, description = "The team's name in addresses"),
        (
            "Idempotency-Key" = Option<String>, Header,
            description = "Stands for this request: 1 to 255 visible ASCII characters",
        ),
    ),
    request_body = Body,
    responses(
        (
            status = 201, body = Answer, description = "A payment of this request's own, now or when it came before",
            headers(
                ("Location" = String, description = "Where it stands"),
                ("X-Servelink-Position" = u64, description = "A read that waits for this position sees it"),
            ),
        ),
        (
            status = 200, body = Answer, description = "The payment that the team has under way",
            headers(
                ("Location" = String, description = "Where it stands"),
                ("X-Servelink-Position" = u64, description = "A read that waits for this position sees it"),
            ),
        ),
        (
            status = 202, body = Answer,
            description = "The payment is recorded, and whether the payment backend has it is not known yet: \
                           its address is null, and asking again tells it once it is known",
            headers(
                ("Location" = String, description = "Where it stands"),
                ("X-Servelink-Position" = u64, description = "A read that waits for this position sees it"),
            ),
        ),
        InitiateProblems,
    ),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn initiate(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body::Json(body): body::Json<Body>,
) -> Result<Response, Problem> {
    let team = app.reads.member_role(user, &named(&slug)?).await?.ok_or_else(Problem::not_found)?;
    access::check(team.role)?;
    let wanted = body.check(&app.plans)?;
    let key = key::of(&headers, user, team.team_id, &wanted)?;
    let wish = wanted.wish(team.team_id, user);
    let done = backend(&app)?.initiate(access::actor(user), wish, key).await.map_err(not_initiated)?;
    answer(&done)
}

fn answer(done: &Initiated) -> Result<Response, Problem> {
    let now = &done.now;
    if now.payment.status == Status::Failed && now.payment.external_payment_id.is_none() {
        // It came before. The backend refused it then, or never said that it has it.
        let detail = "the payment backend did not take the payment on; it is recorded as failed, and nobody was given \
                      a page to pay at";
        return Err(Problem::new(Kind::PaymentRefused, detail));
    }
    let status = if now.payment.status.is_open() && now.payment.payment_url.is_none() {
        StatusCode::ACCEPTED
    } else if done.own {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut response = at(now.position, (status, Json(Answer::new(now)?)).into_response());
    // Whoever follows it at once sees it.
    let location = format!("/api/payments/{}/status?min_position={}", now.id, now.position);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

fn not_initiated(error: PaymentsError) -> Problem {
    if let PaymentsError::Command(CommandError::Append(AppendError::KeysReused(_))) = error {
        let detail = "this Idempotency-Key came before with another request: a new request needs a new key";
        return Problem::new(Kind::KeyReused, detail);
    }
    error.into()
}
