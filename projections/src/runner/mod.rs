//! The runner: reads the log after the checkpoints, applies what is there, and moves each checkpoint in the
//! transaction that holds the rows: exactly once. A checkpoint is moved by compare-and-set before anything is
//! applied, so that of two runners one waits for the other and then finds that the work is done.
//!
//! A projector that meets an event it cannot apply stops there, says so in the `projection` table (`/readyz` shows
//! it) and is not skipped; the others go on.

mod apply;
mod build;
mod checkpoint;

use std::sync::Arc;
use std::time::Duration;

use store::{EventLog, Filter, Position, ReadError};
use tokio::sync::watch;

pub use build::Progress;
pub use checkpoint::{ProjectorStatus, State, statuses};

use crate::db::{Db, DbError};
use crate::event::ProjectedEvent;
use crate::projector::Projector;
use apply::Target;

/// Events that one transaction takes while the runner follows the log.
const LIVE_BATCH: usize = 2_000;
/// How long to wait before trying again what the store refused.
const RETRY: Duration = Duration::from_secs(1);

/// Why the runner cannot do its work now.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The log cannot be read.
    #[error("the event log cannot be read")]
    Log(#[from] ReadError),
    /// The store of the read models is not available.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The log gave an event that does not follow the checkpoint. Applying it would lose those between.
    #[error("the event log skipped from position {after} to {found}: nothing was applied")]
    Gap {
        /// The checkpoint.
        after: Position,
        /// What came.
        found: Position,
    },
    /// No projector of this name.
    #[error("there is no projection `{0}`")]
    Unknown(String),
    /// A projector cannot be built to the end.
    #[error("the projection `{name}` stopped while it was built: {why}")]
    Stopped {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
    /// Another process builds the same projection.
    #[error("another process builds the projection `{0}` at this moment")]
    BuiltElsewhere(String),
}

/// Keeps the read models up to date.
#[derive(Clone)]
pub struct Runner {
    log: Arc<dyn EventLog>,
    db: Db,
    projectors: Vec<Arc<dyn Projector>>,
    moved: watch::Sender<Position>,
}

impl Runner {
    /// A runner of these projectors. `moved` is told how far all of them are.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventLog>,
        db: Db,
        projectors: Vec<Arc<dyn Projector>>,
        moved: watch::Sender<Position>,
    ) -> Self {
        Self {
            log,
            db,
            projectors,
            moved,
        }
    }

    /// Follows the log until it is dropped. What was begun to be built is built to its end beside.
    pub async fn run(self) {
        loop {
            match self.prepare().await {
                Ok(()) => break,
                Err(error) => self.complain("cannot prepare the read models", &error).await,
            }
        }
        let builder = self.clone();
        let (_, ()) = tokio::join!(builder.build_the_unbuilt(), self.follow());
    }

    async fn follow(&self) {
        let mut wake = self.log.wake();
        let mut targets = Vec::new();
        loop {
            match self.follow_once(&mut targets).await {
                Ok(true) => {}
                Ok(false) => {
                    // Another process may have switched a generation without an event to wake us.
                    let _ = tokio::time::timeout(RETRY, wake.changed()).await;
                }
                Err(error) => {
                    self.complain("the read models cannot follow the log", &error)
                        .await;
                    targets.clear();
                }
            }
        }
    }

    /// One batch for everyone who is behind; whether there was one.
    async fn follow_once(&self, targets: &mut Vec<Target>) -> Result<bool, RunnerError> {
        checkpoint::refresh(&self.db, &self.projectors, targets).await?;
        let positions = || targets.iter().map(|target| target.position);
        if let Some(all) = positions().min() {
            self.moved
                .send_if_modified(|moved| std::mem::replace(moved, all) != all);
        }
        let Some(from) = targets
            .iter()
            .filter(|target| !target.stopped)
            .map(|target| target.position)
            .min()
        else {
            return Ok(false);
        };
        let events = self.read(from, LIVE_BATCH).await?;
        if events.is_empty() {
            return Ok(false);
        }
        for target in targets.iter_mut() {
            apply::apply(&self.db, target, &events).await?;
        }
        Ok(true)
    }

    async fn read(&self, after: Position, limit: usize) -> Result<Vec<ProjectedEvent>, RunnerError> {
        let recorded = self.log.read_after(after, limit, Filter::All).await?;
        Ok(recorded.iter().map(ProjectedEvent::of).collect())
    }

    async fn complain(&self, what: &str, error: &RunnerError) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%error, cause, "{what}; trying again");
        tokio::time::sleep(RETRY).await;
    }
}

#[cfg(test)]
mod tests;
