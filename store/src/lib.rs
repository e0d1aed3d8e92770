//! The event log: one trait, its backends, and everything that appends.
//!
//! | module | holds |
//! |---|---|
//! | [`log`] | [`EventLog`], what goes in ([`Append`]) and what comes out ([`Recorded`]) |
//! | `writer` | the one task of a node that appends: group commit, idempotency, expected sequences |
//! | [`memory`], [`sqlite`], [`postgres`] | the backends |
//! | [`repository`] | the cqrs-es repository over any `EventLog` |
//! | [`known`] | what decisions across streams must know, kept up from the log |
//! | [`commands`] | load, decide, append, for every aggregate |
//! | [`payments`] | a payment's way to its backend and back, and what is asked of a backend |
//! | [`ingest`] | traffic samples into the log without loading an aggregate |
//! | [`codec`] | events to JSON and back |
//! | [`seal`], [`subjects`] | addresses of persons, which only their key opens |
//! | [`state`] | leases of jobs and keys of persons: what is neither event nor made from events |
//! | `testing` | the contract that every backend passes |
//!
//! Read models are not here: they are the projections' room.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clock;
pub mod codec;
pub mod commands;
mod head;
pub mod ingest;
mod intern;
pub mod key;
pub mod known;
pub mod log;
pub mod memory;
pub mod payments;
pub mod postgres;
pub mod repository;
pub mod seal;
pub mod sqlite;
pub mod state;
pub mod subjects;
#[cfg(feature = "testing")]
pub mod testing;
mod writer;

pub use clock::{Clock, SystemClock};
pub use key::{Digest, KeyId};
pub use log::{
    Append, AppendError, Appended, Condition, EventLog, Expected, Filter, Key, KeyRecord, NewEvent,
    OpenError, Position, ReadError, Recorded, StreamEvents, StreamId,
};
