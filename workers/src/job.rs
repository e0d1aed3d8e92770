//! What a job is, and the runner that all of them share: one run at every turn of an interval, never two at once, each
//! within a time limit, until told to stop.
//!
//! A job takes no input: at every run it looks at the world anew, so a run that failed, was cut off or never happened
//! is made good by the next one. That also means that a run may be dropped at any await.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use store::Clock;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::trouble::{Trouble, in_one_line};

/// A shorter interval is taken for this one.
pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// A daily job looks at the clock at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);

/// Something to be done at an interval.
pub trait Job: Send {
    /// What log lines call it.
    const NAME: &'static str;
    /// What a run has to tell.
    type Report: fmt::Debug + Send;
    /// Why a run did not reach its end.
    type Error: Error + Send;

    /// One run.
    fn run(&mut self) -> impl Future<Output = Result<Self::Report, Self::Error>> + Send;
}

/// How a run went.
#[derive(Debug)]
pub struct JobReport<R, E: Error> {
    /// The job's name.
    pub job: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Runs in a row that failed, this one included; 0 when it did not fail.
    pub failures: u32,
    /// What came of it.
    pub outcome: Result<R, RunError<E>>,
}

/// Why a run did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E: Error> {
    /// The job's own error.
    #[error(transparent)]
    Failed(E),
    /// It was cut off.
    #[error("not done within {0:?}")]
    OutOfTime(Duration),
}

/// When a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// From the beginning of one run to that of the next. After a run that takes longer the next one begins at once;
    /// turns that were missed beyond it are left out, and the rest stays in step.
    pub interval: Duration,
    /// The longest that a run may take.
    pub limit: Duration,
}

/// Runs one job.
pub struct Runner<J> {
    job: J,
    schedule: Schedule,
    trouble: Trouble,
}

impl<J: Job> Runner<J> {
    /// A runner of this job.
    #[must_use]
    pub const fn new(job: J, schedule: Schedule) -> Self {
        Self { job, schedule, trouble: Trouble::new(J::NAME) }
    }

    /// Runs the job at once and then at every turn, until `shutdown`. A run that is under way then is dropped.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut turns = interval(self.schedule.interval.max(SHORTEST_INTERVAL));
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let forever = async {
            loop {
                turns.tick().await;
                self.once().await;
            }
        };
        // `None` at shutdown; without it `forever` has no end.
        let _: Option<()> = shutdown.run_until_cancelled(forever).await;
    }

    /// Runs the job at once (what was missed while the process was down is made good by it) and then every day at this
    /// time in UTC, until `shutdown`. A run that is under way then is dropped.
    pub async fn run_daily(mut self, at: NaiveTime, clock: Arc<dyn Clock>, shutdown: CancellationToken) {
        let forever = async {
            loop {
                self.once().await;
                let due = next_daily(clock.now(), at);
                // By and by: the machine's clock may be set meanwhile.
                while let Ok(left) = (due - clock.now()).to_std() {
                    if left.is_zero() {
                        break;
                    }
                    sleep(left.min(LONGEST_SLEEP)).await;
                }
            }
        };
        let _: Option<()> = shutdown.run_until_cancelled(forever).await;
    }

    /// One run, logged.
    pub async fn once(&mut self) -> JobReport<J::Report, J::Error> {
        let begun = Instant::now();
        let outcome = match timeout(self.schedule.limit, self.job.run()).await {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(error)) => Err(RunError::Failed(error)),
            Err(_elapsed) => Err(RunError::OutOfTime(self.schedule.limit)),
        };
        self.trouble.note(outcome.as_ref().err().map(|error| in_one_line(error)));
        let report =
            JobReport { job: J::NAME, took: begun.elapsed(), failures: self.trouble.times(), outcome };
        if let Ok(done) = &report.outcome {
            tracing::debug!(job = report.job, took = ?report.took, report = ?done, "run done");
        }
        report
    }
}

