//! What happens to a service key. Every version ever written stays readable (`golden/service_key`).

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::Scope;

/// An event of one service key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceKeyEvent {
    /// The key is valid.
    ServiceKeyCreated(ServiceKeyCreated),
    /// The key is valid no more.
    ServiceKeyRevoked(ServiceKeyRevoked),
}

/// The key is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceKeyCreated {
    /// What it is for, for people to read.
    pub name: String,
    /// SHA-256 of the secret, in hex.
    pub hash: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Since when.
    pub at: DateTime<Utc>,
    /// The first instant at which it is no more valid.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The key is valid no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceKeyRevoked {
    /// Since when.
    pub at: DateTime<Utc>,
}

impl DomainEvent for ServiceKeyEvent {
    fn event_type(&self) -> String {
        match self {
            Self::ServiceKeyCreated(_) => "ServiceKeyCreated",
            Self::ServiceKeyRevoked(_) => "ServiceKeyRevoked",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
