//! A payment for a team's plan. Stream: `{payment_id}`.
//!
//! ```text
//!                 PaymentInitiated
//!   (nothing) ─────────────────────▶ pending ──▶ processing
//!                                      │  │        │  │
//!                     PaymentCompleted │  │        │  │ PaymentFailed, PaymentCancelled
//!                                      ▼  └────┬───│──┘
//!                                  completed ◀─┘   ▼
//!                                      ▲     failed, cancelled
//!                                      └───────────┘
//!                                 a poll only (late capture)
//! ```
//!
//! What the backend tells may come many times, late and out of order, so an observation that is not news causes no
//! event, and `completed` is for ever. Nothing here believes in a capture that is not exactly what was asked for:
//! another amount is a `PaymentConflicted`, gives no plan, and a person decides.
//!
//! A payment has one external id. A backend that ignores our idempotency key may have a second link for it all the same:
//! that is a `SecondLinkFound`, and changes nothing above. It is asked about like the payment itself, and money that was
//! captured by it is a `PaymentConflicted` too, once.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

pub use command::{Capture, Observation, ObservedStatus, PaymentCommand, Submission, Unpaid, Via};
pub use decide::{FOLLOWED_FOR, MOST_SECOND_LINKS, decide};
pub use event::{
    CallbackReceived, CancellationRequested, FailureCause, PaymentCancelled, PaymentCompleted,
    PaymentConflicted, PaymentEvent, PaymentFailed, PaymentInitiated, PaymentMethod, PaymentProcessing,
    PaymentSubmitted, RefundDue, SecondLinkFound, Verdict,
};
pub use refusal::PaymentRefusal;
pub use state::{Conflict, Payment, Status};

impl Aggregate for Payment {
    const TYPE: &'static str = "payment";
    type Command = PaymentCommand;
    type Event = PaymentEvent;
    type Error = PaymentRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: PaymentCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), PaymentRefusal> {
        for event in decide(self, command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: PaymentEvent) {
        self.evolve(&event);
    }
}
