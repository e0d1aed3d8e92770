//! A month's usage as its events have made it.

use serde::{Deserialize, Serialize};

use super::event::{Correction, StorageMeasured, UsageEvent};
use crate::ByteCount;

/// A month's usage, as far as decisions need it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes that clients sent.
    pub ingress: ByteCount,
    /// Bytes that the project sent.
    pub egress: ByteCount,
    /// Requests answered.
    pub requests: u64,
    /// The measurement that stands.
    pub storage: Option<StorageMeasured>,
    /// Whether the numbers are final.
    pub closed: bool,
}

impl Usage {
    /// Takes in one event. Sums stop at the largest number that can be held: history is never unreadable.
    pub fn evolve(&mut self, event: &UsageEvent) {
        match event {
            UsageEvent::TrafficRecorded(traffic) => {
                self.ingress = add(self.ingress, traffic.ingress_bytes);
                self.egress = add(self.egress, traffic.egress_bytes);
                self.requests = self.requests.saturating_add(traffic.requests);
            }
            UsageEvent::StorageMeasured(measured) => self.storage = Some(measured.clone()),
            UsageEvent::UsageCorrected(corrected) => {
                let (ingress, egress, requests) = self.corrected(&corrected.delta);
                self.ingress = ingress.unwrap_or(self.ingress);
                self.egress = egress.unwrap_or(self.egress);
                self.requests = requests.unwrap_or(self.requests);
            }
            UsageEvent::MonthClosed(_) => self.closed = true,
        }
    }

    /// Ingress, egress and requests after this correction; `None` where that is below zero or too large.
    pub(super) fn corrected(
        &self,
        delta: &Correction,
    ) -> (Option<ByteCount>, Option<ByteCount>, Option<u64>) {
        let bytes = |now: ByteCount, delta: i64| {
            now.get().checked_add_signed(delta).and_then(|sum| ByteCount::try_from(sum).ok())
        };
        (
            bytes(self.ingress, delta.ingress_bytes),
            bytes(self.egress, delta.egress_bytes),
            self.requests.checked_add_signed(delta.requests),
        )
    }

    /// Ingress plus egress.
    #[must_use]
    pub fn traffic(&self) -> ByteCount {
        add(self.ingress, self.egress)
    }
}

fn add(one: ByteCount, other: ByteCount) -> ByteCount {
    one.checked_add(other).unwrap_or(ByteCount::MAX)
}
