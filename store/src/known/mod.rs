//! What decisions across streams must know, kept up from the log in memory: which projects and teams exist, whose
//! slug is whose, which months are closed, which service keys are valid, which payments are under way.
//!
//! It is small (measurements are not read) and it is always behind the log by a moment. A decision that must be
//! exact says so with a [`Condition`](crate::Condition) at [`Known::position`], and decides again when it fails.
//! Nothing here is shown to anyone: that is what read models are for.

mod facts;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use domain::TrafficSource;
use tokio::sync::Mutex;

pub use facts::{Facts, KnownKey, KnownProject, KnownTeam, OpenPayment, SecondLink, ToConfirm};

use crate::codec::CodecError;
use crate::log::{EventLog, Filter, Position, ReadError};

/// Events that one read of the log takes.
const PAGE: usize = 5_000;

/// Why it cannot be kept up.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event cannot be understood.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// What decisions across streams must know.
pub struct Known {
    log: Arc<dyn EventLog>,
    facts: RwLock<Facts>,
    /// Held by whoever reads on, so that two do not take in the same events.
    reading: Mutex<()>,
}

impl Known {
    /// Reads the log so far.
    ///
    /// # Errors
    /// [`KnownError`].
    pub async fn open(log: Arc<dyn EventLog>) -> Result<Arc<Self>, KnownError> {
        let known = Arc::new(Self { log, facts: RwLock::default(), reading: Mutex::new(()) });
        known.catch_up().await?;
        Ok(known)
    }

    /// Has the traffic of all projects that nothing else was chosen for counted so; none: everything that comes in
    /// counts. It is a setting and in no history: all nodes must be given the same.
    pub fn set_traffic_source(&self, source: Option<TrafficSource>) {
        self.facts.write().unwrap_or_else(PoisonError::into_inner).traffic_source = source;
    }

    /// The facts as they are known now. Hold it shortly, and never over an await.
    pub fn facts(&self) -> RwLockReadGuard<'_, Facts> {
        // A writer that panicked left at most one event half taken in, and every event is taken in by plain inserts.
        self.facts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position up to which everything is known.
    pub fn position(&self) -> Position {
        self.facts().position
    }

    /// Reads on to where the log ends now.
    ///
    /// # Errors
    /// [`KnownError`]; what was known stays known.
    pub async fn catch_up(&self) -> Result<(), KnownError> {
        let _reading = self.reading.lock().await;
        // Asked first: whatever is appended up to here is read below, even though measurements are skipped.
        let head = self.log.head().await?;
        let mut after = self.position();
        if after >= head {
            return Ok(());
        }
        loop {
            let page = self.log.read_after(after, PAGE, Filter::ExceptMeasurements).await?;
            let mut facts = self.facts.write().unwrap_or_else(PoisonError::into_inner);
            for event in &page {
                facts.take_in(event)?;
                after = event.position;
            }
            if page.len() < PAGE {
                facts.position = after.max(head);
                return Ok(());
            }
            facts.position = after;
        }
    }

    /// Keeps up until the log is closed. An event that cannot be understood stops it for good: decisions then rest
    /// on what was known before it and their conditions fail, so nothing wrong is recorded.
    pub async fn follow(self: Arc<Self>) {
        let mut wake = self.log.wake();
        loop {
            match self.catch_up().await {
                Ok(()) => {}
                Err(KnownError::Read(error)) => {
                    tracing::warn!(%error, "cannot keep up with the event log; trying again");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    continue;
                }
                Err(KnownError::Codec(error)) => {
                    tracing::error!(%error, "an event cannot be understood");
                    return;
                }
            }
            if wake.changed().await.is_err() {
                return;
            }
        }
    }
}
