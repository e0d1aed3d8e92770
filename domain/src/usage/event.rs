//! What happens to a month's usage. Every version ever written stays readable (`golden/usage`).

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{ByteCount, TrafficSource};

/// An event of one month of one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsageEvent {
    /// Traffic of samples that came in together.
    TrafficRecorded(TrafficRecorded),
    /// What a measurement of the project's storage found.
    StorageMeasured(StorageMeasured),
    /// A difference that somebody answers for.
    UsageCorrected(UsageCorrected),
    /// The month's numbers are final.
    MonthClosed(MonthClosed),
}

/// The samples of one project, one source and one UTC day that one commit took in, added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficRecorded {
    /// Where the samples come from: `traefik-1`, `gateway`.
    pub source: String,
    /// How they were counted; none in history from before that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<TrafficSource>,
    /// The batches that the samples came in with.
    pub batch_ids: Vec<String>,
    /// The earliest sample's time.
    pub from: DateTime<Utc>,
    /// The latest sample's time, on the same UTC day as `from`.
    pub until: DateTime<Utc>,
    /// Bytes that clients sent to the project.
    pub ingress_bytes: ByteCount,
    /// Bytes that the project sent.
    pub egress_bytes: ByteCount,
    /// Requests answered.
    pub requests: u64,
}

/// Sizes in bytes, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSizes {
    /// Volumes and bind mounts.
    pub volumes_bytes: ByteCount,
    /// Images that belong to this project alone.
    pub images_bytes: ByteCount,
    /// Writable layers of its containers.
    pub layers_bytes: ByteCount,
}

impl StorageSizes {
    /// All kinds together, or `None` when that is more than can be held.
    #[must_use]
    pub fn total(&self) -> Option<ByteCount> {
        self.volumes_bytes.checked_add(self.images_bytes)?.checked_add(self.layers_bytes)
    }
}

/// What a measurement of the project's storage found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageMeasured {
    /// Sizes by kind.
    #[serde(flatten)]
    pub sizes: StorageSizes,
    /// All kinds together.
    pub total_bytes: ByteCount,
    /// When it was measured.
    pub measured_at: DateTime<Utc>,
    /// Who measured.
    pub source: String,
}

/// A difference to a month's traffic. Positive adds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Bytes that clients sent.
    pub ingress_bytes: i64,
    /// Bytes that the project sent.
    pub egress_bytes: i64,
    /// Requests answered.
    pub requests: i64,
}

/// A difference that somebody answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageCorrected {
    /// Why, for people to read.
    pub reason: String,
    /// The difference.
    pub delta: Correction,
    /// Who answers for it: a person, or the source of late samples.
    pub by: String,
    /// The instant whose day the difference counts in.
    pub at: DateTime<Utc>,
    /// The batches that late samples came in with; empty for a correction by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batch_ids: Vec<String>,
}

/// The month's final numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthClosed {
    /// Ingress plus egress of the month.
    pub traffic_bytes: ByteCount,
    /// The last measured storage.
    pub storage_bytes: ByteCount,
    /// The last position of the log that these numbers rest on.
    pub up_to_position: u64,
}

impl DomainEvent for UsageEvent {
    fn event_type(&self) -> String {
        match self {
            Self::TrafficRecorded(_) => "TrafficRecorded",
            Self::StorageMeasured(_) => "StorageMeasured",
            Self::UsageCorrected(_) => "UsageCorrected",
            Self::MonthClosed(_) => "MonthClosed",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
