//! Where traffic is counted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A way to count a project's traffic. One of them counts towards its plan; what others see is kept beside it for
/// comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrafficSource {
    /// Bodies that Traefik passed on.
    Traefik,
    /// Bytes at the containers' network interfaces, by the Docker engine.
    Docker,
    /// Samples that somebody sent to the API.
    Ingest,
}

/// A text that names no such way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be traefik, docker or ingest")]
pub struct TrafficSourceError;

impl TrafficSource {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traefik, Self::Docker, Self::Ingest];

    /// The word for it in events, settings and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traefik => "traefik",
            Self::Docker => "docker",
            Self::Ingest => "ingest",
        }
    }
}

impl fmt::Display for TrafficSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TrafficSource {
    type Err = TrafficSourceError;
    fn from_str(text: &str) -> Result<Self, TrafficSourceError> {
        Self::ALL.into_iter().find(|source| source.as_str() == text).ok_or(TrafficSourceError)
    }
}
