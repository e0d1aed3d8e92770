//! What happens to a source of counters. Every version ever written stays readable (`golden/source`).

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{ByteCount, ProjectId};

/// An event of one source of counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceEvent {
    /// Its counters were read.
    CountersRead(CountersRead),
}

/// Traffic, as counters have it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Bytes that clients sent.
    pub ingress_bytes: ByteCount,
    /// Bytes that the service sent.
    pub egress_bytes: ByteCount,
    /// Requests answered.
    pub requests: u64,
}

/// The counters that have moved since the last reading, and what became of the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersRead {
    /// When they were read.
    pub at: DateTime<Utc>,
    /// When the source was started.
    pub started_at: DateTime<Utc>,
    /// How many events before this one the last complete one is: 0 when this one names every counter. Reading
    /// the stream from there is enough.
    pub since_complete: u32,
    /// The counters.
    pub counters: Vec<Counted>,
}

/// One counter, and what became of the difference since its last reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The service that it counts for.
    pub service: String,
    /// Where the counter stands.
    pub totals: Totals,
    /// The project that the difference was given to, if it is known.
    pub project_id: Option<ProjectId>,
    /// What this event gives to the project.
    pub counted: Totals,
    /// What waits until the service's project is known.
    pub waiting: Totals,
}

impl Totals {
    /// Nothing.
    pub const ZERO: Self =
        Self { ingress_bytes: ByteCount::ZERO, egress_bytes: ByteCount::ZERO, requests: 0 };

    /// What has come since `earlier`; `None` when any of them went down, which counters only do by starting anew.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        let bytes = |now: ByteCount, then: ByteCount| {
            now.get().checked_sub(then.get()).and_then(|bytes| ByteCount::try_from(bytes).ok())
        };
        Some(Self {
            ingress_bytes: bytes(self.ingress_bytes, earlier.ingress_bytes)?,
            egress_bytes: bytes(self.egress_bytes, earlier.egress_bytes)?,
            requests: self.requests.checked_sub(earlier.requests)?,
        })
    }

    /// Both together; `None` when that is more than can be held.
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        Some(Self {
            ingress_bytes: self.ingress_bytes.checked_add(other.ingress_bytes)?,
            egress_bytes: self.egress_bytes.checked_add(other.egress_bytes)?,
            requests: self.requests.checked_add(other.requests)?,
        })
    }
}

impl DomainEvent for SourceEvent {
    fn event_type(&self) -> String {
        match self {
            Self::CountersRead(_) => "CountersRead",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
