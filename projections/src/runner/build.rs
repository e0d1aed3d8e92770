//! Building generations beside those that are read: at the first start, for a new version, and on request.

use std::time::Duration;

use store::Position;
use tokio::sync::mpsc;

use super::apply::{self, Standing, Target, apply_to_all};
use super::checkpoint::{self, State};
use super::{Runner, RunnerError};
use crate::event::ProjectedEvent;

/// Events that one transaction takes while a generation is built.
const BUILD_BATCH: usize = 20_000;
/// Events that one read of the log takes meanwhile.
const BUILD_PAGE: usize = 2_000;
/// How long a generation that is being built stands still before another process takes it for left behind.
pub(super) const LEFT_BEHIND: Duration = Duration::from_secs(10);

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
        let head = self.forget_the_impossible().await?;
        let statuses = checkpoint::statuses(&self.db).await?;
        for projector in &self.projectors {
            let (name, version) = (projector.name(), projector.version());
            let own = statuses.iter().filter(|status| status.name == name);
            for old in own.filter(|s| s.state == State::Building && s.version < version) {
                checkpoint::forget(&self.db, name, old.generation).await?;
            }
            let begun = checkpoint::begin_if_missing(&self.db, &**projector).await?;
            if let (Some(generation), Position(0)) = (begun, head) {
                self.take_over(&mut Target::new(projector, generation, head)).await?;
            }
            checkpoint::sweep(&self.db, &**projector).await?;
        }
        Ok(())
    }

    /// Forgets generations that are ahead of the log: it was put back to an earlier state (from a backup, say), and
    /// they hold what never happened. Gives the log's head.
    async fn forget_the_impossible(&self) -> Result<Position, RunnerError> {
        // Read in this order: the head only grows.
        let statuses = checkpoint::statuses(&self.db).await?;
        let head = self.log.head().await?;
        for status in statuses.iter().filter(|status| status.position > head) {
            tracing::error!(
                projection = status.name, position = %status.position, %head,
                "a read model is ahead of the event log, which must have been put back: building it anew"
            );
            checkpoint::forget(&self.db, &status.name, status.generation).await?;
        }
        Ok(head)
    }

    /// Builds whatever was begun and is not finished: at once what is there at the start, and later what whoever
    /// began it has left behind. Other nodes may build the same at the same time; each batch is applied once.
    pub(super) async fn build_the_unbuilt(&self) {
        let mut looked = None;
        loop {
            match self.build_what_stands_still(looked.as_deref()).await {
                Ok(seen) => {
                    looked = Some(seen);
                    tokio::time::sleep(self.left_behind).await;
                }
                // Somebody began it anew: that is there to be built instead.
                Err(RunnerError::BuiltElsewhere(_)) => looked = None,
                Err(error) => self.complain("a read model cannot be built", &error).await,
            }
        }
    }

    /// Builds the generations that are where they were at the last look, or all at the first; gives where the others
    /// are. All are built in one pass over the log. One that stops is left: that is written beside its checkpoint.
    async fn build_what_stands_still(&self, looked: Option<&[Seen]>) -> Result<Vec<Seen>, RunnerError> {
        let mut still = Vec::new();
        let mut moving = Vec::new();
        for status in checkpoint::statuses(&self.db).await? {
            let maker =
                self.projectors.iter().find(|p| p.name() == status.name && p.version() == status.version);
            let (State::Building, Some(projector)) = (status.state, maker) else { continue };
            let seen = (status.name, status.generation, status.position);
            match looked {
                Some(looked) if status.stopped.is_some() || !looked.contains(&seen) => moving.push(seen),
                Some(_) | None => still.push(Target::new(projector, seen.1, seen.2)),
            }
        }
        match self.build(still, &mut |_| {}).await {
            Ok(()) | Err(RunnerError::Stopped { .. }) => Ok(moving),
            Err(error) => Err(error),
        }
    }

    /// Builds new generations of one projector, or of all, beside those that are read, and switches to them.
    ///
    /// # Errors
    /// [`RunnerError`]; what cannot be built is read as it was.
    pub async fn rebuild(
        &self,
        name: Option<&str>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), RunnerError> {
        let wanted: Vec<_> =
            self.projectors.iter().filter(|p| name.is_none_or(|name| p.name() == name)).collect();
        if let (Some(name), true) = (name, wanted.is_empty()) {
            return Err(RunnerError::Unknown(name.into()));
        }
        self.forget_the_impossible().await?;
        let mut targets = Vec::new();
        for projector in wanted {
            let generation = checkpoint::begin_anew(&self.db, &**projector).await?;
            targets.push(Target::new(projector, generation, Position::default()));
        }
        self.build(targets, progress).await
    }

    /// Brings these to the head of the log and switches to each that arrives. The first of those that do not is the
    /// error.
    async fn build(
        &self,
        mut targets: Vec<Target>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), RunnerError> {
        let mut failures = Vec::new();
        while !targets.is_empty() {
            self.catch_up(&mut targets, progress).await?;
            let mut behind = Vec::new();
            for mut target in targets {
                let name = target.projector.name();
                match &target.standing {
                    Standing::Going => {
                        if self.take_over(&mut target).await? {
                            tracing::info!(projection = name, position = %target.position, "a read model is built");
                            checkpoint::sweep(&self.db, &*target.projector).await?;
                        } else {
                            // It is too far behind what is read, or gone, or has stopped: the next round finds out.
                            behind.push(target);
                        }
                    }
                    Standing::Stopped(why) => {
                        failures.push(RunnerError::Stopped { name: name.into(), why: why.clone() });
                    }
                    Standing::Gone => failures.push(RunnerError::BuiltElsewhere(name.into())),
                }
            }
            targets = behind;
        }
        failures.into_iter().next().map_or(Ok(()), Err)
    }

    /// Makes a generation the one that is read, if it is there or nearly so. What is read stands still for what the other
    /// lacks: on a busy log two that run equally fast would never meet.
    async fn take_over(&self, target: &mut Target) -> Result<bool, RunnerError> {
        let mut tx = self.db.begin().await?;
        let read = checkpoint::hold_the_read(&mut tx, target).await?.unwrap_or_default();
        if target.position < read {
            let mut lacks = self.read(target.position, BUILD_PAGE).await?;
            lacks.truncate(lacks.partition_point(|event| event.position <= read));
            let reaches = lacks.last().is_some_and(|last| last.position == read);
            // Whatever is wrong with these events is found and told by the next round.
            if !reaches || !apply::apply_in(&mut tx, target, &lacks, read).await.unwrap_or_default() {
                return Ok(false);
            }
            target.position = read;
        }
        let switched = checkpoint::switch(&mut tx, target).await?;
        if switched {
            tx.commit().await?;
        }
        Ok(switched)
    }

    /// Applies everything up to where the log ends. The next batch is read and understood while one is applied.
    async fn catch_up(
        &self,
        targets: &mut [Target],
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), RunnerError> {
        for target in targets.iter_mut() {
            target.look_again(&self.db).await?;
        }
        let going = |targets: &[Target]| targets.iter().filter(|t| t.is_going()).map(|t| t.position).min();
        let Some(from) = going(targets) else { return Ok(()) };
        let head = self.log.head().await?;
        let (sender, mut batches) = mpsc::channel(1);
        tokio::spawn(read_ahead(self.clone(), from, sender));
        progress(Progress { position: from, head });
        while let Some(batch) = batches.recv().await {
            let batch: Vec<ProjectedEvent> = batch?;
            apply_to_all(&self.db, targets.iter_mut(), &batch).await?;
            let Some(position) = going(targets) else { break };
            progress(Progress { position, head: head.max(position) });
        }
        Ok(())
    }
}

