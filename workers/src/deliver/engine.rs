//! One run: everything whose time it is, each side by side with a few others.
//!
//! What is still to be sent is proposed by the read model, which may be a little behind, and decided by the log right
//! before sending. A run can be dropped at any await: nothing of it goes on in a task of its own. What one delivery or one
//! page meets holds up none of the others: the run goes on, and ends with the first error.
//!
//! What is older than `OLDEST` and was never tried is not sent. It is given up, so that it is counted, unless the channel
//! may not have been set up when it became due: when no delivery of the channel was recorded (delivered, delayed or given
//! up) at or before that instant. Then it is left alone.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::DeliveryId;
use domain::delivery::{Delivery, DeliveryCommand};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use projections::deliveries::Pending;
use projections::{PendingDelivery, QueryError, ReadModels};
use store::Clock;
use store::commands::{Actor, CommandError, Commands};

use super::reason::recordable;
use super::{Failure, Transport};
use crate::job::{Job, Schedule};

/// How soon news goes out.
const INTERVAL: Duration = Duration::from_secs(5);
/// A run that takes longer goes on in the next one.
const RUN_LIMIT: Duration = Duration::from_secs(600);
/// What is older and was never tried is no news any more.
const OLDEST: TimeDelta = TimeDelta::days(7);
/// Why that is given up.
const TOO_OLD: &str = "older than 7 days when it could first be sent";
/// How many of those are given up in a run, so that what is news need not wait for them.
const TOO_OLD_AT_ONCE: u16 = 200;
/// The longest that the other side is left alone as it asks: else what is due would wait until it is no news any more.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// Deliveries that are read at once: few, so that whoever leaves meanwhile is not written to any more.
const PAGE: u16 = 20;

/// Why a run did not go through everything. What it did not get to is there for the next one.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// What is to be delivered cannot be read.
    #[error("what is to be delivered cannot be read")]
    Pending(#[from] QueryError),
    /// What came of a delivery was not recorded, or cannot be read.
    #[error("what came of a delivery was not recorded")]
    Command(#[from] CommandError),
}

/// What a run did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct DeliverReport {
    /// They got there.
    pub delivered: usize,
    /// They did not, and are tried again.
    pub failed: usize,
    /// They are not tried any more.
    pub given_up: usize,
    /// Until when the other side asks to be left alone: nothing is sent before.
    pub held_until: Option<DateTime<Utc>>,
}

impl fmt::Display for DeliverReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delivered, failed, given_up, held_until } = self;
        write!(f, "{delivered} delivered, {failed} to be tried again, {given_up} given up")?;
        match held_until {
            Some(until) => write!(f, ", nothing more before {until} as we were asked"),
            None => Ok(()),
        }
    }
}

/// The job that sends by a transport.
pub struct DeliverJob<T> {
    transport: Arc<T>,
    commands: Arc<Commands>,
    reads: ReadModels,
    clock: Arc<dyn Clock>,
    /// What this process tried. Forgotten with it: then what is late is tried at once.
    tried: HashMap<DeliveryId, Tried>,
    held_until: Option<DateTime<Utc>>,
    /// When something was first recorded of this channel, once that is known: it does not change any more.
    set_up_by: Option<DateTime<Utc>>,
}

/// The last try of a delivery.
#[derive(Debug, Clone, Copy)]
struct Tried {
    at: DateTime<Utc>,
    /// It got there, and that is still to be recorded: it must not be sent again.
    was_sent: bool,
}

/// What is to be done with a delivery now.
enum Look {
    /// It is to be tried. It failed first at this time, if it did.
    Try(Option<DateTime<Utc>>),
    /// It got there at this time, and that is still to be recorded.
    Sent(DateTime<Utc>),
    /// Nothing (yet).
    Leave,
}

/// A try that has ended.
struct Ended {
    id: DeliveryId,
    since: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
    outcome: Result<(), Failure>,
}

impl<T: Transport> DeliverJob<T> {
    /// When it runs.
    pub const SCHEDULE: Schedule = Schedule { interval: INTERVAL, limit: RUN_LIMIT };

    /// The job over these.
    #[must_use]
    pub fn new(transport: T, commands: Arc<Commands>, reads: ReadModels, clock: Arc<dyn Clock>) -> Self {
        let transport = Arc::new(transport);
        let (tried, held_until, set_up_by) = (HashMap::new(), None, None);
        Self { transport, commands, reads, clock, tried, held_until, set_up_by }
    }

