//! A credential of the PaaS or of an auditor. Stream: `{key_id}`.
//!
//! ```text
//!              ServiceKeyCreated          ServiceKeyRevoked
//!   (nothing) ───────────────────▶ valid ───────────────────▶ revoked, for ever
//! ```
//!
//! Keys are events, not rows, so that every node learns of one the same way and an auditor sees who could do
//! what and when. An event holds only the SHA-256 of a 256-bit random secret, which leads nowhere.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

pub use crate::scope::{Scope, ScopeError};

pub use command::ServiceKeyCommand;
pub use decide::decide;
pub use event::{ServiceKeyCreated, ServiceKeyEvent, ServiceKeyRevoked};
pub use refusal::ServiceKeyRefusal;
pub use state::ServiceKey;

impl Aggregate for ServiceKey {
    const TYPE: &'static str = "service_key";
    type Command = ServiceKeyCommand;
    type Event = ServiceKeyEvent;
    type Error = ServiceKeyRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: ServiceKeyCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), ServiceKeyRefusal> {
        for event in decide(self, command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ServiceKeyEvent) {
        self.evolve(&event);
    }
}
