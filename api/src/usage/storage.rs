//! `POST /api/usage/storage`: what measurements of projects' storage found.
//!
//! Measurements of one project are taken one after the other, those of different projects together: the log's writer
//! makes one commit of whatever comes at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use chrono::{DateTime, TimeDelta, Utc};
use domain::usage::{StorageSizes, UsageRefusal};
use domain::{ByteCount, ProjectId};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::Position;
use store::commands::{Actor, CommandError};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::UsageWriter;
use crate::body;
use crate::problem::{IngestProblems, Item, Kind, Problem};

/// The most measurements of one request.
const MOST: usize = 1_000;
/// Projects whose measurements are recorded at the same time.
const TOGETHER: usize = 64;
/// How far ahead of our clock a measurement's time may be: a producer's clock is never quite ours.
const FUTURE_TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// Why a request with several measurements failed.
const PARTLY: &str =
    "not all measurements can be recorded now, and some may be: sending all of them again is safe";
/// Of the text that says who measured.
const SOURCE_LIMIT: usize = 128;

/// What a measurement of a project's storage found. Sizes are from 0 to 9223372036854775807, and so is their sum.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StorageMeasurement)]
pub(crate) struct Measurement {
    /// 32 lower-case hexadecimal characters.
    #[schema(value_type = String)]
    project_id: ProjectId,
    /// Volumes and bind mounts.
    #[schema(value_type = u64)]
    volumes_bytes: ByteCount,
    /// Images that belong to this project alone.
    #[schema(value_type = u64)]
    images_bytes: ByteCount,
    /// Writable layers of its containers.
    #[schema(value_type = u64)]
    layers_bytes: ByteCount,
    /// When it was measured, in RFC 3339, at most 5 minutes ahead of the server's clock; now when it is not told.
    measured_at: Option<DateTime<Utc>>,
    /// Who measured; `api` when it is not told.
    #[schema(min_length = 1, max_length = 128)]
    source: Option<String>,
}

/// One measurement, or up to 1,000.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code)] // For the document: each measurement is read by itself, so that a bad one is named by its place.
pub(crate) enum OneOrMany {
    One(Measurement),
    Many(Vec<Measurement>),
}

/// What became of the measurements. What is accepted is durable.
#[derive(Serialize, ToSchema)]
#[schema(as = StorageAnswer)]
pub(crate) struct Answer {
    /// How many are recorded, or say nothing new.
    accepted: u64,
    /// The others, by their place.
    rejected: Vec<Item>,
    /// A read that waits for this position sees them.
    position: u64,
}

/// Record measurements of projects' storage
///
/// The good ones are recorded, the bad ones are named; when all are bad the answer is 422. A measurement that is the
/// same as the last one of that day says nothing new and records nothing, so that sending it again is safe.
#[utoipa::path(
    post,
    path = "/api/usage/storage",
    operation_id = "record_storage",
    tag = "usage",
    request_body(content = OneOrMany, content_type = "application/json"),
    responses((status = 200, body = Answer), IngestProblems),
    security(("service_key" = ["usage:write"])),
)]
pub(crate) async fn record(
    State(app): State<Arc<App>>,
    UsageWriter(actor): UsageWriter,
    request: Request,
) -> Result<axum::Json<Answer>, Problem> {
    let text = body::read(request).await?;
    let now = app.clock.now();
    let mut rejected = Vec::new();
    let mut by_project: BTreeMap<ProjectId, Vec<(u64, Measurement)>> = BTreeMap::new();
    for (index, text) in (0..).zip(split(&text)?) {
        match check(text, now) {
            Ok(measurement) => {
                by_project.entry(measurement.project_id).or_default().push((index, measurement))
            }
            Err(item) => rejected.push(Item { index: Some(index), ..item }),
        }
    }

    let count: usize = by_project.values().map(Vec::len).sum();
    let projects =
        stream::iter(by_project.into_values()).map(|project| one_project(&app, &actor, project, now));
    let done: Result<Vec<Done>, Problem> = projects.buffer_unordered(TOGETHER).try_collect().await;
    // What failed was not recorded, but others of the same request may have been by then.
    let done = done.map_err(|problem| if count > 1 { problem.saying(PARTLY) } else { problem })?;
    let accepted = done.iter().map(|done| done.accepted).sum();
    let position = done.iter().filter_map(|done| done.position).max();
    rejected.extend(done.into_iter().flat_map(|done| done.rejected));
    rejected.sort_by_key(|item| item.index);
    match position {
        Some(position) => Ok(axum::Json(Answer { accepted, rejected, position: position.0 })),
        None => Err(Problem::new(Kind::Invalid, "none of the measurements can be taken").with_all(rejected)),
    }
}

