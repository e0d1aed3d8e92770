//! Rows of traffic sources.

use chrono::{DateTime, Utc};
use domain::{ByteCount, TrafficSource};

/// What one way of counting saw of a project's traffic in a month. Instants are cut to microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenTraffic {
    /// The way; none: from before that was told.
    pub source: Option<TrafficSource>,
    /// Bytes that clients sent.
    pub ingress: ByteCount,
    /// Bytes that the project sent.
    pub egress: ByteCount,
    /// Requests answered, where this way counts them.
    pub requests: u64,
    /// Of these bytes, those that were billed, both ways together.
    pub billed: ByteCount,
    /// The time of the first sample.
    pub first_at: DateTime<Utc>,
    /// The time of the last sample.
    pub last_at: DateTime<Utc>,
}

impl SeenTraffic {
    /// Ingress plus egress.
    #[must_use]
    pub fn traffic(&self) -> ByteCount {
        self.ingress.checked_add(self.egress).unwrap_or(ByteCount::MAX)
    }
}
