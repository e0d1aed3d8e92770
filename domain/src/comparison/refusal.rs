//! Why traffic that is not billed is refused.

use crate::RefusalKind;

/// Why traffic that is not billed is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonRefusal {
    /// There is nothing that it could be compared by.
    #[error("nothing says how this traffic was counted, and it can be compared with nothing")]
    NoKind,
}

impl ComparisonRefusal {
    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::NoKind => RefusalKind::Invalid,
        }
    }
}
