//! What the writer needs of a store: one connection of its own and a handful of set-based statements.

use std::collections::HashMap;
use std::future::Future;

use uuid::Uuid;

use crate::key::{Digest, KeyId};
use crate::log::{KeyRecord, NewEvent, Position, StreamId};

/// Why a store did not do its part. The writer gives up the transaction and says so to every waiter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    #[error("no transaction was begun")]
    NoTransaction,
    #[error("the store did not answer in time")]
    TimedOut,
}

/// An event that is about to be inserted.
pub(crate) struct Row<'a> {
    pub(crate) position: Position,
    pub(crate) stream: &'a StreamId,
    pub(crate) sequence: u64,
    pub(crate) event_id: Uuid,
    pub(crate) event: &'a NewEvent,
    pub(crate) metadata: &'a str,
}

/// A key that is about to be inserted.
pub(crate) struct KeyRow<'a> {
    pub(crate) id: KeyId,
    pub(crate) digest: Digest,
    pub(crate) position: Position,
    pub(crate) answer: Option<&'a str>,
}

type Done<T> = Result<T, BackendError>;

/// A store with one transaction at a time. All calls but `abandon` happen between `begin` and `commit`/`rollback`.
pub(crate) trait Backend: Send + 'static {
    /// Begins a transaction, locks the head against every other writer, and tells where it is.
    fn begin(&mut self) -> impl Future<Output = Done<Position>> + Send;
    /// The last position of every (aggregate type, event type) after this one.
    fn types_after(
        &mut self,
        after: Position,
    ) -> impl Future<Output = Done<Vec<(String, String, Position)>>> + Send;
    /// Those of the keys that are recorded.
    fn key_records(&mut self, keys: &[KeyId])
    -> impl Future<Output = Done<HashMap<KeyId, KeyRecord>>> + Send;
    /// The last sequences of those of the streams that have events.
    fn sequences(
        &mut self,
        streams: &[StreamId],
    ) -> impl Future<Output = Done<HashMap<StreamId, u64>>> + Send;
    /// Inserts and moves the head.
    fn insert(
        &mut self,
        rows: &[Row<'_>],
        keys: &[KeyRow<'_>],
        head: Position,
    ) -> impl Future<Output = Done<()>> + Send;
    /// Makes it durable.
    fn commit(&mut self) -> impl Future<Output = Done<()>> + Send;
    /// Ends the transaction without a trace.
    fn rollback(&mut self) -> impl Future<Output = Done<()>> + Send;
    /// Drops the connection, after an error or at the end; the next `begin` makes a new one.
    fn abandon(&mut self) -> impl Future<Output = ()> + Send;
}
