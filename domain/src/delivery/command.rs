//! What can be told of a delivery.

use chrono::{DateTime, Utc};

/// A command to one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryCommand {
    /// It did not get there yet, and is tried again.
    Delay {
        /// When it was tried.
        at: DateTime<Utc>,
        /// Why not, without an address or anything else that is personal.
        reason: String,
    },
    /// It got there.
    Deliver {
        /// When.
        at: DateTime<Utc>,
    },
    /// It is not tried any more.
    GiveUp {
        /// When it was tried last.
        at: DateTime<Utc>,
        /// Why not, without an address or anything else that is personal.
        reason: String,
    },
}
