//! A service key as its events have made it.

use serde::{Deserialize, Serialize};

use super::event::ServiceKeyEvent;

/// A service key, as far as decisions need it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceKey {
    /// Nothing has happened.
    #[default]
    Unknown,
    /// It may be used (until it expires, which is a matter of the time of use).
    Valid,
    /// It may not be used, for ever.
    Revoked,
}

impl ServiceKey {
    /// Takes in one event.
    pub fn evolve(&mut self, event: &ServiceKeyEvent) {
        *self = match event {
            ServiceKeyEvent::ServiceKeyCreated(_) => Self::Valid,
            ServiceKeyEvent::ServiceKeyRevoked(_) => Self::Revoked,
        };
    }
}
