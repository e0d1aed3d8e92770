//! Why a command to a delivery is refused.

use crate::RefusalKind;

/// The longest reason, in bytes: history is no place for what servers have to say at length.
pub const LONGEST_REASON: usize = 500;

/// Why a command to a delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryRefusal {
    /// The reason is too long to be kept for ever.
    #[error("the reason has {0} bytes, and {LONGEST_REASON} are kept")]
    LongReason(usize),
}

impl DeliveryRefusal {
    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::LongReason(_) => RefusalKind::Invalid,
        }
    }
}
