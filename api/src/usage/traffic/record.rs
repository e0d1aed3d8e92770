//! The route itself.

use std::panic;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use bytes::Bytes;
use store::commands::Actor;
use store::ingest::{Ingest, Rejection, SampleBatch};

use super::answer::{TrafficAnswer, answer};
use super::budget::Budget;
use super::event::Events;
use super::format::{Coding, Format};
use super::{batch, body, schema};
use crate::app::App;
use crate::auth::UsageWriter;
use crate::problem::{IngestProblems, Problem};

/// From this length on (some 5 ms of work) a text is read beside the tasks that answer others.
const LONG: usize = 1 << 20;
/// What a sample and a rejection cost in memory while they wait.
const SAMPLE: usize = size_of::<Result<store::ingest::Sample, Rejection>>();
const REJECTION: usize = 256;

/// For the whole process, as memory is.
static BODIES: Budget = Budget::of(64 << 20);

/// Record traffic samples
///
/// They are durable once this answers 200. Sending the same batch (or event) again counts once and answers the same,
/// so an answer that was lost is no loss: repeat until there is one.
///
/// The body is one JSON object, NDJSON with a sample on each line (then `batch_id` and `source` are query parameters,
/// and blank lines do not count), one CloudEvent 1.0 or a batch of them. It may be compressed
/// (`Content-Encoding: gzip` or `zstd`). At most 8 MiB are taken, 32 MiB once decompressed, and 50,000 samples.
///
/// A sample that is no good is left out and named in `rejected`; the others count. A field that is unknown or comes
/// twice, broken JSON, or a request without one good sample are errors, and nothing is recorded.
#[utoipa::path(
    post,
    path = "/api/usage/traffic",
    tag = "usage",
    operation_id = "record_traffic",
    params(schema::LinesQuery),
    request_body(description = "The samples.", content(
        (schema::TrafficBatch = "application/json"),
        (String = "application/x-ndjson", example = json!(schema::LINES)),
        (schema::TrafficEvent = "application/cloudevents+json"),
        (Vec<schema::TrafficEvent> = "application/cloudevents-batch+json"),
    )),
    responses((status = 200, description = "The good samples are durable.", body = TrafficAnswer), IngestProblems),
    security(("service_key" = ["usage:write"])),
)]
pub(crate) async fn record(
    State(app): State<Arc<App>>,
    UsageWriter(actor): UsageWriter,
    request: Request,
) -> Result<Json<TrafficAnswer>, Problem> {
    take(&app.ingest, &BODIES, &actor, request).await.map(Json)
}

pub(super) async fn take(
    ingest: &Ingest,
    budget: &Budget,
    actor: &Actor,
    request: Request,
) -> Result<TrafficAnswer, Problem> {
    let format = Format::of(request.headers(), request.uri())?;
    let coding = Coding::of(request.headers())?;
    let mut held = budget.hold();
    let bytes = body::read(request.into_body(), coding, &mut held).await?;
    let content = read(format, bytes).await?;
    held.set(content.memory())?;
    let places: Vec<u64> = content.batches.iter().map(|batch| batch.first_index).collect();
    let outcomes = if places.is_empty() { vec![] } else { ingest.submit(actor, content.batches).await? };
    answer(places.into_iter().zip(outcomes).collect(), content.rejected, content.each_its_own)
}

/// What a body says.
pub(super) struct Content {
    pub(super) batches: Vec<SampleBatch>,
    /// What is in no batch.
    pub(super) rejected: Vec<Rejection>,
    /// Whether each sample has its own id, and the sender did not mean them as one batch.
    pub(super) each_its_own: bool,
}

impl Content {
    pub(super) fn of(format: Format, bytes: &[u8]) -> Result<Self, Problem> {
        let text = body::text(bytes)?;
        let batch = |batch| Self { batches: vec![batch], rejected: vec![], each_its_own: false };
        let events = |Events { batches, rejected }| Self { batches, rejected, each_its_own: true };
        let content = match format {
            Format::Json => batch::read_json(text).map(batch),
            Format::Lines { batch_id, source } => batch::read_lines(text, batch_id, source).map(batch),
            Format::Event => Events::read_one(text).map(events),
            Format::Events => Events::read_batch(text).map(events),
        };
        content.map_err(|fault| fault.into_problem(text))
    }

    /// Roughly, in bytes.
    fn memory(&self) -> usize {
        let of_batch = |batch: &SampleBatch| {
            let bad = batch.samples.iter().filter(|sample| sample.is_err()).count();
            size_of::<SampleBatch>()
                + batch.source.len()
                + batch.batch_id.len()
                + batch.samples.len() * SAMPLE
                + bad * REJECTION
        };
        self.batches.iter().map(of_batch).sum::<usize>() + self.rejected.len() * REJECTION
    }
}

async fn read(format: Format, bytes: Bytes) -> Result<Content, Problem> {
    if bytes.len() < LONG {
        return Content::of(format, &bytes);
    }
    match tokio::task::spawn_blocking(move || Content::of(format, &bytes)).await {
        Ok(content) => content,
        Err(error) => match error.try_into_panic() {
            Ok(cause) => panic::resume_unwind(cause),
            Err(cancelled) => Err(Problem::internal(&cancelled)),
        },
    }
}
