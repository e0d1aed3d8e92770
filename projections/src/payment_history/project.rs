//! Events into rows of payments: those that a batch names are read, brought up to date and written back.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::PaymentId;
use domain::payment::{Payment, PaymentEvent, PaymentInitiated, Status, Verdict};
use serde_json::{Value, json};

use super::query::read;
use super::row::PaymentRow;
use crate::db::{DbError, Tx};
use crate::event::{Body, ProjectedEvent};
use crate::projector::{ApplyError, Projector};

/// The columns beside the generation, in the order in which rows are read and written.
const COLUMNS: [(&str, &str); 20] = [
    ("payment_id", "TEXT"),
    ("team_id", "TEXT"),
    ("user_id", "BIGINT"),
    ("plan", "TEXT"),
    ("period", "BIGINT"),
    ("amount_minor", "BIGINT"),
    ("currency", "TEXT"),
    ("method", "TEXT"),
    ("status", "TEXT"),
    ("description", "TEXT"),
    ("external_payment_id", "TEXT"),
    ("transaction_id", "TEXT"),
    ("conflicted", "BIGINT"),
    ("refund_due", "BIGINT"),
    ("to_confirm", "BIGINT"),
    ("cancellation_requested", "BIGINT"),
    ("expires_at", "BIGINT"),
    ("created_at", "BIGINT"),
    ("completed_at", "BIGINT"),
    ("updated_at", "BIGINT"),
];

/// The columns as a list, each with this before its name.
pub(super) fn columns(prefix: &str) -> String {
    COLUMNS.map(|(name, _)| format!("{prefix}{name}")).join(", ")
}

/// Makes the payment history.
pub struct PaymentHistoryProjector;

#[async_trait]
impl Projector for PaymentHistoryProjector {
    fn name(&self) -> &'static str {
        "payment_history"
    }

    fn version(&self) -> i64 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["payment_history"]
    }

    fn aggregates(&self) -> &'static [&'static str] {
        &[Payment::TYPE]
    }

    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError> {
        let events: Vec<_> = events.iter().filter_map(of_payment).collect();
        if events.is_empty() {
            return Ok(());
        }
        let mut rows = load(tx, generation, events.iter().map(|(id, ..)| *id)).await?;
        for (id, payment_event, event) in events {
            if let PaymentEvent::PaymentInitiated(initiated) = payment_event {
                rows.insert(id, begun(id, initiated, event.recorded_at));
            }
            let row = rows.get_mut(&id).ok_or_else(|| ApplyError::Event {
                position: event.position,
                why: format!("payment {id} was never initiated"),
            })?;
            row.take(payment_event);
            row.updated_at = event.recorded_at;
        }
        Ok(write(tx, generation, &rows).await?)
    }
}

fn of_payment(event: &ProjectedEvent) -> Option<(PaymentId, &PaymentEvent, &ProjectedEvent)> {
    match &event.body {
        Body::Payment(id, payment_event) => Some((*id, payment_event, event)),
        Body::Usage(..)
        | Body::Comparison(..)
        | Body::Team(..)
        | Body::Delivery(..)
        | Body::Other
        | Body::Unreadable { .. } => None,
    }
}

fn begun(payment_id: PaymentId, initiated: &PaymentInitiated, recorded_at: DateTime<Utc>) -> PaymentRow {
    PaymentRow {
        payment_id,
        team_id: initiated.team_id,
        user_id: initiated.user_id,
        plan: initiated.plan.clone(),
        period: initiated.period,
        amount: initiated.amount,
        method: initiated.method,
        status: Status::Pending,
        description: initiated.description.as_deref().map(storable),
        external_payment_id: None,
        transaction_id: None,
        conflicted: false,
        refund_due: false,
        to_confirm: false,
        cancellation_requested: false,
        expires_at: None,
        created_at: initiated.at,
        completed_at: None,
        updated_at: recorded_at,
    }
}

