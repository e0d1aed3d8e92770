//! What can be asked of a source of counters.

use chrono::{DateTime, Utc};

use super::event::Totals;
use crate::ProjectId;

/// A command to one source of counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceCommand {
    /// Count what has come since the last reading.
    Read {
        /// When the counters were read.
        at: DateTime<Utc>,
        /// When the process that counts was started, as it says itself: its counters began at 0 then.
        started_at: DateTime<Utc>,
        /// Every counter that it shows.
        readings: Vec<Reading>,
    },
}

/// One counter as the source shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The service that it counts for: `deployment-...@docker`.
    pub service: String,
    /// Its totals since the source was started.
    pub totals: Totals,
    /// The project whose service it is, when that is known.
    pub project_id: Option<ProjectId>,
}
