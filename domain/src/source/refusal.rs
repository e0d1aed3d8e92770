//! Why a command to a source of counters is refused.

use chrono::{DateTime, Utc};

use crate::RefusalKind;

/// Why a command to a source of counters is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceRefusal {
    /// More services than one event may name.
    #[error("{0} services are more than the {max} that one source may have", max = Self::MAX_SERVICES)]
    TooManyServices(usize),
    /// Somebody else read later and was faster.
    #[error("the counters were read at {standing} already, and this reading is not a later one")]
    Stale {
        /// When the standing reading was made.
        standing: DateTime<Utc>,
    },
    /// Two readings of one service.
    #[error("service {0} was read twice")]
    ReadTwice(String),
    /// A sum over the largest number of bytes.
    #[error("the counters of service {0} add up to over 9223372036854775807")]
    TooLarge(String),
}

impl SourceRefusal {
    /// The most services that one source may have: it bounds the size of an event.
    pub const MAX_SERVICES: usize = 50_000;

    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::Stale { .. } => RefusalKind::Conflict,
            Self::TooManyServices(_) | Self::ReadTwice(_) | Self::TooLarge(_) => RefusalKind::Invalid,
        }
    }
}