    /// Gives up what became too old before it was tried, or some of it.
    async fn give_up_what_is_too_old(
        &mut self,
        oldest: DateTime<Utc>,
        seen: &mut HashSet<DeliveryId>,
        report: &mut DeliverReport,
    ) -> Result<(), DeliverError> {
        if self.set_up_by.is_none() {
            self.set_up_by = self.reads.first_delivery_outcome(T::CHANNEL).await?;
        }
        let Some(set_up_by) = self.set_up_by else { return Ok(()) };
        let due = set_up_by..oldest;
        let ids = self.reads.untried_deliveries(T::CHANNEL, due, TOO_OLD_AT_ONCE).await?;
        let mut failed = None;
        for id in ids {
            seen.insert(id);
            failed = failed.or(self.too_old(id, report).await.err());
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn too_old(&mut self, id: DeliveryId, report: &mut DeliverReport) -> Result<(), CommandError> {
        if let Some(Tried { at, was_sent: true }) = self.tried.get(&id) {
            return self.sent(id, *at, report).await;
        }
        // The read model may be behind.
        match self.commands.delivery(id).await? {
            Delivery::Due => {}
            Delivery::Delayed { .. } | Delivery::Delivered | Delivery::GivenUp => return Ok(()),
        }
        let (at, reason) = (self.clock.now(), TOO_OLD.to_owned());
        self.record(id, DeliveryCommand::GiveUp { at, reason }).await?;
        tracing::warn!(job = T::JOB, delivery = %id, reason = TOO_OLD, "given up");
        report.given_up += 1;
        Ok(())
    }

    /// All of a page whose time it is, begun one after the other. What one of them meets holds up none of the others.
    async fn page(
        &mut self,
        page: Vec<PendingDelivery>,
        report: &mut DeliverReport,
    ) -> Result<(), CommandError> {
        let mut page = page.into_iter();
        let mut sending = FuturesUnordered::new();
        let mut failed = None;
        loop {
            while sending.len() < T::AT_ONCE.max(1) && !self.is_held() {
                let Some(delivery) = page.next() else { break };
                match self.look(&delivery).await {
                    Ok(Look::Try(since)) => {
                        let (transport, at) = (Arc::clone(&self.transport), self.clock.now());
                        sending.push(async move {
                            let outcome = transport.send(&delivery, at).await;
                            Ended { id: delivery.id, since, at, outcome }
                        });
                    }
                    Ok(Look::Sent(at)) => failed = failed.or(self.sent(delivery.id, at, report).await.err()),
                    Ok(Look::Leave) => {}
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            let Some(ended) = sending.next().await else { break };
            failed = failed.or(self.take(ended, report).await.err());
        }
        failed.map_or(Ok(()), Err)
    }

    /// What is to be done with it: the read model's word is enough to leave it, and the log's is needed to send it.
    async fn look(&self, delivery: &PendingDelivery) -> Result<Look, CommandError> {
        let last = match self.tried.get(&delivery.id) {
            Some(Tried { at, was_sent: true }) => return Ok(Look::Sent(*at)),
            Some(Tried { at, was_sent: false }) => Some(*at),
            None => None,
        };
        let now = self.clock.now();
        if !T::RETRIES.may_try(delivery.since, last, now) {
            return Ok(Look::Leave);
        }
        let since = match self.commands.delivery(delivery.id).await? {
            Delivery::Due => None,
            Delivery::Delayed { since } => Some(since),
            Delivery::Delivered | Delivery::GivenUp => return Ok(Look::Leave),
        };
        Ok(if T::RETRIES.may_try(since, last, now) { Look::Try(since) } else { Look::Leave })
    }

    /// Remembers and records what came of a try.
    async fn take(&mut self, ended: Ended, report: &mut DeliverReport) -> Result<(), CommandError> {
        let Ended { id, since, at, outcome } = ended;
        let Err(failure) = outcome else { return self.sent(id, at, report).await };
        self.tried.insert(id, Tried { at, was_sent: false });
        if let Some(wait) = failure.retry_after {
            self.held_until = self.held_until.max(Some(at + wait.min(LONGEST_HOLD)));
        }
        let reason = recordable(&failure.reason);
        if failure.is_permanent || since.is_some_and(|since| T::RETRIES.are_over(since, at)) {
            tracing::warn!(job = T::JOB, delivery = %id, reason, "given up");
            report.given_up += 1;
            return self.record(id, DeliveryCommand::GiveUp { at, reason }).await;
        }
        tracing::debug!(job = T::JOB, delivery = %id, reason, "not delivered, to be tried again");
        report.failed += 1;
        match since {
            Some(_) => Ok(()),
            None => self.record(id, DeliveryCommand::Delay { at, reason }).await,
        }
    }

    async fn sent(
        &mut self,
        id: DeliveryId,
        at: DateTime<Utc>,
        report: &mut DeliverReport,
    ) -> Result<(), CommandError> {
        self.tried.insert(id, Tried { at, was_sent: true });
        self.record(id, DeliveryCommand::Deliver { at }).await?;
        self.tried.remove(&id);
        report.delivered += 1;
        Ok(())
    }

    async fn record(&self, id: DeliveryId, command: DeliveryCommand) -> Result<(), CommandError> {
        self.commands.record_delivery(&Actor(T::JOB.into()), id, command).await?;
        Ok(())
    }

    /// Whether the other side asks to be left alone.
    fn is_held(&self) -> bool {
        self.held_until.is_some_and(|until| self.clock.now() < until)
    }
}

impl<T: Transport> Job for DeliverJob<T> {
    const NAME: &'static str = T::JOB;
    type Report = DeliverReport;
    type Error = DeliverError;

    async fn run(&mut self) -> Result<DeliverReport, DeliverError> {
        let mut report = DeliverReport::default();
        let oldest = self.clock.now() - OLDEST;
        let mut seen = HashSet::new();
        let mut failed = self.give_up_what_is_too_old(oldest, &mut seen, &mut report).await.err();
        // What failed before is the older.
        for mut from in [Pending::delayed(), Pending::untried(oldest)] {
            loop {
                if self.is_held() {
                    let report = DeliverReport { held_until: self.held_until, ..report };
                    return failed.map_or(Ok(report), Err);
                }
                let page = match self.reads.pending_deliveries(T::CHANNEL, &from, PAGE).await {
                    // At the first start there is nothing to read yet.
                    Err(QueryError::Building) => return failed.map_or(Ok(report), Err),
                    // Without it nobody knows where the next one begins.
                    Err(error) => return Err(failed.unwrap_or_else(|| error.into())),
                    Ok(page) => page,
                };
                let Some(next) = page.next else { break };
                from = next;
                failed = failed.or(page.unreadable.map(|error| QueryError::from(error).into()));
                seen.extend(page.deliveries.iter().map(|delivery| delivery.id));
                let ended = self.page(page.deliveries, &mut report).await;
                failed = failed.or(ended.err().map(DeliverError::from));
            }
        }
        self.tried.retain(|id, _| seen.contains(id));
        failed.map_or(Ok(report), Err)
    }
}
