//! Turns in paused time, without other nodes.

use std::sync::Mutex;

use chrono::TimeDelta;
use store::Clock;

use super::super::{Calendar, Schedule};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: u128 = 3_600_000;

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

/// Takes the given times one after the other, then none, and notes when each run began. The first runs fail.
struct Slow {
    takes: Vec<Duration>,
    fails: usize,
    zero: Instant,
    begun: Arc<Mutex<Vec<u128>>>,
}

impl Slow {
    fn new(takes: &[u64], fails: usize) -> Self {
        let takes = takes.iter().rev().map(|ms| Duration::from_millis(*ms)).collect();
        Self { takes, fails, zero: Instant::now(), begun: Arc::default() }
    }
}

impl Job for Slow {
    const NAME: &'static str = "slow";
    type Report = &'static str;
    type Error = NoLuck;

    async fn run(&mut self) -> Result<&'static str, NoLuck> {
        self.begun.lock().unwrap().push(self.zero.elapsed().as_millis());
        tokio::time::sleep(self.takes.pop().unwrap_or_default()).await;
        if self.fails > 0 {
            self.fails -= 1;
            return Err(NoLuck);
        }
        Ok("done")
    }
}

/// It is 03:00, and paused time goes on from there.
fn from_three() -> Arc<dyn Clock> {
    let (zero, three) = (Instant::now(), "2026-11-23T03:00:00Z".parse::<DateTime<Utc>>().unwrap());
    Arc::new(move || three + TimeDelta::from_std(zero.elapsed()).unwrap())
}

/// When the job's runs begin within this time, in milliseconds.
async fn begun(job: Slow, timing: impl Into<Timing>, within_ms: u128) -> Vec<u128> {
    let (begun, shutdown) = (Arc::clone(&job.begun), CancellationToken::new());
    let running =
        tokio::spawn(Runner::new(job, timing, &Coordinator::alone(from_three())).run(shutdown.clone()));
    tokio::time::sleep(Duration::from_millis(u64::try_from(within_ms).unwrap())).await;
    shutdown.cancel();
    // It does not wait for a run.
    tokio::time::timeout(SECOND, running).await.unwrap().unwrap();
    Arc::into_inner(begun).unwrap().into_inner().unwrap()
}

fn daily(cron: &'static str, at_first: FirstStart) -> Timing {
    Calendar { cron, at_first, limit: 10 * SECOND }.try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn runs_never_overlap_and_stay_in_step_although_they_fail() {
    let every = Schedule { interval: SECOND, limit: 10 * SECOND };
    let began = begun(Slow::new(&[0, 2_500, 300], 9), every, 5_500).await;
    assert_eq!(began, [0, 1_000, 3_500, 4_000, 5_000]);
}

#[tokio::test(start_paused = true)]
async fn a_job_of_the_calendar_runs_at_its_times_and_at_the_first_start_if_it_should() {
    let job = || Slow::new(&[], 0);
    assert_eq!(begun(job(), daily("0 4 * * *", FirstStart::Run), 26 * HOUR).await, [0, HOUR, 25 * HOUR]);
    assert_eq!(begun(job(), daily("0 4 * * *", FirstStart::Wait), 26 * HOUR).await, [HOUR, 25 * HOUR]);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_failed_is_tried_again_less_and_less_often() {
    let began = begun(Slow::new(&[], 3), daily("0 4 * * *", FirstStart::Wait), 26 * HOUR).await;
    let minute = HOUR / 60;
    assert_eq!(began.len(), 5, "{began:?}");
    assert_eq!((began[0], began[4]), (HOUR, 25 * HOUR));
    // Within a look of when it is due.
    for (began, due) in began[1..4].iter().zip([1, 3, 7]) {
        let late = began - HOUR - due * minute;
        assert!(late < 2 * minute, "{began} instead of {due} minutes later");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_cut_off_at_its_limit() {
    let timing = Schedule { interval: SECOND, limit: 2 * SECOND };
    let mut runner = Runner::new(Slow::new(&[5_000], 9), timing, &Coordinator::alone(from_three()));
    let report = runner.once().await.unwrap();
    assert!(matches!(report.outcome, Err(RunError::OutOfTime(_))));
    assert_eq!((report.took, report.failures), (2 * SECOND, 1));
    let report = runner.once().await.unwrap();
    assert!(matches!(report.outcome, Err(RunError::Failed(NoLuck))));
    assert_eq!(report.failures, 2);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_a_run() {
    let every = Schedule { interval: SECOND, limit: 90 * SECOND };
    assert_eq!(begun(Slow::new(&[60_000], 0), every, 1_000).await, [0]);
}
