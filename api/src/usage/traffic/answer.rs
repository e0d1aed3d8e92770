//! From what the log made of a request to what its sender is told.

use serde::Serialize;
use store::Position;
use store::ingest::{BatchOutcome, RejectCode, Rejection};
use utoipa::ToSchema;

use crate::problem::{Item, Kind, Problem};

/// What became of the samples. All that are counted here are durable.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(PartialEq, Eq))]
#[schema(example = json!({"accepted": 999, "duplicates": 0, "rejected": [{"index": 17, "code": "unknown_project",
    "detail": "project_id: no project 0123456789abcdef0123456789abcdef is registered"}], "position": 4711}))]
pub(crate) struct TrafficAnswer {
    /// Samples that are recorded now.
    pub accepted: u64,
    /// Samples that had been recorded before: the request, or this part of it, was sent again.
    pub duplicates: u64,
    /// Samples that are not recorded.
    pub rejected: Vec<RejectedSample>,
    /// The position in the event log after which all of it is seen; reads take it as `min_position`.
    pub position: u64,
}

/// A sample that is not recorded, and why. Sending it again as it is helps only where the code is
/// `unknown_project` or `in_the_future`.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) struct RejectedSample {
    /// Its place in the request, from 0.
    pub index: u64,
    /// Why, for programs: `invalid`, `unknown_project`, `project_removed`, `in_the_future`, `outside_months` or
    /// `id_reused`.
    #[schema(value_type = String, example = "unknown_project")]
    pub code: RejectCode,
    /// Why, for people: the field and the reason.
    pub detail: String,
}

impl From<Rejection> for RejectedSample {
    fn from(Rejection { index, code, detail }: Rejection) -> Self {
        Self { index, code, detail }
    }
}

/// Adds up what became of each batch. `rejected` never reached the log.
///
/// # Errors
/// A problem when nothing of it is recorded.
pub(super) fn answer(
    outcomes: Vec<(u64, BatchOutcome)>,
    rejected: Vec<Rejection>,
    each_its_own: bool,
) -> Result<TrafficAnswer, Problem> {
    let (mut accepted, mut duplicates, mut last, mut rejected) = (0, 0, Position::default(), rejected);
    for (index, outcome) in outcomes {
        match outcome {
            BatchOutcome::Recorded { position, accepted: count, rejected: others } => {
                accepted += count;
                last = last.max(position);
                rejected.extend(others);
            }
            BatchOutcome::Duplicate { position, accepted: count, rejected: others } => {
                duplicates += count;
                last = last.max(position);
                rejected.extend(others);
            }
            BatchOutcome::AllRejected(others) => rejected.extend(others),
            BatchOutcome::IdReused if each_its_own => {
                let detail = "id: this source used it before for another sample".to_owned();
                rejected.push(Rejection { index, code: RejectCode::IdReused, detail });
            }
            BatchOutcome::IdReused => {
                let detail =
                    "batch_id: this source used it before for other samples, and nothing was recorded now";
                let item = Item {
                    field: Some("batch_id".into()),
                    index: None,
                    code: "id_reused".into(),
                    detail: detail.into(),
                };
                return Err(Problem::new(Kind::IdReused, detail).with(item));
            }
        }
    }
    rejected.sort_by_key(|rejection| rejection.index);
    if accepted + duplicates == 0 {
        let detail = "none of the samples can be recorded; errors says why";
        return Err(Problem::new(Kind::Invalid, detail).with_all(rejected.into_iter().map(item)));
    }
    let rejected = rejected.into_iter().map(RejectedSample::from).collect();
    Ok(TrafficAnswer { accepted, duplicates, rejected, position: last.0 })
}

fn item(Rejection { index, code, detail }: Rejection) -> Item {
    Item { field: None, index: Some(index), code: name(code).into(), detail }
}

/// As it is in JSON.
const fn name(code: RejectCode) -> &'static str {
    match code {
        RejectCode::Invalid => "invalid",
        RejectCode::UnknownProject => "unknown_project",
        RejectCode::ProjectRemoved => "project_removed",
        RejectCode::InTheFuture => "in_the_future",
        RejectCode::OutsideMonths => "outside_months",
        RejectCode::IdReused => "id_reused",
    }
}
