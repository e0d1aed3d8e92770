//! What a job is, when it runs, and the runner that all of them share: never two runs at once, on however many nodes,
//! each within a time limit, until told to stop.
//!
//! | module | holds |
//! |---|---|
//! | [`schedule`] | when a job runs: at an interval, or at times of the calendar |
//! | [`lease`] | which node runs it |
//! | [`runner`] | runs one job when it is due, as long as this node has it |
//!
//! A job takes no input: at every run it looks at the world anew, so a run that failed, was cut off or never happened
//! is made good by the next one. That also means that a run may be dropped at any await.

pub mod lease;
pub mod runner;
pub mod schedule;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

pub use lease::Coordinator;
pub use runner::Runner;
pub use schedule::{Calendar, FirstStart, SHORTEST_INTERVAL, Schedule, Timing};

/// Something to be done again and again.
pub trait Job: Send {
    /// What log lines and the command line call it.
    const NAME: &'static str;
    /// What a run has to tell, for people to read in one line.
    type Report: fmt::Debug + fmt::Display + Send + Sync;
    /// Why a run did not reach its end.
    type Error: Error + Send + Sync;

    /// The job is this node's from now on. Another one may have had it meanwhile: what was remembered of the runs before
    /// may not be so any more.
    fn taken(&mut self) {}

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
    /// This node was held up for so long that another may run the job by now.
    #[error("this node has lost the job to another one")]
    Lost,
}
