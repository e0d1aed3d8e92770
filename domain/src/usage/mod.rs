//! What one project used in one UTC month. Stream: `{project_id}:{YYYY-MM}`.
//!
//! ```text
//!            TrafficRecorded, StorageMeasured, UsageCorrected
//!               ┌────┐
//!               ▼    │                 MonthClosed
//!   (nothing) ──▶ open ─────────────────────────────▶ closed, for ever
//! ```
//!
//! A closed month never changes: a sample that comes later is a `UsageCorrected` in the month that is open then.
//! Ingestion writes `TrafficRecorded` without loading the aggregate (see `store::ingest`); every other event is
//! decided here.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;

pub use command::UsageCommand;
pub use decide::decide;
pub use event::{
    Correction, MonthClosed, StorageMeasured, StorageSizes, TrafficRecorded, UsageCorrected, UsageEvent,
};
pub use refusal::UsageRefusal;
pub use state::Usage;

use crate::month::Month;
use crate::{IdError, ProjectId};

/// Names one month of one project: `{project_id}:{YYYY-MM}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UsageId {
    /// The project.
    pub project: ProjectId,
    /// The UTC month.
    pub month: Month,
}

impl fmt::Display for UsageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.project, self.month)
    }
}

impl FromStr for UsageId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (project, month) = text.split_once(':').ok_or(IdError::NotAUsageId)?;
        Ok(Self { project: project.parse()?, month: month.parse().map_err(|_| IdError::NotAUsageId)? })
    }
}

impl Aggregate for Usage {
    const TYPE: &'static str = "usage";
    type Command = UsageCommand;
    type Event = UsageEvent;
    type Error = UsageRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: UsageCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), UsageRefusal> {
        for event in decide(self, command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: UsageEvent) {
        self.evolve(&event);
    }
}
