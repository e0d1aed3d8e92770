//! A source of counters as its events have made it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::{SourceEvent, Totals};

/// How far the counters of a source have been counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// When the source was started, as it said at the last reading.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was read last.
    pub read_at: Option<DateTime<Utc>>,
    /// Events since one named every counter.
    pub since_complete: u32,
    /// The counters by service.
    pub counters: BTreeMap<String, Counter>,
}

/// How far one counter has been counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Where it stood at the last reading.
    pub totals: Totals,
    /// What waits until the service's project is known.
    pub waiting: Totals,
}

impl Source {
    /// Takes in one event.
    pub fn evolve(&mut self, event: &SourceEvent) {
        match event {
            SourceEvent::CountersRead(read) => {
                if read.since_complete == 0 {
                    self.counters.clear();
                }
                self.started_at = Some(read.started_at);
                self.read_at = Some(read.at);
                self.since_complete = read.since_complete;
                for counted in &read.counters {
                    let counter = Counter { totals: counted.totals, waiting: counted.waiting };
                    self.counters.insert(counted.service.clone(), counter);
                }
            }
        }
    }
}
