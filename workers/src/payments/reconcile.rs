//! Asks the backend about payments that it has not told the end of: its answer or its callback was lost, or may be. And
//! follows cancellations that it has not heard of.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::PaymentId;
use futures::StreamExt;
use store::Clock;
use store::commands::{Actor, CommandError};
use store::known::Known;
use store::payments::{BackendError, Payments, PaymentsError};

use super::schedule;
use crate::job::{Job, Schedule};

const INTERVAL: Duration = Duration::from_secs(1);
const RUN_LIMIT: Duration = Duration::from_secs(120);
/// Payments that one run asks about; the others are due at the next one.
const A_RUN: usize = 256;
/// Questions at the same time.
const AT_ONCE: usize = 8;

/// What a run found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReconcileReport {
    /// Payments that were asked about.
    pub asked: usize,
    /// Of these, those that have come to an end.
    pub ended: usize,
    /// Of these, those about which the backend said nothing usable.
    pub unanswered: usize,
}

impl fmt::Display for ReconcileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, ended, unanswered } = self;
        write!(f, "{asked} asked about: {ended} ended, {unanswered} without an answer")
    }
}

/// The job.
pub struct ReconcileJob {
    payments: Payments,
    known: Arc<Known>,
    clock: Arc<dyn Clock>,
    /// When each was last asked about. Forgotten with the process: then all of them are due, once.
    last: HashMap<PaymentId, DateTime<Utc>>,
}

/// A payment to ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    payment: PaymentId,
    cancelling: bool,
}

impl ReconcileJob {
    /// When it looks for what is due.
    pub const SCHEDULE: Schedule = Schedule { interval: INTERVAL, limit: RUN_LIMIT };

    /// The job over these payments.
    #[must_use]
    pub fn new(payments: Payments, known: Arc<Known>, clock: Arc<dyn Clock>) -> Self {
        Self { payments, known, clock, last: HashMap::new() }
    }

    fn due(&mut self, now: DateTime<Utc>) -> Vec<Due> {
        let facts = self.known.facts();
        let followed =
            |id: &PaymentId| facts.open_payments.contains_key(id) || facts.to_confirm.contains_key(id);
        self.last.retain(|id, _| followed(id));
        let is_due = |id: &PaymentId, since| schedule::is_due(since, self.last.get(id).copied(), now);
        // Its link is dead from then on, or is to be: nobody must wait for that until its next turn.
        let since = |id: &PaymentId, at: Option<DateTime<Utc>>| {
            at.is_some_and(|at| at <= now && self.last.get(id).is_none_or(|last| *last < at))
        };
        let open = facts.open_payments.iter().filter(|(id, open)| {
            is_due(id, open.since) || since(id, open.expires_at) || since(id, open.cancelling)
        });
        let mut due: BTreeMap<PaymentId, bool> =
            open.map(|(id, open)| (*id, open.cancelling.is_some())).collect();
        for (id, ended) in &facts.to_confirm {
            if is_due(id, ended.since) && !schedule::is_over(ended.since, now) {
                due.entry(*id).or_default();
            }
        }
        // Those first that were not asked about for the longest: a run may not reach all of them.
        let mut due: Vec<Due> =
            due.into_iter().map(|(payment, cancelling)| Due { payment, cancelling }).collect();
        due.sort_by_key(|due| self.last.get(&due.payment).copied());
        due.truncate(A_RUN);
        due
    }
}

impl Job for ReconcileJob {
    const NAME: &'static str = "reconcile";
    type Report = ReconcileReport;
    type Error = CommandError;

    async fn run(&mut self) -> Result<ReconcileReport, CommandError> {
        let now = self.clock.now();
        let due = self.due(now);
        let payments = self.payments.clone();
        let mut asking = futures::stream::iter(due)
            .map(|due| {
                let payments = payments.clone();
                async move { (due.payment, ask(&payments, due).await) }
            })
            .buffer_unordered(AT_ONCE);
        let mut report = ReconcileReport::default();
        let mut failed = None;
        // Noted one by one: a run that is cut off has asked about these all the same.
        while let Some((payment, outcome)) = asking.next().await {
            report.asked += 1;
            self.last.insert(payment, now);
            match outcome {
                Ok(ended) => report.ended += usize::from(ended),
                Err(PaymentsError::Command(error)) if error.refusal().is_none() => failed = Some(error),
                // It is not asked while it rests, so its turn is not over either.
                Err(PaymentsError::Backend(BackendError::Resting { .. })) => {
                    self.last.remove(&payment);
                    report.unanswered += 1;
                }
                Err(error) => {
                    tracing::info!(%payment, %error, "a payment's end is not known yet");
                    report.unanswered += 1;
                }
            }
        }
        failed.map_or(Ok(report), Err)
    }
}

/// Whether the payment has come to an end.
async fn ask(payments: &Payments, due: Due) -> Result<bool, PaymentsError> {
    let actor = Actor(ReconcileJob::NAME.into());
    let refreshed = payments.refresh(&actor, due.payment).await;
    let open = refreshed.as_ref().map_or(true, |now| now.payment.status.is_open());
    if due.cancelling && open {
        // Also when it did not tell where the payment stands.
        payments.follow_cancellation(&actor, due.payment).await?;
        return Ok(true);
    }
    refreshed.map(|_| !open)
}
