//! `GET /api/payments/{team_slug}/history`: a team's payments, the newest first, as JSON or as CSV.

mod accept;
mod csv;
mod query;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::payment::PaymentMethod;
use domain::{PaymentId, Slug};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK, VARY};
use http::{HeaderMap, HeaderValue};
use projections::{PaymentPage, PaymentRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Amount, Flags, MethodWord, StatusWord};
use crate::app::App;
use crate::auth::Member;
use crate::params::named;
use crate::problem::{HistoryProblems, Problem};
use accept::Form;
use query::{HistoryQuery, Wanted};

/// Some of a team's payments.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentHistory)]
pub(crate) struct Answer {
    /// The newest first.
    payments: Vec<Entry>,
    /// The `cursor` of the next page; null when there are no more.
    next: Option<String>,
}

/// A payment.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoricPayment)]
pub(crate) struct Entry {
    #[schema(value_type = String)]
    payment_id: PaymentId,
    /// In major units.
    #[schema(value_type = f64, example = 3.0)]
    amount: Amount,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: &'static str,
    #[schema(value_type = MethodWord)]
    payment_method: PaymentMethod,
    #[schema(value_type = StatusWord)]
    status: &'static str,
    metadata: Metadata,
    created_at: DateTime<Utc>,
    /// When it was paid; null when it was not.
    completed_at: Option<DateTime<Utc>>,
}

/// What else is known of a payment.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentMetadata)]
pub(crate) struct Metadata {
    /// The plan that it pays for.
    #[schema(example = "pay_as_you_go")]
    plan: String,
    /// The payer's own words.
    description: Option<String>,
    /// The provider's id of the transaction, if told.
    transaction_id: Option<String>,
    flags: Flags,
}

impl From<&PaymentRow> for Entry {
    fn from(row: &PaymentRow) -> Self {
        Self {
            payment_id: row.payment_id,
            amount: Amount(row.amount),
            currency: row.amount.currency.code(),
            payment_method: row.method,
            status: row.status.as_str(),
            metadata: Metadata {
                plan: row.plan.to_string(),
                description: row.description.clone(),
                transaction_id: row.transaction_id.clone(),
                flags: Flags::of(row),
            },
            created_at: row.created_at,
            completed_at: row.completed_at,
        }
    }
}

/// What a team paid, and wanted to pay
///
/// The newest first. `Accept: text/csv` gets a table for spreadsheets; its next page is in the `Link` header.
#[utoipa::path(
    get,
    path = "/api/payments/{team_slug}/history",
    operation_id = "read_payment_history",
    tag = "payments",
    params(("team_slug" = String, Path, description = "The team's name in addresses"), HistoryQuery),
    responses(
        (
            status = 200, description = "Some of its payments",
            content((Answer = "application/json"), (String = "text/csv")),
            headers(("Link" = String, description = "The next page (RFC 8288), when there is one")),
        ),
        HistoryProblems,
    ),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(slug): Path<String>,
    headers: HeaderMap,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let slug: Slug = named(&slug)?;
    let form = accept::form(&headers)?;
    wanted.after.reached(&app).await?;
    let (limit, cursor) = (wanted.limit, wanted.cursor);
    let page = app.reads.payments(user, &slug, &wanted.filter, limit, cursor).await?;
    answer(&slug, form, &wanted, &page.ok_or_else(Problem::not_found)?)
}

fn answer(slug: &Slug, form: Form, wanted: &Wanted, page: &PaymentPage) -> Result<Response, Problem> {
    let next = page.next.map(|next| next.to_string());
    let link = next
        .as_ref()
        .map(|next| format!("</api/payments/{slug}/history?{}>; rel=\"next\"", wanted.for_page(next)));
    let mut response = match form {
        Form::Json => {
            Json(Answer { payments: page.payments.iter().map(Entry::from).collect(), next }).into_response()
        }
        Form::Csv => {
            let file = format!("attachment; filename=\"payments-{slug}.csv\"");
            let table = csv::table(&page.payments).map_err(|error| Problem::internal(&error))?;
            ([(CONTENT_TYPE, csv::MEDIA_TYPE), (CONTENT_DISPOSITION, &file)], table).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept"));
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        headers.insert(LINK, link);
    }
    Ok(response)
}
