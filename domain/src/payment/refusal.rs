//! Why a command to a payment is refused.

use crate::{ExternalPaymentId, RefusalKind};

/// Why a command to a payment is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentRefusal {
    /// No such payment.
    #[error("there is no such payment")]
    Unknown,
    /// The id is taken.
    #[error("a payment of this id exists already")]
    Exists,
    /// Nothing costs nothing.
    #[error("the amount of a payment must be over 0")]
    NoAmount,
    /// The backend has another id for it: what was told is of another payment.
    #[error("the backend calls this payment {known}, not {told}")]
    OtherExternalId {
        /// The id it is known by.
        known: ExternalPaymentId,
        /// The id that was told.
        told: ExternalPaymentId,
    },
    /// It has ended.
    #[error("the payment can no longer be cancelled: it is {0}")]
    TooLate(&'static str),
    /// Its time is not over, or nobody has asked since.
    #[error("the payment has not expired, or was not polled since it did")]
    NotExpired,
    /// There is no money to give back.
    #[error("nothing was captured that could be refunded")]
    NothingCaptured,
}

impl PaymentRefusal {
    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::Unknown => RefusalKind::NotFound,
            Self::Exists | Self::OtherExternalId { .. } | Self::TooLate(_) | Self::NotExpired => {
                RefusalKind::Conflict
            }
            Self::NoAmount | Self::NothingCaptured => RefusalKind::Invalid,
        }
    }
}
