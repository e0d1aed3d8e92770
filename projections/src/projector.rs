//! [`Projector`]: what a read model does with events.

use async_trait::async_trait;
use store::Position;

use crate::db::{DbError, Tx};
use crate::event::ProjectedEvent;

/// Why events were not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The store of the read models is not available: the runner tries again.
    #[error(transparent)]
    Db(#[from] DbError),
    /// This event cannot be applied: the projector stops before it.
    #[error("the event at position {position} cannot be applied: {why}")]
    Event {
        /// Which.
        position: Position,
        /// Why.
        why: String,
    },
}

/// Makes one read model out of events.
///
/// It reads and writes its own tables only, and it depends on nothing but the events: the same history gives the
/// same rows, whenever and in whatever batches it is applied.
#[async_trait]
pub trait Projector: Send + Sync + 'static {
    /// Its name, in `servelink projections` and in the `projection` table.
    fn name(&self) -> &'static str;

    /// The version of what it makes. A new version is built beside the old one and takes its place once it has
    /// caught up.
    fn version(&self) -> i64;

    /// Its tables, each with a `generation` column.
    fn tables(&self) -> &'static [&'static str];

    /// The aggregates whose events it needs. An event of theirs that cannot be understood stops it.
    fn aggregates(&self) -> &'static [&'static str];

    /// Applies the events, in order, to the rows of a generation. All that they change is in the transaction; the
    /// runner moves the checkpoint in the same one.
    ///
    /// # Errors
    /// [`ApplyError`]; then the transaction is dropped.
    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError>;
}
