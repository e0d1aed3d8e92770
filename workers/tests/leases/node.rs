//! A node with one job, whose steps are on record: which node took them, in which order.

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use servelink_workers::job::{Coordinator, Job, JobReport, Runner, Schedule};
use store::SystemClock;
use store::state::State;
use store::state::jobs::JobState;
use store::testing::in_time;

/// Steps of a run.
pub(crate) const STEPS: usize = 5;
/// The lease of a node that does not lose it in its test.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// Neither is reached: each node has one run in a test.
const SCHEDULE: Schedule = Schedule { interval: LONG, limit: LONG };

/// The steps of all nodes, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps(Arc<Mutex<Vec<(&'static str, usize)>>>);

impl Steps {
    pub(crate) fn taken(&self) -> Vec<(&'static str, usize)> {
        self.0.lock().unwrap().clone()
    }
}

/// A run takes one step after the other, and lets its node do other things after each.
pub(crate) struct Stepwise<H> {
    node: &'static str,
    steps: Steps,
    happens: H,
}

impl<H, F> Job for Stepwise<H>
where
    H: FnMut(usize) -> F + Send,
    F: Future<Output = ()> + Send,
{
    const NAME: &'static str = "stepwise";
    type Report = String;
    type Error = Infallible;

    async fn run(&mut self) -> Result<String, Infallible> {
        for number in 0..STEPS {
            self.steps.0.lock().unwrap().push((self.node, number));
            (self.happens)(number).await;
            tokio::task::yield_now().await;
        }
        Ok(format!("{STEPS} steps of {}", self.node))
    }
}

/// How a run of it went.
pub(crate) type Report = JobReport<String, Infallible>;

/// A node of this name over this connection, with this lease. What `happens` is a part of each step, once that is on record.
pub(crate) fn node<H, F>(
    (name, lease, state): (&'static str, Duration, &State),
    steps: &Steps,
    happens: H,
) -> Runner<Stepwise<H>>
where
    H: FnMut(usize) -> F + Send,
    F: Future<Output = ()> + Send,
{
    let coordinator = Coordinator::new(state.clone(), name.into(), lease, Arc::new(SystemClock));
    Runner::new(Stepwise { node: name, steps: steps.clone(), happens }, SCHEDULE, &coordinator)
}

/// Has the node look until it has the job, and gives back how the run went that it then began.
pub(crate) async fn take_over<J: Job>(node: &mut Runner<J>) -> JobReport<J::Report, J::Error> {
    in_time(async {
        loop {
            if let Some(report) = node.turn().await {
                return report;
            }
        }
    })
    .await
}

/// The job as all nodes see it.
pub(crate) async fn job(state: &State) -> JobState {
    let [job] = <[JobState; 1]>::try_from(state.jobs().await.unwrap()).unwrap();
    job
}