/// The texts of the single measurements.
fn split(text: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let is_list = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let measurements = if is_list { body::parse(text)? } else { vec![body::parse(text)?] };
    match measurements.len() {
        1..=MOST => Ok(measurements),
        0 => Err(Problem::new(Kind::Invalid, "there is no measurement in the list")),
        many => Err(Problem::new(
            Kind::Invalid,
            format!("{many} measurements are more than the {MOST} of one request"),
        )),
    }
}

fn check(text: &RawValue, now: DateTime<Utc>) -> Result<Measurement, Item> {
    let mut deserializer = serde_json::Deserializer::from_str(text.get());
    let measurement: Measurement = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let item = body::describe(&error.path().to_string(), error.inner());
        let field = item.field.as_deref().unwrap_or("measurement");
        Item { detail: format!("{field}: {}", item.detail), ..item }
    })?;
    let item = |field: &'static str, code: &'static str, detail: String| Item {
        field: Some(field.into()),
        index: None,
        code: code.into(),
        detail: format!("{field}: {detail}"),
    };
    if let Some(at) = measurement.measured_at.filter(|at| *at > now + FUTURE_TOLERANCE) {
        let detail = format!("{at} is over 5 minutes ahead of this server's clock ({now})");
        return Err(item("measured_at", "in_the_future", detail));
    }
    if measurement.source.as_ref().is_some_and(|source| source.is_empty() || source.len() > SOURCE_LIMIT) {
        return Err(item("source", "invalid", format!("must be 1 to {SOURCE_LIMIT} bytes long")));
    }
    Ok(measurement)
}

/// What became of one project's measurements.
#[derive(Default)]
struct Done {
    accepted: u64,
    rejected: Vec<Item>,
    position: Option<Position>,
}

async fn one_project(
    app: &App,
    actor: &Actor,
    measurements: Vec<(u64, Measurement)>,
    now: DateTime<Utc>,
) -> Result<Done, Problem> {
    let mut done = Done::default();
    for (index, measurement) in measurements {
        let sizes = StorageSizes {
            volumes_bytes: measurement.volumes_bytes,
            images_bytes: measurement.images_bytes,
            layers_bytes: measurement.layers_bytes,
        };
        let at = measurement.measured_at.unwrap_or(now);
        let source = measurement.source.as_deref().unwrap_or("api");
        match app.commands.measure_storage(actor, measurement.project_id, sizes, at, source).await {
            Ok(position) => {
                done.accepted += 1;
                done.position = done.position.max(Some(position));
            }
            Err(error) => done.rejected.push(refused(index, error)?),
        }
    }
    Ok(done)
}

/// A measurement that was refused; what failed for another reason fails the request.
fn refused(index: u64, error: CommandError) -> Result<Item, Problem> {
    let (code, field) = match &error {
        CommandError::UnknownProject(_) => ("unknown_project", Some("project_id")),
        CommandError::OutsideMonths(_) => ("outside_months", Some("measured_at")),
        CommandError::Usage(UsageRefusal::MonthClosed) => ("month_closed", Some("measured_at")),
        CommandError::Usage(UsageRefusal::OlderMeasurement { .. }) => {
            ("older_measurement", Some("measured_at"))
        }
        CommandError::Usage(UsageRefusal::TooLarge) => ("too_large", None),
        CommandError::Usage(
            UsageRefusal::BelowZero(_) | UsageRefusal::EmptyCorrection | UsageRefusal::MonthNotOver(_),
        )
        | CommandError::Team(_)
        | CommandError::Source(_)
        | CommandError::ServiceKey(_)
        | CommandError::Payment(_)
        | CommandError::Inbox(_)
        | CommandError::Delivery(_)
        | CommandError::SlugTaken(_)
        | CommandError::Contended
        | CommandError::Append(_)
        | CommandError::Read(_)
        | CommandError::Known(_)
        | CommandError::State(_)
        | CommandError::Codec(_)
        | CommandError::Load(_) => return Err(error.into()),
    };
    let detail = field.map_or_else(|| error.to_string(), |field| format!("{field}: {error}"));
    Ok(Item { field: field.map(Into::into), index: Some(index), code: code.into(), detail })
}
