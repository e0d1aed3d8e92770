//! Closes the months whose grace is over: from then on their numbers are final, and what comes late is a correction of the
//! month that is open then.
//!
//! A month is open for all projects or closed for all of them (`store::ingest` looks at the newest that is closed), so the
//! job goes through the projects until none is left.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Month;
use domain::month::MonthError;
use projections::runner::State as Generation;
use projections::{ProjectorStatus, QueryError, ReadModels, WaitError};
use store::commands::{Actor, CommandError, Commands};
use store::state::{State, StateError};
use store::{Clock, EventLog, ReadError};

use crate::job::{Calendar, FirstStart, Job};

/// How long after its end a month takes samples.
pub const GRACE: TimeDelta = TimeDelta::hours(72);

const RUN_LIMIT: Duration = Duration::from_secs(3_600);
/// How long the read models may take to show all that was there when the run began.
const CAUGHT_UP: Duration = Duration::from_secs(60);
/// Months that are asked for at a time.
const PAGE: u16 = 500;

/// Why not all months were closed. The next try goes on.
#[derive(Debug, thiserror::Error)]
pub enum MonthsError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The read models are behind.
    #[error("which months are open is not known yet")]
    Behind(#[from] WaitError),
    /// The read models cannot be read.
    #[error("which months are open cannot be read")]
    Query(#[from] QueryError),
    /// A month was not closed.
    #[error("a month was not closed")]
    Command(#[from] CommandError),
    /// What time it is by the store is not known.
    #[error("what time it is by the store is not known")]
    Time(#[from] StateError),
    /// The clock is out of all months.
    #[error("the clock shows no month that can be held")]
    Month(#[from] MonthError),
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthsReport {
    /// The last month whose grace is over.
    pub through: Month,
    /// Months of projects that were closed.
    pub closed: usize,
}

impl fmt::Display for MonthsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} months of projects closed, up to {}", self.closed, self.through)
    }
}

/// The job.
pub struct MonthsJob {
    commands: Arc<Commands>,
    log: Arc<dyn EventLog>,
    reads: ReadModels,
    state: State,
    clock: Arc<dyn Clock>,
}

impl MonthsJob {
    /// When it runs, in UTC: half an hour after the grace of the month before.
    pub const CRON: &str = "30 0 4 * *";
    /// When it runs, and how long it may take. Who begins with old months may want to bring in their samples first.
    pub const CALENDAR: Calendar =
        Calendar { cron: Self::CRON, at_first: FirstStart::Wait, limit: RUN_LIMIT };

    /// The job over these.
    #[must_use]
    pub fn new(
        commands: Arc<Commands>,
        log: Arc<dyn EventLog>,
        reads: ReadModels,
        state: State,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { commands, log, reads, state, clock }
    }
}

impl MonthsJob {
    /// Waits until the read model of usage shows all that is in the log now; what others do is no matter.
    async fn caught_up(&self) -> Result<(), MonthsError> {
        let head = self.log.head().await?;
        let behind = match self.reads.wait_for(head, CAUGHT_UP).await {
            Ok(()) => return Ok(()),
            Err(behind) => behind,
        };
        let usage =
            |status: &ProjectorStatus| status.name == "project_usage" && status.state == Generation::Active;
        let statuses = self.reads.statuses().await?;
        let shows =
            statuses.iter().find(|status| usage(status)).is_some_and(|status| status.position >= head);
        if shows { Ok(()) } else { Err(behind.into()) }
    }
}

impl Job for MonthsJob {
    const NAME: &'static str = "months";
    type Report = MonthsReport;
    type Error = MonthsError;

    async fn run(&mut self) -> Result<MonthsReport, MonthsError> {
        // Nothing undoes a closing: a node whose clock is ahead must not close what is still open to the others.
        let own = self.clock.now();
        let now = self.state.time().await?.map_or(own, |shared| shared.min(own));
        let through = last_over(Month::of(now - GRACE)?);
        self.caught_up().await?;
        let actor = Actor(Self::NAME.into());
        let (mut after, mut closed, mut failed) = (None, 0, None);
        loop {
            let open = self.reads.open_months(through, after, PAGE).await?;
            if open.is_empty() {
                let report = MonthsReport { through, closed };
                return failed.map_or(Ok(report), Err);
            }
            for id in open {
                after = Some(id);
                match self.commands.close_month(&actor, id).await {
                    Ok(_) => closed += 1,
                    // One month that cannot be closed keeps none of the others open.
                    Err(error) => failed = Some(error.into()),
                }
            }
        }
    }
}

/// The month before this one, which is not over.
fn last_over(not_over: Month) -> Month {
    let before = not_over.start() - TimeDelta::days(1);
    Month::of(before).unwrap_or(not_over)
}
