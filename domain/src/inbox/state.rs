//! An external id as its events have made it.

use serde::{Deserialize, Serialize};

use super::event::{CallbackParked, InboxEvent};
use crate::PaymentId;

/// What is known of an external id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    /// Whose it is.
    pub payment_id: Option<PaymentId>,
    /// What came before that was known, in order.
    pub parked: Vec<CallbackParked>,
}

impl Inbox {
    /// Takes in one event.
    pub fn evolve(&mut self, event: &InboxEvent) {
        match event {
            InboxEvent::CallbackParked(callback) => self.parked.push(callback.clone()),
            InboxEvent::PaymentMatched(matched) => self.payment_id = Some(matched.payment_id),
        }
    }
}
