//! Why a command to an external id is refused.

use super::decide::MOST_PARKED;
use crate::{PaymentId, RefusalKind};

/// Why a command to an external id is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboxRefusal {
    /// It belongs to a payment already.
    #[error("this external id is another payment's")]
    Matched {
        /// Whose it is. Not told: that may be another team's.
        payment_id: PaymentId,
    },
    /// Nobody has that much to say of a payment that nobody knows.
    #[error(
        "{MOST_PARKED} callbacks wait under this external id already, and no payment of that name is known"
    )]
    Full,
}

impl InboxRefusal {
    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::Matched { .. } | Self::Full => RefusalKind::Conflict,
        }
    }
}
