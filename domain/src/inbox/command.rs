//! What can be asked of the inbox of one external id.

use super::event::CallbackParked;
use crate::PaymentId;

/// A command to the inbox of one external id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxCommand {
    /// A callback came, and nobody knows the payment yet.
    Park(CallbackParked),
    /// The id is this payment's.
    Match {
        /// Whose it is.
        payment_id: PaymentId,
    },
}
