//! What can be asked of a month's usage.

use chrono::{DateTime, Utc};

use super::event::{Correction, StorageSizes};

/// A command to one month of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageCommand {
    /// Take down what a measurement of the project's storage found.
    MeasureStorage {
        /// Sizes by kind.
        sizes: StorageSizes,
        /// When it was measured, in the stream's own month.
        measured_at: DateTime<Utc>,
        /// Who measured: `docker`, `api`.
        source: String,
    },
    /// Change the month's numbers by a difference that somebody answers for.
    Correct {
        /// Why, for people to read.
        reason: String,
        /// The difference, which may be negative.
        delta: Correction,
        /// Who answers for it.
        by: String,
        /// The instant whose day the difference counts in.
        at: DateTime<Utc>,
    },
    /// Close the month: its numbers are final.
    Close {
        /// The last position of the log that the closing numbers rest on.
        up_to_position: u64,
    },
}
