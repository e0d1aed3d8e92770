//! What can be asked of a source of counters.

use chrono::{DateTime, Utc};

use super::event::Totals;
use crate::{ProjectId, TrafficSource};

/// A command to one source of counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceCommand {
    /// Count what has come since the last reading.
    Read(ReadCounters),
}

/// All counters of a source, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadCounters {
    /// What counts.
    pub kind: TrafficSource,
    /// When the counters were read.
    pub at: DateTime<Utc>,
    /// When the process that counts was started, as it says itself: its counters began at 0 then. Where each counter
    /// has a beginning of its own, which is part of its service's name, this is the same instant for ever.
    pub started_at: DateTime<Utc>,
    /// Every counter that it shows.
    pub readings: Vec<Reading>,
    /// What the names of those services begin with that are there and could not be read: they stand as they did.
    pub unread: Vec<String>,
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
