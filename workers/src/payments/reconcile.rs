//! Asks the backend about payments that it has not told the end of: its answer or its callback was lost, or may be. About
//! their second links too, whatever has become of the payment itself. And follows cancellations that it has not heard of.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::PaymentId;
use futures::StreamExt;
use store::Clock;
use store::commands::{Actor, CommandError};
use store::known::{Known, SecondLink};
use store::payments::{BackendError, Payments, PaymentsError};

use super::schedule;
use crate::job::{Job, Schedule};

const INTERVAL: Duration = Duration::from_secs(1);
const RUN_LIMIT: Duration = Duration::from_secs(120);
/// As many questions one run asks; the others are due at the next one.
const A_RUN: usize = 256;
/// Questions at the same time.
const AT_ONCE: usize = 8;

/// What a run found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReconcileReport {
    /// Payments and second links that were asked about.
    pub asked: usize,
    /// Of these, payments that have come to an end, and links by which money has come.
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
    last: HashMap<Subject, DateTime<Utc>>,
}

/// What the backend is asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Subject {
    /// A payment, by its own link.
    Payment(PaymentId),
    SecondLink(SecondLink),
}

/// What is to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Due {
    subject: Subject,
    cancelling: bool,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payment(payment) => write!(f, "payment {payment}"),
            Self::SecondLink(SecondLink { payment, name }) => {
                write!(f, "second link {name} of payment {payment}")
            }
        }
    }
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
        self.last.retain(|subject, _| match subject {
            Subject::Payment(id) => facts.open_payments.contains_key(id) || facts.to_confirm.contains_key(id),
            Subject::SecondLink(link) => facts.second_links.contains_key(link),
        });
        let last = |subject: &Subject| self.last.get(subject).copied();
        let is_due = |subject: &Subject, since| schedule::is_due(since, last(subject), now);
        // Its link is dead from then on, or is to be: nobody must wait for that until its next turn.
        let since = |subject: &Subject, at: Option<DateTime<Utc>>| {
            at.is_some_and(|at| at <= now && last(subject).is_none_or(|last| last < at))
        };
        let mut due: BTreeMap<Subject, bool> = BTreeMap::new();
        for (id, open) in &facts.open_payments {
            let subject = Subject::Payment(*id);
            if is_due(&subject, open.since)
                || since(&subject, open.expires_at)
                || since(&subject, open.cancelling)
            {
                due.insert(subject, open.cancelling.is_some());
            }
        }
        let ended = facts.to_confirm.iter().map(|(id, ended)| (Subject::Payment(*id), ended.since));
        let links =
            facts.second_links.iter().map(|(link, since)| (Subject::SecondLink(link.clone()), *since));
        for (subject, since) in ended.chain(links) {
            if is_due(&subject, since) && !schedule::is_over(since, now) {
                due.entry(subject).or_default();
            }
        }
        // Those first that were not asked about for the longest: a run may not reach all of them.
        let mut due: Vec<Due> =
            due.into_iter().map(|(subject, cancelling)| Due { subject, cancelling }).collect();
        due.sort_by_key(|due| self.last.get(&due.subject).copied());
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
                async move {
                    let outcome = ask(&payments, &due).await;
                    (due.subject, outcome)
                }
            })
            .buffer_unordered(AT_ONCE);
        let mut report = ReconcileReport::default();
        let mut failed = None;
        // Noted one by one: a run that is cut off has asked about these all the same.
        while let Some((subject, outcome)) = asking.next().await {
            report.asked += 1;
            self.last.insert(subject.clone(), now);
            match outcome {
                Ok(ended) => report.ended += usize::from(ended),
                Err(PaymentsError::Command(error)) if error.refusal().is_none() => failed = Some(error),
                // It is not asked while it rests, so its turn is not over either.
                Err(PaymentsError::Backend(BackendError::Resting { .. })) => {
                    self.last.remove(&subject);
                    report.unanswered += 1;
                }
                Err(error) => {
                    tracing::info!(%subject, %error, "the payment backend did not tell how it ended");
                    report.unanswered += 1;
                }
            }
        }
        failed.map_or(Ok(report), Err)
    }
}

/// Whether it has come to an end.
async fn ask(payments: &Payments, due: &Due) -> Result<bool, PaymentsError> {
    let actor = Actor(ReconcileJob::NAME.into());
    let payment = match &due.subject {
        Subject::Payment(payment) => *payment,
        Subject::SecondLink(SecondLink { payment, name }) => {
            let now = payments.refresh_second_link(&actor, *payment, name).await?;
            return Ok(!now.payment.follows(name));
        }
    };
    let refreshed = payments.refresh(&actor, payment).await;
    let open = refreshed.as_ref().map_or(true, |now| now.payment.status.is_open());
    if due.cancelling && open {
        // Also when it did not tell where the payment stands.
        payments.follow_cancellation(&actor, payment).await?;
        return Ok(true);
    }
    refreshed.map(|_| !open)
}