/// Name, generation and position of a generation that is being built.
type Seen = (String, i64, Position);

/// Reads batches until the log ends or nobody takes them, one ahead of whoever applies them.
async fn read_ahead(
    runner: Runner,
    mut after: Position,
    batches: mpsc::Sender<Result<Vec<ProjectedEvent>, RunnerError>>,
) {
    loop {
        let batch = read_batch(&runner, after).await;
        let last = batch.as_ref().ok().and_then(|batch| batch.last()).map(|event| event.position);
        if let Ok(events) = &batch
            && events.is_empty()
        {
            return;
        }
        if batches.send(batch).await.is_err() {
            return;
        }
        match last {
            Some(last) => after = last,
            None => return,
        }
    }
}

/// One batch; in pages, because the rows of a page fit into the processor's caches.
async fn read_batch(runner: &Runner, after: Position) -> Result<Vec<ProjectedEvent>, RunnerError> {
    let mut batch: Vec<ProjectedEvent> = Vec::with_capacity(BUILD_BATCH);
    loop {
        let last = batch.last().map_or(after, |event| event.position);
        let page = runner.read(last, BUILD_PAGE).await?;
        let ends = page.len() < BUILD_PAGE;
        batch.extend(page);
        if ends || batch.len() >= BUILD_BATCH {
            return Ok(batch);
        }
    }
}
