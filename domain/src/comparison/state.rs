//! A month of comparisons as its events have made it.

use serde::{Deserialize, Serialize};

use super::event::ComparisonEvent;

/// A month of comparisons, as far as decisions need it: they need nothing of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {}

impl Comparison {
    /// Takes in one event.
    pub const fn evolve(&mut self, event: &ComparisonEvent) {
        match event {
            ComparisonEvent::TrafficCompared(_) => {}
        }
    }
}