impl PaymentRow {
    /// Takes in one event, as [`Payment::evolve`] does.
    fn take(&mut self, event: &PaymentEvent) {
        match event {
            PaymentEvent::PaymentInitiated(_) => self.status = Status::Pending,
            PaymentEvent::PaymentSubmitted(submitted) => {
                self.external_payment_id = Some(submitted.external_payment_id.clone());
                self.expires_at = submitted.expires_at.or(self.expires_at);
            }
            PaymentEvent::PaymentProcessing(_) => self.status = Status::Processing,
            PaymentEvent::PaymentCompleted(completed) => {
                self.status = Status::Completed;
                self.transaction_id = completed.transaction_id.as_deref().map(storable);
                self.completed_at = Some(completed.completed_at);
            }
            PaymentEvent::PaymentFailed(_) => self.status = Status::Failed,
            PaymentEvent::CancellationRequested(_) => self.cancellation_requested = true,
            PaymentEvent::PaymentCancelled(_) => self.status = Status::Cancelled,
            PaymentEvent::PaymentConflicted(_) => self.conflicted = true,
            PaymentEvent::RefundDue(_) => self.refund_due = true,
            PaymentEvent::CallbackReceived(callback) => match callback.verdict {
                // What is told of a second link is no news of the payment itself.
                Verdict::ToConfirm => self.to_confirm |= callback.external_payment_id.is_none(),
                Verdict::Applied | Verdict::NoNews => {}
            },
            PaymentEvent::SecondLinkFound(_) => {}
        }
    }
}

/// A text of payers or backends. Postgres holds no NUL, and one of them must not stop everybody's history.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

async fn load(
    tx: &mut Tx,
    generation: i64,
    ids: impl Iterator<Item = PaymentId>,
) -> Result<BTreeMap<PaymentId, PaymentRow>, DbError> {
    let ids = Value::from_iter(ids.map(|id| json!([id]))).to_string();
    let sql = format!(
        "SELECT {} FROM payment_history WHERE generation = $2 AND payment_id IN (SELECT value->>0 FROM {} AS rows)",
        columns(""),
        tx.rows()
    );
    let rows = tx.fetch(&sql, &[(&ids).into(), generation.into()]).await?;
    let rows = rows.iter().map(|row| read(row, 0)).map(|row| row.map(|row| (row.payment_id, row)));
    rows.collect()
}

async fn write(tx: &mut Tx, generation: i64, rows: &BTreeMap<PaymentId, PaymentRow>) -> Result<(), DbError> {
    let micros = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
    let rows = rows.values().map(|row| {
        json!([
            row.payment_id,
            row.team_id,
            row.user_id,
            row.plan,
            row.period,
            row.amount.minor,
            row.amount.currency,
            row.method,
            row.status.as_str(),
            row.description,
            row.external_payment_id,
            row.transaction_id,
            i64::from(row.conflicted),
            i64::from(row.refund_due),
            i64::from(row.to_confirm),
            i64::from(row.cancellation_requested),
            micros(row.expires_at),
            row.created_at.timestamp_micros(),
            micros(row.completed_at),
            row.updated_at.timestamp_micros(),
        ])
    });
    let values =
        COLUMNS.iter().enumerate().map(|(place, (_, kind))| format!("CAST(value->>{place} AS {kind})"));
    let sets = COLUMNS.map(|(name, _)| format!("{name} = excluded.{name}"));
    let sql = format!(
        "INSERT INTO payment_history (generation, {}) SELECT $2, {} FROM {} AS rows WHERE true \
         ON CONFLICT (generation, payment_id) DO UPDATE SET {}",
        columns(""),
        values.collect::<Vec<_>>().join(", "),
        tx.rows(),
        sets.join(", ")
    );
    tx.execute(&sql, &[(&Value::from_iter(rows).to_string()).into(), generation.into()]).await?;
    Ok(())
}
