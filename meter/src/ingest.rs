//! The sink into a Servelink of the same process: a batch of the meter becomes one batch of samples.
//!
//! What is checked of samples, and how a batch counts once, is `store::ingest`'s. Needs the feature `ingest`.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, SubsecRound, Utc};
use domain::ByteCount;
use store::{
    commands::Actor,
    ingest::{BatchOutcome, Ingest, RejectCode, Rejection, Sample, SampleBatch},
};
use tokio::time::timeout;
use tracing::error;

use crate::sink::{MeteredBatch, MeteredSample, Sink, SinkError};

/// How long one try may take. A submission that is given up may still be recorded: the next try is its repetition.
const LIMIT: Duration = Duration::from_secs(30);

/// Hands batches to the ingestion of this process.
///
/// The meter's keys must be project ids: 32 lower-case hexadecimal characters. A sample that ingestion rejects (its
/// key is no project id, its project is not registered) is logged with the reason and its numbers, and lost; the
/// others of its batch are recorded.
///
/// Close the ingestion only after [`Meter::run`](crate::Meter::run) has ended, or the last batch has nowhere to go.
#[derive(Clone)]
pub struct IngestSink {
    ingest: Arc<Ingest>,
    actor: Actor,
    source: String,
}

/// Answers of the ingestion that leave a batch unrecorded.
#[derive(Debug, thiserror::Error)]
enum IngestSinkError {
    /// Meters draw random ids, so this is a fault and no repetition.
    #[error("the batch's id was used before for other samples")]
    IdReused,
    /// The stage ended before it answered.
    #[error("the ingestion gave no answer")]
    NoAnswer,
}

impl IngestSink {
    /// Records into `ingest`, as `source`: the name of this gateway in the events (`gateway-1`), and after `meter:`
    /// as their actor.
    #[must_use]
    pub fn new(ingest: Arc<Ingest>, source: impl Into<String>) -> Self {
        let source = source.into();
        Self { ingest, actor: Actor(format!("meter:{source}")), source }
    }

    /// The same for the same batch, always: a repetition is told by its content too.
    fn samples(&self, batch: &MeteredBatch) -> SampleBatch {
        let samples = (0..).zip(&batch.samples).map(|(index, metered)| {
            sample(metered).map_err(|(code, detail)| Rejection { index, code, detail })
        });
        SampleBatch {
            source: self.source.clone(),
            batch_id: batch.batch_id.clone(),
            first_index: 0,
            samples: samples.collect(),
        }
    }
}

impl std::fmt::Debug for IngestSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IngestSink").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Sink for IngestSink {
    async fn record(&self, batch: &MeteredBatch) -> Result<(), SinkError> {
        let submitted = self.ingest.submit(&self.actor, vec![self.samples(batch)]);
        let outcomes = timeout(LIMIT, submitted)
            .await
            .map_err(SinkError::unavailable)?
            .map_err(SinkError::unavailable)?;
        match outcomes.into_iter().next() {
            // A repetition's rejections are logged as well: it comes when the first answer was lost, log lines and all.
            // And a batch of nothing but rejections is dealt with as one of some: another try would not mend it.
            Some(
                BatchOutcome::Recorded { rejected, .. }
                | BatchOutcome::Duplicate { rejected, .. }
                | BatchOutcome::AllRejected(rejected),
            ) => {
                log_rejections(batch, &rejected);
                Ok(())
            }
            Some(BatchOutcome::IdReused) => Err(SinkError::refused(IngestSinkError::IdReused)),
            None => Err(SinkError::unavailable(IngestSinkError::NoAnswer)),
        }
    }
}

/// The sample as ingestion takes it, or why it is none.
fn sample(metered: &MeteredSample) -> Result<Sample, (RejectCode, String)> {
    let project = metered.key.parse().map_err(|error| invalid("project_id", error))?;
    let bytes = |field, bytes| ByteCount::try_from(bytes).map_err(|error| invalid(field, error));
    // The log's numbers are SQL's.
    i64::try_from(metered.requests).map_err(|error| invalid("requests", error))?;
    Ok(Sample {
        project,
        at: instant(metered.at).ok_or_else(|| {
            let detail = "at: the meter's clock is outside the times that can be held";
            (RejectCode::OutsideMonths, detail.to_owned())
        })?,
        ingress: bytes("ingress_bytes", metered.ingress_bytes)?,
        egress: bytes("egress_bytes", metered.egress_bytes)?,
        requests: metered.requests,
    })
}

fn invalid(field: &str, error: impl std::error::Error) -> (RejectCode, String) {
    (RejectCode::Invalid, format!("{field}: {error}"))
}

/// In whole microseconds, as the store's clock is. None before 1970 and beyond chrono's years, where its own
/// conversion panics.
fn instant(time: SystemTime) -> Option<DateTime<Utc>> {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since_1970.as_secs()).ok()?;
    Some(DateTime::from_timestamp(seconds, since_1970.subsec_nanos())?.trunc_subsecs(6))
}

/// The log is the only trace of a rejected sample, so it gets every number.
fn log_rejections(batch: &MeteredBatch, rejected: &[Rejection]) {
    for rejection in rejected {
        let index = usize::try_from(rejection.index).ok();
        let Some(sample) = index.and_then(|index| batch.samples.get(index)) else {
            continue;
        };
        error!(
            batch_id = %batch.batch_id,
            project = %sample.key,
            code = ?rejection.code,
            reason = %rejection.detail,
            ingress_bytes = sample.ingress_bytes,
            egress_bytes = sample.egress_bytes,
            requests = sample.requests,
            at = ?sample.at,
            "usage rejected"
        );
    }
}
