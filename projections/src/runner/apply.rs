//! Applying a batch to one generation of one projector.

use std::sync::Arc;

use store::Position;

use super::{RunnerError, checkpoint};
use crate::db::Db;
use crate::event::{Body, ProjectedEvent};
use crate::projector::{ApplyError, Projector};

/// One generation of one projector, and how far it is.
pub(super) struct Target {
    pub(super) projector: Arc<dyn Projector>,
    pub(super) generation: i64,
    pub(super) position: Position,
    /// It met an event that it cannot apply.
    pub(super) stopped: bool,
}

/// Applies what the target does not have yet. When an event cannot be applied, those before it are, and it stops.
/// When another runner was faster, nothing happens here: the checkpoint is read again.
pub(super) async fn apply(
    db: &Db,
    target: &mut Target,
    events: &[ProjectedEvent],
) -> Result<(), RunnerError> {
    let new = &events[events.partition_point(|event| event.position <= target.position)..];
    let Some(first) = new.first() else { return Ok(()) };
    if target.stopped {
        return Ok(());
    }
    if first.position.0 != target.position.0 + 1 {
        return Err(RunnerError::Gap {
            after: target.position,
            found: first.position,
        });
    }
    let (mut readable, mut why) = readable(&*target.projector, new);
    while let Some(last) = readable.last() {
        match transact(db, target, readable, last.position).await {
            Ok(true) => {
                target.position = last.position;
                break;
            }
            // The checkpoint is elsewhere: another runner was here.
            Ok(false) => return Ok(()),
            Err(ApplyError::Db(error)) => return Err(error.into()),
            Err(ApplyError::Event { position, why: cause }) => {
                readable = &readable[..readable.partition_point(|event| event.position < position)];
                why = Some(format!(
                    "the event at position {position} cannot be applied: {cause}"
                ));
            }
        }
    }
    if let Some(why) = why {
        tracing::error!(projection = target.projector.name(), %why, "a projection has stopped");
        checkpoint::stop(db, target, &why).await?;
        target.stopped = true;
    }
    Ok(())
}

/// The events before the first that the projector needs and nobody understands, and why it is not understood.
fn readable<'a>(
    projector: &dyn Projector,
    events: &'a [ProjectedEvent],
) -> (&'a [ProjectedEvent], Option<String>) {
    for (place, event) in events.iter().enumerate() {
        match &event.body {
            Body::Unreadable {
                aggregate_type,
                error,
            } if projector.aggregates().contains(&aggregate_type.as_str()) => {
                return (&events[..place], Some(error.clone()));
            }
            Body::Unreadable { .. } | Body::Usage(..) | Body::Team(..) | Body::Other => {}
        }
    }
    (events, None)
}

async fn transact(
    db: &Db,
    target: &Target,
    events: &[ProjectedEvent],
    to: Position,
) -> Result<bool, ApplyError> {
    let mut tx = db.begin().await?;
    if !checkpoint::advance(&mut tx, target, to).await? {
        return Ok(false);
    }
    target.projector.apply(&mut tx, target.generation, events).await?;
    tx.commit().await?;
    Ok(true)
}
