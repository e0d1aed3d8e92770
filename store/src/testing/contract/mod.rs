//! The properties, each a function over a [`Harness`](super::Harness) that panics when it does not hold. The macros
//! of [`testing`](super) list them.

pub mod closing;
pub mod conditions;
pub mod history;
pub mod keys;
pub mod nodes;
pub mod order;
pub mod reading;
pub mod sequences;
pub mod waking;
