//! Where the counts go: the batch, and the trait that takes it. When and how often is in `flush`.

use std::{error::Error, future::Future, sync::Arc, time::SystemTime};

/// What was counted between two drains, for every key that was used at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredBatch {
    /// A random UUID in its hyphenated text form. A batch that is tried again keeps its id and its content, so a
    /// sink that remembers ids counts nothing twice.
    pub batch_id: String,
    /// One sample a key, in no order; never empty, and never more than [`max_keys`](crate::MeterOptions::max_keys).
    pub samples: Vec<MeteredSample>,
}

/// What one key used since the drain before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredSample {
    /// The project, as the layer's key closure named it.
    pub key: Arc<str>,
    /// Bytes that clients sent.
    pub ingress_bytes: u64,
    /// Bytes that clients were sent.
    pub egress_bytes: u64,
    /// Requests that began.
    pub requests: u64,
    /// When the counters were drained, by the meter's clock: the end of the time that this sample covers.
    pub at: SystemTime,
}

/// Takes batches. One at a time is handed over, always by [`Meter::run`](crate::Meter::run).
pub trait Sink: Send + Sync {
    /// Records one batch; `Ok` means that it is durable and will not be seen again.
    ///
    /// An implementation sets its own time limits: the meter waits for the answer, except at shutdown. It must
    /// expect a batch that it has already recorded, because an answer can get lost.
    ///
    /// # Errors
    ///
    /// [`SinkError::Unavailable`] keeps the batch for another try, [`SinkError::Refused`] gives it up.
    fn record(&self, batch: &MeteredBatch) -> impl Future<Output = Result<(), SinkError>> + Send;
}

type Cause = Box<dyn Error + Send + Sync + 'static>;

/// Why a batch was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Not now: the same batch is tried again, and nothing new is drained before it is through.
    #[error("the sink cannot take the batch for now")]
    Unavailable(#[source] Cause),
    /// Never: the batch is logged, sample by sample, and dropped.
    #[error("the sink refused the batch")]
    Refused(#[source] Cause),
}

impl SinkError {
    /// A failure that may pass: time-outs, lost connections, 429 and 5xx answers.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// A failure that another try cannot mend: an unknown project, a key without the right to write.
    pub fn refused(cause: impl Into<Cause>) -> Self {
        Self::Refused(cause.into())
    }
}
