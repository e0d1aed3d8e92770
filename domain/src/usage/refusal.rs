//! Why a command to a month's usage is refused.

use crate::RefusalKind;

/// Why a command to a month's usage is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageRefusal {
    /// A closed month never changes.
    #[error("the month is closed: its numbers are final, and a later difference belongs into an open month")]
    MonthClosed,
    /// Its numbers may still grow.
    #[error("the month {0} is not over yet")]
    MonthNotOver(crate::Month),
    /// A sum over the largest number of bytes.
    #[error("the sum is over 9223372036854775807 bytes")]
    TooLarge,
    /// A correction that would leave less than nothing.
    #[error("the correction would leave a negative number of {0}")]
    BelowZero(&'static str),
    /// A correction of nothing.
    #[error("the correction changes nothing")]
    EmptyCorrection,
    /// A measurement older than the one that stands.
    #[error("a measurement of {standing} is already recorded, and this one is older")]
    OlderMeasurement {
        /// When the standing one was measured.
        standing: chrono::DateTime<chrono::Utc>,
    },
}

impl UsageRefusal {
    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::MonthClosed | Self::MonthNotOver(_) | Self::OlderMeasurement { .. } => {
                RefusalKind::Conflict
            }
            Self::TooLarge | Self::BelowZero(_) | Self::EmptyCorrection => RefusalKind::Invalid,
        }
    }
}
