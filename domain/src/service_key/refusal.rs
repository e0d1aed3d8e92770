//! Why a command to a service key is refused.

use crate::RefusalKind;

/// Why a command to a service key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceKeyRefusal {
    /// No such key.
    #[error("there is no such service key")]
    Unknown,
    /// Ids are random: a second key of the same id is a mistake.
    #[error("a service key of this id exists already")]
    Exists,
    /// A key that may do nothing.
    #[error("a service key needs at least one scope")]
    NoScope,
    /// A key that is never valid.
    #[error("a service key must expire after it is created")]
    ExpiresAtOnce,
}

impl ServiceKeyRefusal {
    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::Unknown => RefusalKind::NotFound,
            Self::Exists => RefusalKind::Conflict,
            Self::NoScope | Self::ExpiresAtOnce => RefusalKind::Invalid,
        }
    }
}
