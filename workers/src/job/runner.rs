//! Runs one job when it is due, as long as this node has it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, Utc};
use store::state::jobs::{JobState, LastRun, Note};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::lease::{Coordinator, Held, Lease};
use super::schedule::{FirstStart, Timing, When};
use super::{Job, JobReport, RunError};
use crate::trouble::{Trouble, in_one_line};

/// A runner looks at the clock at least this often: it may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// A time of the calendar whose run failed is tried again after this long, then after twice as long and so on.
const FIRST_RETRY: Duration = Duration::from_secs(60);
const LAST_RETRY: Duration = Duration::from_secs(3_600);
/// The run of a job with an interval is noted at most this often, unless it turns from good to bad or back.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// The longest report that is noted, in characters.
const LONGEST_REPORT: usize = 2_000;

/// Runs one job.
pub struct Runner<J> {
    job: J,
    timing: Timing,
    coordinator: Arc<Coordinator>,
    lease: Lease,
    bell: Arc<Notify>,
    trouble: Trouble,
    /// With the store of the lease.
    lease_trouble: Trouble,
    /// Not before then: the next turn of an interval, or the next try of a time that failed.
    not_before: Option<Instant>,
    done_slot: Option<DateTime<Utc>>,
    request: Option<DateTime<Utc>>,
    /// Somebody wants a look at the store.
    rung: bool,
    /// What could not be noted yet.
    unnoted: Option<Note>,
    /// When a run was noted, and whether that one failed.
    noted: Option<(Instant, bool)>,
}

/// What a run is for.
#[derive(Debug, Clone, Copy)]
struct Due {
    slot: Option<DateTime<Utc>>,
    request: Option<DateTime<Utc>>,
}

impl<J: Job> Runner<J> {
    /// A runner of this job.
    #[must_use]
    pub fn new(job: J, timing: impl Into<Timing>, coordinator: &Arc<Coordinator>) -> Self {
        let timing = timing.into();
        Self {
            job,
            coordinator: Arc::clone(coordinator),
            lease: Lease::new(J::NAME.into(), timing.interval(), Arc::clone(coordinator)),
            timing,
            bell: coordinator.bell(J::NAME),
            trouble: Trouble::new(J::NAME),
            lease_trouble: Trouble::new("leases of jobs"),
            not_before: None,
            done_slot: None,
            request: None,
            rung: false,
            unnoted: None,
            noted: None,
        }
    }

    /// The same of one of several things that the job is done to, such as one of two Traefiks: each may be another
    /// node's.
    #[must_use]
    pub fn of(mut self, which: &str) -> Self {
        let name = format!("{}:{which}", J::NAME);
        self.bell = self.coordinator.bell(&name);
        self.lease = Lease::new(name, self.timing.interval(), Arc::clone(&self.coordinator));
        self
    }

