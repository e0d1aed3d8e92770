//! What a service key may be used for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a service key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Send traffic and storage measurements.
    #[serde(rename = "usage:write")]
    UsageWrite,
    /// Keep the directory of teams, members and projects.
    #[serde(rename = "directory:write")]
    DirectoryWrite,
    /// Read history, personal data masked.
    #[serde(rename = "audit:read")]
    AuditRead,
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of usage:write, directory:write, audit:read")]
pub struct ScopeError;

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::UsageWrite, Self::DirectoryWrite, Self::AuditRead];

    /// The text that requests, events and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsageWrite => "usage:write",
            Self::DirectoryWrite => "directory:write",
            Self::AuditRead => "audit:read",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(ScopeError)
    }
}
