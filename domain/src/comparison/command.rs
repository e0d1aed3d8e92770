//! What can be told of traffic that is not billed.

use crate::usage::TrafficRecorded;

/// A command to one month of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComparisonCommand {
    /// A way of counting that does not bill this project has seen this.
    Compare(TrafficRecorded),
}
