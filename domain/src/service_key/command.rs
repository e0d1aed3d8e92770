//! What can be asked of a service key.

use chrono::{DateTime, Utc};

use super::Scope;

/// A command to one service key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceKeyCommand {
    /// The key is valid from now on.
    Create {
        /// What it is for, for people to read.
        name: String,
        /// SHA-256 of the secret, in hex.
        hash: String,
        /// What it may be used for.
        scopes: Vec<Scope>,
        /// Since when.
        at: DateTime<Utc>,
        /// The first instant at which it is no more valid; none: for ever.
        expires_at: Option<DateTime<Utc>>,
    },
    /// The key is valid no more.
    Revoke {
        /// Since when.
        at: DateTime<Utc>,
    },
}
