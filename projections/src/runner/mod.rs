//! The runner: reads the log after the checkpoints, applies what is there, and moves each checkpoint in the
//! transaction that holds the rows: exactly once. A checkpoint is moved by compare-and-set before anything is
//! applied, so that of two runners one waits for the other and then finds that the work is done.
//!
//! A projector that meets an event it cannot apply stops there, says so in the `projection` table (`/readyz` shows
//! it) and is not skipped; the others go on.

mod apply;
mod build;
mod checkpoint;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use store::{EventLog, Filter, Position, ReadError};
use tokio::sync::watch;
use tokio::task::JoinSet;

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
    /// Somebody else began to build the same projection anew.
    #[error("the projection `{0}` was begun anew by somebody else, who builds it now")]
    BuiltElsewhere(String),
}

/// Keeps the read models up to date.
#[derive(Clone)]
pub struct Runner {
    log: Arc<dyn EventLog>,
    db: Db,
    projectors: Vec<Arc<dyn Projector>>,
    moved: watch::Sender<Position>,
    left_behind: Duration,
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
        Self { log, db, projectors, moved, left_behind: build::LEFT_BEHIND }
    }

    /// As it is, but a generation that somebody began to build is taken over once it has stood still for this long,
    /// instead of ten seconds.
    #[must_use]
    pub fn taking_over_after(self, left_behind: Duration) -> Self {
        Self { left_behind, ..self }
    }

    /// Follows the log until it is closed. What was begun to be built is built to its end beside.
    pub async fn run(self) {
        while let Err(error) = self.prepare().await {
            self.complain("cannot prepare the read models", &error).await;
        }
        let builder = self.clone();
        // Ends with this function, however that ends.
        let mut beside = JoinSet::new();
        beside.spawn(async move { builder.build_the_unbuilt().await });
        self.follow().await;
    }

    async fn follow(&self) {
        let mut wake = self.log.wake();
        let mut targets = Vec::new();
        loop {
            match self.follow_once(&mut targets).await {
                Ok(true) => {}
                // Another process may have switched a generation without an event to wake us.
                Ok(false) => match tokio::time::timeout(RETRY, wake.changed()).await {
                    Ok(Ok(())) | Err(_) => {}
                    Ok(Err(_)) => return,
                },
                Err(error) => {
                    self.complain("the read models cannot follow the log", &error).await;
                    targets.clear();
                }
            }
        }
    }

    /// One batch for everyone who is behind; whether there was one. Those who are at the same position share it, and
    /// one that is far behind keeps nobody waiting.
    async fn follow_once(&self, targets: &mut Vec<Target>) -> Result<bool, RunnerError> {
        *targets = checkpoint::followed(&self.db, &self.projectors, targets).await?;
        self.tell(targets);
        let positions: BTreeSet<Position> =
            targets.iter().filter(|target| target.is_going()).map(|target| target.position).collect();
        let mut more = false;
        for from in positions {
            let events = self.read(from, LIVE_BATCH).await?;
            more |= !events.is_empty();
            let there = targets.iter_mut().filter(|target| target.position == from);
            apply::apply_to_all(&self.db, there, &events).await?;
        }
        self.tell(targets);
        Ok(more)
    }

    /// Tells how far all projectors are; one that is not read yet is nowhere.
    fn tell(&self, targets: &[Target]) {
        let position = |projector: &Arc<dyn Projector>| {
            let own = targets.iter().find(|target| target.projector.name() == projector.name());
            own.map_or(Position::default(), |target| target.position)
        };
        let all = self.projectors.iter().map(position).min().unwrap_or_default();
        self.moved.send_if_modified(|moved| std::mem::replace(moved, all) != all);
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
