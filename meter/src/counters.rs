//! What one key has used since the last drain: three atomics, so that the hot path never waits for a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Which way bytes went, seen from the project: ingress is what its clients sent, egress what they received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    ingress: AtomicU64,
    egress: AtomicU64,
    requests: AtomicU64,
}

/// One reading of [`Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) ingress_bytes: u64,
    pub(crate) egress_bytes: u64,
    pub(crate) requests: u64,
}

impl Usage {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Counters {
    pub(crate) fn add_bytes(&self, direction: Direction, bytes: u64) {
        match direction {
            Direction::Ingress => self.ingress.fetch_add(bytes, Relaxed),
            Direction::Egress => self.egress.fetch_add(bytes, Relaxed),
        };
    }

    pub(crate) fn add_request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Usage {
        Usage {
            ingress_bytes: self.ingress.load(Relaxed),
            egress_bytes: self.egress.load(Relaxed),
            requests: self.requests.load(Relaxed),
        }
    }

    /// Reads and zeroes. Each counter is swapped on its own: what is added meanwhile is in this reading or in the
    /// next, never in both and never in neither.
    pub(crate) fn take(&self) -> Usage {
        Usage {
            ingress_bytes: self.ingress.swap(0, Relaxed),
            egress_bytes: self.egress.swap(0, Relaxed),
            requests: self.requests.swap(0, Relaxed),
        }
    }
}
