//! Traffic samples into the log, without loading an aggregate.
//!
//! A request's task checks its samples against what is [`Known`] and adds them up by project, day and source
//! (`sample.rs`, `fold.rs`); one stage (`stage.rs`) puts what waits into one append: samples of one project within
//! one commit are one event. A batch's key is recorded in the same transaction, so that a batch sent again counts
//! once, whoever lost the answer.

mod fold;
mod sample;
mod stage;

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

pub use fold::DayTraffic;
pub(crate) use fold::{Fold, conditions};
pub use sample::{RejectCode, Rejection, Sample, SampleBatch};

use crate::clock::Clock;
use crate::commands::Actor;
use crate::known::{Known, KnownError};
use crate::log::{AppendError, EventLog, Position};
use stage::Submission;

/// Requests that may wait for the stage. Beyond it a request is told to come back.
const QUEUE: usize = 1_024;

/// What became of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchOutcome {
    /// Its good samples are recorded.
    Recorded {
        /// The position after which they are seen.
        position: Position,
        /// How many are recorded.
        accepted: u64,
        /// The others.
        rejected: Vec<Rejection>,
    },
    /// The same batch was recorded before; nothing is recorded now.
    Duplicate {
        /// The position that was answered then.
        position: Position,
        /// How many samples were recorded then.
        accepted: u64,
        /// Those that were rejected then.
        rejected: Vec<Rejection>,
    },
    /// The batch's id was used before for other samples; nothing is recorded now.
    IdReused,
    /// None of its samples is good; nothing is recorded now, and its id was not looked up.
    AllRejected(Vec<Rejection>),
}

/// Why samples were not taken. Unless [`AppendError::Uncertain`], nothing was recorded; sending again is safe.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IngestError {
    /// The log did not take them.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What is known cannot be kept up.
    #[error("the event log cannot be read, and nothing was recorded: {0}")]
    Known(String),
}

impl From<KnownError> for IngestError {
    fn from(error: KnownError) -> Self {
        Self::Known(error.to_string())
    }
}

/// Takes samples in.
pub struct Ingest {
    known: Arc<Known>,
    clock: Arc<dyn Clock>,
    queue: std::sync::Mutex<Option<mpsc::Sender<Submission>>>,
    stage: Mutex<Option<JoinHandle<()>>>,
}

impl Ingest {
    /// Starts the stage.
    #[must_use]
    pub fn start(log: Arc<dyn EventLog>, known: Arc<Known>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let stage = tokio::spawn(stage::run(log, Arc::clone(&known), Arc::clone(&clock), receiver));
        Arc::new(Self {
            known,
            clock,
            queue: std::sync::Mutex::new(Some(sender)),
            stage: Mutex::new(Some(stage)),
        })
    }

    /// Takes these batches in, and answers once what is good of them is durable: one outcome a batch, in order.
    ///
    /// # Errors
    /// [`IngestError`]; sending the same again is safe.
    pub async fn submit(
        &self,
        actor: &Actor,
        batches: Vec<SampleBatch>,
    ) -> Result<Vec<BatchOutcome>, IngestError> {
        let now = self.clock.now();
        if batches.iter().any(|batch| batch.names_unknown_project(&self.known.facts())) {
            // Its project may have been registered a moment ago.
            self.known.catch_up().await?;
        }
        let mut outcomes: Vec<Option<BatchOutcome>> = Vec::with_capacity(batches.len());
        let mut checked = Vec::with_capacity(batches.len());
        {
            let facts = self.known.facts();
            for batch in batches {
                let batch = batch.check(&facts, now);
                outcomes
                    .push((batch.accepted == 0).then(|| BatchOutcome::AllRejected(batch.rejected.clone())));
                checked.push(batch);
            }
        }
        // A batch without a good sample is recorded nowhere, but its place among the answers is kept.
        checked.retain(|batch| batch.accepted > 0);
        if !checked.is_empty() {
            let mut recorded = self.enqueue(actor, checked).await?.into_iter();
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
                *outcome = recorded.next();
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    async fn enqueue(
        &self,
        actor: &Actor,
        batches: Vec<sample::CheckedBatch>,
    ) -> Result<Vec<BatchOutcome>, IngestError> {
        let queue = self.queue.lock().ok().and_then(|queue| queue.clone()).ok_or(AppendError::Closed)?;
        let (answer, answered) = oneshot::channel();
        queue.try_send(Submission { actor: actor.clone(), batches, answer }).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => AppendError::Busy,
                mpsc::error::TrySendError::Closed(_) => AppendError::Closed,
            },
        )?;
        drop(queue);
        // The stage answers whatever it takes: if it did not, nobody knows how far it came.
        let ended = || AppendError::Uncertain("the ingestion stage ended abnormally".into());
        answered.await.unwrap_or_else(|_| Err(ended().into()))
    }

    /// Takes no more, finishes what waits.
    pub async fn close(&self) {
        if let Ok(mut queue) = self.queue.lock() {
            queue.take();
        }
        if let Some(stage) = self.stage.lock().await.take()
            && let Err(error) = stage.await
        {
            tracing::error!(%error, "the ingestion stage ended abnormally");
        }
    }
}
