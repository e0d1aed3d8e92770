//! Rows of alerts.

use chrono::{DateTime, Utc};
use domain::team::Resource;
use domain::{ByteCount, Month};

/// An alert. Instants are cut to microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Of what.
    pub resource: Resource,
    /// How much of the limit, in per cent: 80, 95 or 100.
    pub threshold: u8,
    /// The UTC month.
    pub month: Month,
    /// What was used when it was raised.
    pub used: ByteCount,
    /// What the plan allowed then.
    pub limit: ByteCount,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// When it stopped to stand: the storage has fallen, or the team has another plan.
    pub cleared_at: Option<DateTime<Utc>>,
}
