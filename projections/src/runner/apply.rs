//! Applying a batch to one generation of one projector.

use std::sync::Arc;

use store::Position;

use super::{RunnerError, checkpoint};
use crate::db::{Db, DbError, Tx};
use crate::event::{Body, ProjectedEvent};
use crate::projector::{ApplyError, Projector};

/// One generation of one projector, and how far it is.
pub(super) struct Target {
    pub(super) projector: Arc<dyn Projector>,
    pub(super) generation: i64,
    pub(super) position: Position,
    pub(super) standing: Standing,
}

/// Whether a target takes more events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It does.
    Going,
    /// It met an event that it cannot apply, for this reason.
    Stopped(String),
    /// Somebody has put another generation in its place.
    Gone,
}

impl Target {
    pub(super) fn new(projector: &Arc<dyn Projector>, generation: i64, position: Position) -> Self {
        Self { projector: Arc::clone(projector), generation, position, standing: Standing::Going }
    }

    pub(super) fn is_going(&self) -> bool {
        self.standing == Standing::Going
    }

    /// Looks again how far it is: another runner may have moved it, or put another generation in its place.
    pub(super) async fn look_again(&mut self, db: &Db) -> Result<(), DbError> {
        match checkpoint::position(db, self).await? {
            Some(position) => self.position = position,
            None => self.standing = Standing::Gone,
        }
        Ok(())
    }

    /// Whether any of these events concerns it.
    fn needs_any(&self, events: &[ProjectedEvent]) -> bool {
        let needed = self.projector.aggregates();
        events.iter().any(|event| event.body.aggregate_type().is_some_and(|own| needed.contains(&own)))
    }

    /// Those of the events that it does not have yet.
    fn lacks<'a>(&self, events: &'a [ProjectedEvent]) -> Result<&'a [ProjectedEvent], RunnerError> {
        let lacks = &events[events.partition_point(|event| event.position <= self.position)..];
        match lacks.first() {
            Some(first) if first.position.0 != self.position.0 + 1 => {
                Err(RunnerError::Gap { after: self.position, found: first.position })
            }
            Some(_) | None => Ok(lacks),
        }
    }
}

/// Applies to each of these what it does not have yet. Those whom nothing of it concerns only move their checkpoints,
/// and all of them in one transaction: most of what comes is traffic, which most read models do not need.
pub(super) async fn apply_to_all(
    db: &Db,
    targets: impl Iterator<Item = &mut Target>,
    events: &[ProjectedEvent],
) -> Result<(), RunnerError> {
    let mut idle = Vec::new();
    for target in targets.filter(|target| target.is_going()) {
        if target.needs_any(target.lacks(events)?) {
            apply(db, target, events).await?;
        } else {
            idle.push(target);
        }
    }
    if !move_together(db, &mut idle, events).await? {
        // One of them is not where it is believed to be.
        for target in idle {
            apply(db, target, events).await?;
        }
    }
    Ok(())
}

/// Moves all their checkpoints to the end of these events, or none; whether they are there.
async fn move_together(
    db: &Db,
    targets: &mut [&mut Target],
    events: &[ProjectedEvent],
) -> Result<bool, RunnerError> {
    let Some(last) = events.last().filter(|_| !targets.is_empty()) else { return Ok(true) };
    let mut tx = db.begin().await?;
    for target in targets.iter().filter(|target| target.position < last.position) {
        if !checkpoint::advance(&mut tx, target, last.position).await? {
            return Ok(false);
        }
    }
    tx.commit().await?;
    for target in targets {
        target.position = target.position.max(last.position);
    }
    Ok(true)
}

/// Applies what the target does not have yet. When an event cannot be applied, those before it are, and it stops.
/// What another runner has applied meanwhile is left out.
async fn apply(db: &Db, target: &mut Target, events: &[ProjectedEvent]) -> Result<(), RunnerError> {
    while target.is_going() {
        let lacks = target.lacks(events)?;
        if lacks.is_empty() {
            break;
        }
        apply_some(db, target, lacks).await?;
    }
    Ok(())
}

/// Applies as many of these events as go together, from the first on; stops if that one cannot be applied.
async fn apply_some(db: &Db, target: &mut Target, events: &[ProjectedEvent]) -> Result<(), RunnerError> {
    let (mut some, mut why) = readable(&*target.projector, events);
    while let Some(last) = some.last() {
        match transact(db, target, some, last.position).await {
            Ok(true) => {
                target.position = last.position;
                return Ok(());
            }
            Ok(false) => return Ok(target.look_again(db).await?),
            Err(ApplyError::Event { position, why: cause }) => {
                let before = some.partition_point(|event| event.position < position);
                some = &some[..before.min(some.len() - 1)];
                why = format!("the event at position {position} cannot be applied: {cause}");
            }
            // One of them has what the store does not take: halves find it.
            Err(ApplyError::Db(error)) => match error.refused() {
                Some(cause) => {
                    some = &some[..some.len() / 2];
                    why = format!("the event at position {} cannot be applied: {cause}", last.position);
                }
                None => return Err(error.into()),
            },
        }
    }
    tracing::error!(projection = target.projector.name(), %why, "a projection has stopped");
    checkpoint::stop(db, target, &why).await?;
    target.standing = Standing::Stopped(why);
    Ok(())
}

/// The events before the first that the projector needs and nobody understands, and why it is not understood.
fn readable<'a>(projector: &dyn Projector, events: &'a [ProjectedEvent]) -> (&'a [ProjectedEvent], String) {
    for (place, event) in events.iter().enumerate() {
        match &event.body {
            Body::Unreadable { aggregate_type, error }
                if projector.aggregates().contains(&aggregate_type.as_str()) =>
            {
                return (&events[..place], error.clone());
            }
            Body::Unreadable { .. }
            | Body::Usage(..)
            | Body::Team(..)
            | Body::Payment(..)
            | Body::Comparison(..)
            | Body::Delivery(..)
            | Body::Other => {}
        }
    }
    (events, String::new())
}

/// Moves the checkpoint and applies, both or neither. False: the checkpoint is not where the target believes.
async fn transact(
    db: &Db,
    target: &Target,
    events: &[ProjectedEvent],
    to: Position,
) -> Result<bool, ApplyError> {
    let mut tx = db.begin().await?;
    let applied = apply_in(&mut tx, target, events, to).await?;
    if applied {
        tx.commit().await?;
    }
    Ok(applied)
}

/// Moves the checkpoint and applies, in a transaction that the caller commits. False: the checkpoint is not where the
/// target believes, or one of the events is not understood.
pub(super) async fn apply_in(
    tx: &mut Tx,
    target: &Target,
    events: &[ProjectedEvent],
    to: Position,
) -> Result<bool, ApplyError> {
    let (understood, _) = readable(&*target.projector, events);
    if understood.len() < events.len() || !checkpoint::advance(tx, target, to).await? {
        return Ok(false);
    }
    target.projector.apply(tx, target.generation, events).await?;
    Ok(true)
}
