//! What sends one delivery, and why it did not.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use projections::PendingDelivery;
use projections::deliveries::Channel;

use super::Retries;
use crate::{mail, webhook};

/// Sends deliveries of one channel.
pub trait Transport: Send + Sync {
    /// Which.
    const CHANNEL: Channel;
    /// The name of the job that sends by it.
    const JOB: &'static str;
    /// How many are sent side by side.
    const AT_ONCE: usize;
    /// When it is tried again.
    const RETRIES: Retries;

    /// Sends it once, at this time, within a time limit of its own. Dropped in the middle, it may have been sent or not.
    fn send(
        &self,
        delivery: &PendingDelivery,
        at: DateTime<Utc>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Why it was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whether another try is useless.
    pub is_permanent: bool,
    /// How long the other side asks to be left alone, with all deliveries.
    pub retry_after: Option<Duration>,
    /// What happened.
    pub reason: String,
}

impl Failure {
    /// Another try is useless.
    #[must_use]
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { is_permanent: true, retry_after: None, reason: reason.into() }
    }

    /// It may go another time.
    #[must_use]
    pub fn transient(reason: impl Into<String>) -> Self {
        Self { is_permanent: false, retry_after: None, reason: reason.into() }
    }
}

impl From<mail::SendError> for Failure {
    fn from(error: mail::SendError) -> Self {
        match error {
            mail::SendError::Permanent(why) => Self::permanent(why),
            mail::SendError::Transient(why) => Self::transient(why),
        }
    }
}

impl From<webhook::SendError> for Failure {
    fn from(error: webhook::SendError) -> Self {
        match error {
            webhook::SendError::Permanent(why) => Self::permanent(why),
            webhook::SendError::Transient { why, retry_after } => {
                Self { retry_after, ..Self::transient(why) }
            }
        }
    }
}
