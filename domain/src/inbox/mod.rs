//! What the payment backend calls a payment, and what it told before anybody here knew the name.
//! Stream: `{external_payment_id}`.
//!
//! ```text
//!              CallbackParked
//!                 ┌────┐
//!                 ▼    │      PaymentMatched
//!   (nothing) ──▶ unmatched ──────────────────▶ matched, for ever
//! ```
//!
//! A callback may come before the backend's answer that names the payment. It is parked here, and taken to the payment
//! in the moment in which the payment gets the name; both happen at the sequence of this stream, so none slips
//! through between. A name belongs to one payment.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

pub use command::InboxCommand;
pub use decide::{MOST_PARKED, decide};
pub use event::{CallbackParked, InboxEvent, PaymentMatched};
pub use refusal::InboxRefusal;
pub use state::Inbox;

impl Aggregate for Inbox {
    const TYPE: &'static str = "inbox";
    type Command = InboxCommand;
    type Event = InboxEvent;
    type Error = InboxRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: InboxCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), InboxRefusal> {
        for event in decide(self, command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: InboxEvent) {
        self.evolve(&event);
    }
}
