//! Rows of project usage.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{ByteCount, Month, ProjectId};
use store::Position;

/// What a project used in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectUsage {
    /// The project.
    pub project_id: ProjectId,
    /// The UTC month.
    pub month: Month,
    /// Bytes that clients sent.
    pub ingress: ByteCount,
    /// Bytes that the project sent.
    pub egress: ByteCount,
    /// Requests answered.
    pub requests: u64,
    /// The storage last measured in this month or before it; 0 when it never was.
    pub storage: ByteCount,
    /// When the month's first event was recorded.
    pub created_at: Option<DateTime<Utc>>,
    /// When the month's last event was recorded.
    pub updated_at: Option<DateTime<Utc>>,
    /// Everything up to this position of the log is in these numbers.
    pub position: Position,
}

impl ProjectUsage {
    /// Ingress plus egress.
    #[must_use]
    pub fn traffic(&self) -> ByteCount {
        self.ingress.checked_add(self.egress).unwrap_or(ByteCount::MAX)
    }
}

/// What a project used on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectDay {
    /// The UTC day.
    pub day: NaiveDate,
    /// Bytes that clients sent.
    pub ingress: ByteCount,
    /// Bytes that the project sent.
    pub egress: ByteCount,
    /// Requests answered.
    pub requests: u64,
    /// The storage last measured on this day, if it was.
    pub storage: Option<ByteCount>,
}