/// The first time of day after this instant.
fn next_daily(now: DateTime<Utc>, at: NaiveTime) -> DateTime<Utc> {
    let today = now.date_naive().and_time(at).and_utc();
    if today > now { today } else { today + TimeDelta::days(1) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[derive(Debug, thiserror::Error)]
    #[error("no luck")]
    struct NoLuck;

    /// Takes the given times one after the other, then none, and notes when each run began.
    struct Slow {
        takes: Vec<Duration>,
        zero: Instant,
        begun: Arc<Mutex<Vec<u128>>>,
    }

    impl Slow {
        fn new(takes: &[u64]) -> Self {
            let takes = takes.iter().rev().map(|ms| Duration::from_millis(*ms)).collect();
            Self { takes, zero: Instant::now(), begun: Arc::default() }
        }
    }

    impl Job for Slow {
        const NAME: &'static str = "slow";
        type Report = ();
        type Error = NoLuck;

        async fn run(&mut self) -> Result<(), NoLuck> {
            self.begun.lock().unwrap().push(self.zero.elapsed().as_millis());
            tokio::time::sleep(self.takes.pop().unwrap_or_default()).await;
            Err(NoLuck)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn runs_never_overlap_and_stay_in_step_although_they_fail() {
        let job = Slow::new(&[0, 2_500, 300]);
        let begun = Arc::clone(&job.begun);
        let shutdown = CancellationToken::new();
        let runner = Runner::new(job, Schedule { interval: SECOND, limit: 10 * SECOND });
        let running = tokio::spawn(runner.run(shutdown.clone()));
        tokio::time::sleep(Duration::from_millis(5_500)).await;
        shutdown.cancel();
        running.await.unwrap();
        assert_eq!(*begun.lock().unwrap(), [0, 1_000, 3_500, 4_000, 5_000]);
    }

    #[test]
    fn the_next_time_of_day_is_after_now() {
        let next = |now: &str| {
            next_daily(now.parse().unwrap(), NaiveTime::from_hms_opt(4, 0, 0).unwrap()).to_rfc3339()
        };
        assert_eq!(next("2026-12-31T03:59:59Z"), "2026-12-31T04:00:00+00:00");
        assert_eq!(next("2026-12-31T04:00:00Z"), "2027-01-01T04:00:00+00:00");
        assert_eq!(next("2028-02-28T12:00:00Z"), "2028-02-29T04:00:00+00:00");
    }

    #[tokio::test(start_paused = true)]
    async fn a_daily_job_runs_at_once_and_then_at_its_time() {
        let job = Slow::new(&[]);
        let begun = Arc::clone(&job.begun);
        let (zero, shutdown) = (Instant::now(), CancellationToken::new());
        // It is 03:00 now, and the paused time goes on from there.
        let at_three: DateTime<Utc> = "2026-11-23T03:00:00Z".parse().unwrap();
        let clock = Arc::new(move || at_three + TimeDelta::from_std(zero.elapsed()).unwrap());
        let runner = Runner::new(job, Schedule { interval: SECOND, limit: 10 * SECOND });
        let four = NaiveTime::from_hms_opt(4, 0, 0).unwrap();
        let running = tokio::spawn(runner.run_daily(four, clock, shutdown.clone()));
        let hour = 3_600_000;
        tokio::time::sleep(Duration::from_millis(26 * hour)).await;
        shutdown.cancel();
        running.await.unwrap();
        assert_eq!(*begun.lock().unwrap(), [0, hour, 25 * hour].map(u128::from));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_cut_off_at_its_limit() {
        let mut runner = Runner::new(Slow::new(&[5_000]), Schedule { interval: SECOND, limit: 2 * SECOND });
        let report = runner.once().await;
        assert!(matches!(report.outcome, Err(RunError::OutOfTime(_))));
        assert_eq!((report.took, report.failures), (2 * SECOND, 1));
        let report = runner.once().await;
        assert!(matches!(report.outcome, Err(RunError::Failed(NoLuck))));
        assert_eq!(report.failures, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_does_not_wait_for_a_run() {
        let job = Slow::new(&[60_000]);
        let begun = Arc::clone(&job.begun);
        let shutdown = CancellationToken::new();
        let runner = Runner::new(job, Schedule { interval: SECOND, limit: 90 * SECOND });
        let running = tokio::spawn(runner.run(shutdown.clone()));
        tokio::time::sleep(SECOND).await;
        shutdown.cancel();
        tokio::time::timeout(SECOND, running).await.unwrap().unwrap();
        assert_eq!(*begun.lock().unwrap(), [0]);
    }
}
