//! Building generations beside those that are read: at the first start, for a new version, and on request.

use std::sync::Arc;

use store::Position;
use tokio::sync::mpsc;

use super::apply::{Target, apply};
use super::checkpoint::{self, State};
use super::{Runner, RunnerError};
use crate::event::ProjectedEvent;
use crate::projector::Projector;

/// Events that one transaction takes while a generation is built.
const BUILD_BATCH: usize = 20_000;

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here is applied.
    pub position: Position,
    /// Where the log ends.
    pub head: Position,
}

impl Runner {
    /// Makes sure that every projector has a generation of its present version, be it one that is still to be
    /// built, and sweeps up what a crash left behind. On an empty log that is all there is to build.
    ///
    /// # Errors
    /// [`RunnerError`].
    pub async fn prepare(&self) -> Result<(), RunnerError> {
        let statuses = checkpoint::statuses(&self.db).await?;
        for projector in &self.projectors {
            let own = || statuses.iter().filter(|status| status.name == projector.name());
            for stale in own().filter(|s| s.state == State::Building && s.version != projector.version()) {
                checkpoint::forget(&self.db, projector.name(), stale.generation).await?;
            }
            if !own().any(|status| status.version == projector.version()) {
                let generation = checkpoint::begin(&self.db, &**projector).await?;
                if self.log.head().await? == Position::default() {
                    let target = self.target(projector, generation, Position::default());
                    checkpoint::switch(&self.db, &target).await?;
                }
            }
            checkpoint::sweep(&self.db, &**projector).await?;
        }
        Ok(())
    }

    /// Builds whatever was begun and is not finished, all of it in one pass over the log.
    pub(super) async fn build_the_unbuilt(&self) {
        loop {
            let result = match self.unbuilt().await {
                Ok(targets) if targets.is_empty() => return,
                Ok(targets) => self.build(targets, &mut |_| {}).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => return,
                // It is written down beside its checkpoint, and a new version or a rebuild is needed.
                Err(RunnerError::Stopped { .. }) => return,
                Err(error) => self.complain("a read model cannot be built", &error).await,
            }
        }
    }

    async fn unbuilt(&self) -> Result<Vec<Target>, RunnerError> {
        let statuses = checkpoint::statuses(&self.db).await?;
        let building = statuses
            .into_iter()
            .filter(|status| status.state == State::Building);
        Ok(building
            .filter_map(|status| {
                let projector = self
                    .projectors
                    .iter()
                    .find(|p| p.name() == status.name && p.version() == status.version)?;
                Some(self.target(projector, status.generation, status.position))
            })
            .collect())
    }

    /// Builds new generations of one projector, or of all, beside those that are read, and switches to them.
    ///
    /// # Errors
    /// [`RunnerError`]; what is read stays as it was.
    pub async fn rebuild(
        &self,
        name: Option<&str>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), RunnerError> {
        let wanted: Vec<_> = self
            .projectors
            .iter()
            .filter(|p| name.is_none_or(|name| p.name() == name))
            .collect();
        if let (Some(name), true) = (name, wanted.is_empty()) {
            return Err(RunnerError::Unknown(name.into()));
        }
        let statuses = checkpoint::statuses(&self.db).await?;
        let mut targets = Vec::new();
        for projector in wanted {
            for unfinished in statuses
                .iter()
                .filter(|s| s.name == projector.name() && s.state == State::Building)
            {
                checkpoint::forget(&self.db, projector.name(), unfinished.generation).await?;
            }
            let generation = checkpoint::begin(&self.db, &**projector).await?;
            targets.push(self.target(projector, generation, Position::default()));
        }
        self.build(targets, progress).await
    }

    async fn build(
        &self,
        mut targets: Vec<Target>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), RunnerError> {
        loop {
            self.catch_up(&mut targets, progress).await?;
            let mut switched = true;
            for target in &targets {
                switched &= checkpoint::switch(&self.db, target).await?;
            }
            if switched {
                break;
            }
            let statuses = checkpoint::statuses(&self.db).await?;
            targets.retain(|target| {
                let state = |s: &&checkpoint::ProjectorStatus| {
                    s.name == target.projector.name() && s.generation == target.generation
                };
                statuses
                    .iter()
                    .find(state)
                    .is_none_or(|status| status.state == State::Building)
            });
        }
        for projector in &self.projectors {
            checkpoint::sweep(&self.db, &**projector).await?;
        }
        Ok(())
    }

    /// Applies everything up to where the log ends. The next batch is read and understood while one is applied.
    async fn catch_up(
        &self,
        targets: &mut [Target],
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), RunnerError> {
        let Some(from) = targets.iter().map(|target| target.position).min() else {
            return Ok(());
        };
        let head = self.log.head().await?;
        let (sender, mut batches) = mpsc::channel(1);
        let reader = tokio::spawn(read_ahead(self.clone(), from, sender));
        progress(Progress { position: from, head });
        while let Some(batch) = batches.recv().await {
            let batch: Vec<ProjectedEvent> = batch?;
            let Some(last) = batch.last().map(|event| event.position) else {
                break;
            };
            for target in targets.iter_mut() {
                apply(&self.db, target, &batch).await?;
                if target.stopped {
                    reader.abort();
                    return Err(self.stopped(target).await?);
                }
                if target.position < last {
                    reader.abort();
                    return Err(RunnerError::BuiltElsewhere(target.projector.name().into()));
                }
            }
            progress(Progress {
                position: last,
                head: head.max(last),
            });
        }
        Ok(())
    }

    async fn stopped(&self, target: &Target) -> Result<RunnerError, RunnerError> {
        let name = target.projector.name();
        let statuses = checkpoint::statuses(&self.db).await?;
        let status = statuses
            .into_iter()
            .find(|s| s.name == name && s.generation == target.generation);
        Ok(RunnerError::Stopped {
            name: name.into(),
            why: status.and_then(|s| s.stopped).unwrap_or_default(),
        })
    }

    fn target(&self, projector: &Arc<dyn Projector>, generation: i64, position: Position) -> Target {
        Target {
            projector: Arc::clone(projector),
            generation,
            position,
            stopped: false,
        }
    }
}

/// Reads batches until the log ends, one ahead of whoever applies them.
async fn read_ahead(
    runner: Runner,
    mut after: Position,
    batches: mpsc::Sender<Result<Vec<ProjectedEvent>, RunnerError>>,
) {
    loop {
        let batch = runner.read(after, BUILD_BATCH).await;
        let last = batch
            .as_ref()
            .ok()
            .and_then(|batch| batch.last())
            .map(|event| event.position);
        if batches.send(batch).await.is_err() {
            return;
        }
        match last {
            Some(last) => after = last,
            None => return,
        }
    }
}