    /// Runs the job whenever it is due, until `shutdown`. A run that is under way then is dropped, and another node may
    /// have the job.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let forever = async {
            loop {
                let _: Option<JobReport<J::Report, J::Error>> = self.turn().await;
                let wait = self.until_next_look();
                tokio::select! {
                    () = self.bell.notified() => self.rung = true,
                    () = sleep(wait) => {}
                }
            }
        };
        // `None` at shutdown; without it `forever` has no end.
        let _: Option<()> = shutdown.run_until_cancelled(forever).await;
        self.lease.leave().await;
    }

    /// One look at the clock and the lease: runs the job if it is due and this node's.
    pub async fn turn(&mut self) -> Option<JobReport<J::Report, J::Error>> {
        if !self.has_it().await {
            return None;
        }
        let due = self.due().await?;
        Some(self.run_for(due).await)
    }

    /// One run, whether it is due or not; none where another node has the job.
    pub async fn once(&mut self) -> Option<JobReport<J::Report, J::Error>> {
        if !self.has_it().await {
            return None;
        }
        Some(self.run_for(Due { slot: None, request: None }).await)
    }

    async fn has_it(&mut self) -> bool {
        let held = self.lease.hold(self.rung).await;
        self.lease_trouble.note(held.as_ref().err().map(|error| in_one_line(error)));
        let Ok(held) = held else { return false };
        self.rung = false;
        let Some(Held { seen, newly }) = held else { return false };
        if newly {
            self.job.taken();
            // It is another node's word now what was run.
            self.unnoted = None;
        }
        if let Some(seen) = seen {
            self.see(seen);
        }
        match self.unnoted.take() {
            Some(note) => self.write(note).await,
            None => true,
        }
    }

    fn see(&mut self, seen: JobState) {
        self.done_slot = seen.done_slot;
        self.request = seen.requested_at;
    }

    /// What is to be run now, if anything is.
    async fn due(&mut self) -> Option<Due> {
        let request = self.request;
        let early = self.not_before.is_some_and(|not_before| Instant::now() < not_before);
        match &self.timing.when {
            When::Every(interval) => {
                if early && request.is_none() {
                    return None;
                }
                let now = Instant::now();
                // In step with the first run, whatever the others took.
                let behind = self.not_before.map_or(0, |due| {
                    now.saturating_duration_since(due).as_nanos() / interval.as_nanos().max(1)
                });
                let turns = u32::try_from(behind).unwrap_or(u32::MAX).saturating_add(1);
                let begun = self.not_before.filter(|_| !early).unwrap_or(now);
                self.not_before = Some(begun + interval.saturating_mul(turns));
                Some(Due { slot: None, request })
            }
            When::At(times) => {
                let now = self.coordinator.now();
                if self.done_slot.is_none() && times.at_first == FirstStart::Wait && request.is_none() {
                    let slot = times.last(now);
                    let report = "waits for its first time".to_owned();
                    let run = LastRun { started_at: now, finished_at: now, failed: false, report };
                    // So that the next one is missed if nobody is up then.
                    self.write(Note { run, slot, request: None }).await;
                    return None;
                }
                let slot = times.due(self.done_slot, now).filter(|_| !early || request.is_some());
                (slot.is_some() || request.is_some()).then_some(Due { slot, request })
            }
        }
    }

    /// One run, logged and noted.
    async fn run_for(&mut self, due: Due) -> JobReport<J::Report, J::Error> {
        let (begun, started_at) = (Instant::now(), self.coordinator.now());
        let outcome = self.run_held().await;
        let lost = matches!(outcome, Err(RunError::Lost));
        if lost {
            self.lease.lost();
        } else {
            self.trouble.note(outcome.as_ref().err().map(|error| in_one_line(error)));
        }
        let report =
            JobReport { job: J::NAME, took: begun.elapsed(), failures: self.trouble.times(), outcome };
        if let Ok(done) = &report.outcome {
            tracing::debug!(job = report.job, took = ?report.took, report = ?done, "run done");
        }
        if !lost {
            self.note(due, started_at, &report).await;
        }
        report
    }

    /// The job's run, for as long as the lease is held: it is looked at before every step.
    async fn run_held(&mut self) -> Result<J::Report, RunError<J::Error>> {
        let (holds, limit) = (self.lease.holds(), self.timing.limit);
        let mut keeping = pin!(self.lease.keep());
        let mut running = pin!(timeout(limit, self.job.run()));
        poll_fn(|context| {
            if !holds() || keeping.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(RunError::Lost));
            }
            running.as_mut().poll(context).map(|outcome| match outcome {
                Ok(Ok(report)) => Ok(report),
                Ok(Err(error)) => Err(RunError::Failed(error)),
                Err(_elapsed) => Err(RunError::OutOfTime(limit)),
            })
        })
        .await
    }

    async fn note(&mut self, due: Due, started_at: DateTime<Utc>, report: &JobReport<J::Report, J::Error>) {
        let failed = report.outcome.is_err();
        let calendar = matches!(self.timing.when, When::At(_));
        if calendar {
            let doubled = FIRST_RETRY.saturating_mul(1 << report.failures.saturating_sub(1).min(10));
            self.not_before = failed.then(|| Instant::now() + doubled.min(LAST_RETRY));
        }
        let often = |(at, noted): (Instant, bool)| noted == failed && at.elapsed() < NOTED_EVERY;
        if !calendar && due.request.is_none() && self.noted.is_some_and(often) {
            return;
        }
        let text = match &report.outcome {
            Ok(done) => done.to_string(),
            Err(error) => in_one_line(error),
        };
        let run = LastRun {
            started_at,
            finished_at: self.coordinator.now(),
            failed,
            report: text.chars().take(LONGEST_REPORT).collect(),
        };
        self.noted = Some((Instant::now(), failed));
        let slot = due.slot.filter(|_| !failed);
        self.write(Note { run, slot, request: due.request }).await;
    }

    /// Notes a run. What cannot be noted now is noted later, and is not run again meanwhile. Whether the job is still this
    /// node's.
    async fn write(&mut self, note: Note) -> bool {
        let written = self.lease.note(&note).await;
        self.lease_trouble.note(written.as_ref().err().map(|error| in_one_line(error)));
        match written {
            Ok(Some(seen)) => self.see(seen),
            Ok(None) => self.remember(&note),
            Err(_) => {
                self.remember(&note);
                let counts = note.slot.is_some() || note.request.is_some();
                self.unnoted = counts.then_some(note);
            }
        }
        self.lease.is_held()
    }

    fn remember(&mut self, note: &Note) {
        self.done_slot = note.slot.or(self.done_slot);
        if self.request == note.request {
            self.request = None;
        }
    }

    fn until_next_look(&self) -> Duration {
        let look = self.lease.look_every().min(LONGEST_SLEEP);
        if !self.lease.is_held() {
            return look;
        }
        let turn = match &self.timing.when {
            When::Every(_) => Some(self.not_before.map_or(Duration::ZERO, |turn| turn - Instant::now())),
            When::At(times) => {
                let now = self.coordinator.now();
                times.next(now).and_then(|next| (next - now).to_std().ok())
            }
        };
        turn.map_or(look, |turn| turn.min(look))
    }
}

#[cfg(test)]
mod tests;
