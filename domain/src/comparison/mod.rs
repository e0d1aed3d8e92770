//! What a project's traffic was in one UTC month by ways of counting that do not bill it. Stream:
//! `{project_id}:{YYYY-MM}`, as of its usage.
//!
//! ```text
//!             TrafficCompared
//!                ┌────┐
//!                ▼    │
//!   (nothing) ──▶ compared
//! ```
//!
//! It is kept beside the bill and never becomes part of it, so that it may come at any time, also for a month that is
//! closed. Ingestion decides it without loading the aggregate (see `store::ingest`): nothing of it depends on what came
//! before.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

pub use command::ComparisonCommand;
pub use decide::decide;
pub use event::ComparisonEvent;
pub use refusal::ComparisonRefusal;
pub use state::Comparison;

impl Aggregate for Comparison {
    const TYPE: &'static str = "comparison";
    type Command = ComparisonCommand;
    type Event = ComparisonEvent;
    type Error = ComparisonRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: ComparisonCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), ComparisonRefusal> {
        for event in decide(self, command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ComparisonEvent) {
        self.evolve(&event);
    }
}
