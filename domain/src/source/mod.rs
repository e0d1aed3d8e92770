//! A source of counters that only grow, such as one Traefik, and how far they have been counted. Stream: `{source}`.
//!
//! ```text
//!                CountersRead
//!                  ┌────┐
//!   CountersRead   ▼    │
//!   ─────────────▶ followed
//! ```
//!
//! A reading becomes `CountersRead` here and `TrafficRecorded` in the projects' streams by one commit, at an
//! exact sequence of this stream: a crash or a second reader can neither lose bytes nor count them twice.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

pub use command::{ReadCounters, Reading, SourceCommand};
pub use decide::{COMPLETE_EVERY, decide};
pub use event::{Counted, CountersRead, SourceEvent, Totals};
pub use refusal::SourceRefusal;
pub use state::{Counter, Source};

impl Aggregate for Source {
    const TYPE: &'static str = "source";
    type Command = SourceCommand;
    type Event = SourceEvent;
    type Error = SourceRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: SourceCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), SourceRefusal> {
        for event in decide(self, command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: SourceEvent) {
        self.evolve(&event);
    }
}
