//! What is kept of traffic that is not billed. Every version ever written stays readable (`golden/comparison`).

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::usage::TrafficRecorded;

/// An event of one month of one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ComparisonEvent {
    /// A way of counting that does not bill the project has seen this. Its `kind` is always told.
    TrafficCompared(TrafficRecorded),
}

impl DomainEvent for ComparisonEvent {
    fn event_type(&self) -> String {
        match self {
            Self::TrafficCompared(_) => "TrafficCompared",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
