//! The stage: everything that waits becomes one append. While it is made durable the next group gathers, so that the
//! groups are as large as the load wants.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::fold::{Fold, conditions};
use super::sample::{CheckedBatch, Rejection};
use super::{BatchOutcome, IngestError};
use crate::clock::Clock;
use crate::commands::Actor;
use crate::key::KeyId;
use crate::known::Known;
use crate::log::{Append, AppendError, EventLog, Key, KeyRecord, Position};

/// Requests that one append stands for at most.
const GROUP: usize = 1_024;
/// How often what an append rests on may change under it before it gives up.
const ATTEMPTS: usize = 8;

/// Rejections that are kept with a batch's key: keys are kept for ever, and a gateway that is set up wrongly must not
/// fill the disk. Whoever sends the batch again is told of these.
const KEPT: usize = 100;

/// A request that waits.
pub(super) struct Submission {
    pub(super) actor: Actor,
    pub(super) batches: Vec<CheckedBatch>,
    pub(super) answer: oneshot::Sender<Result<Vec<BatchOutcome>, IngestError>>,
}

/// What is kept with a batch's key, for whoever sends it again.
#[derive(Serialize, Deserialize)]
struct FirstAnswer {
    accepted: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<Rejection>,
}

pub(super) async fn run(
    log: Arc<dyn EventLog>,
    known: Arc<Known>,
    clock: Arc<dyn Clock>,
    mut queue: mpsc::Receiver<Submission>,
) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        let batches: Vec<&CheckedBatch> = group.iter().flat_map(|submission| &submission.batches).collect();
        let actors = actors(&group);
        let result = record(&*log, &known, &*clock, &actors, &batches).await;
        let mut outcomes = result.map(Vec::into_iter);
        for submission in group.drain(..) {
            let answer = match &mut outcomes {
                Ok(outcomes) => Ok(outcomes.by_ref().take(submission.batches.len()).collect()),
                Err(error) => Err(error.clone()),
            };
            // Whoever has gone away sends the same batch again and gets the same answer.
            let _ = submission.answer.send(answer);
        }
    }
}

/// Everyone whose samples the append holds, once each.
fn actors(group: &[Submission]) -> String {
    let mut actors: Vec<&str> = group.iter().map(|submission| submission.actor.0.as_str()).collect();
    actors.sort_unstable();
    actors.dedup();
    serde_json::json!({ "actor": actors.join(",") }).to_string()
}

/// Records what of these batches is new: one outcome each, in order.
async fn record(
    log: &dyn EventLog,
    known: &Known,
    clock: &dyn Clock,
    metadata: &str,
    batches: &[&CheckedBatch],
) -> Result<Vec<BatchOutcome>, IngestError> {
    let mut outcomes: Vec<Option<BatchOutcome>> = vec![None; batches.len()];
    // Batches that come twice within the group: the second is answered as the first one's repetition.
    let mut first: HashMap<KeyId, usize> = HashMap::with_capacity(batches.len());
    let mut repeats = Vec::new();
    for (place, batch) in batches.iter().enumerate() {
        let earlier = *first.entry(batch.key).or_insert(place);
        if earlier != place {
            repeats.push((place, earlier));
        }
    }

    let mut attempts = 0;
    loop {
        let open: Vec<usize> = (0..batches.len())
            .filter(|place| outcomes[*place].is_none() && first.get(&batches[*place].key) == Some(place))
            .collect();
        if open.is_empty() {
            break;
        }
        match log.append(append(known, clock, metadata, open.iter().map(|place| batches[*place]))?).await {
            Ok(appended) if appended.earlier.is_none() => {
                for place in open {
                    outcomes[place] = Some(recorded(batches[place], appended.position));
                }
            }
            Ok(appended) => {
                duplicates(&mut outcomes, &first, appended.earlier.unwrap_or_default());
            }
            Err(AppendError::PartlyRecorded(records)) => duplicates(&mut outcomes, &first, records),
            Err(AppendError::KeysReused(keys)) => {
                for place in keys.iter().filter_map(|key| first.get(key)) {
                    outcomes[*place] = Some(BatchOutcome::IdReused);
                }
            }
            Err(AppendError::Changed(_)) if attempts < ATTEMPTS => {
                attempts += 1;
                known.catch_up().await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    for (place, earlier) in repeats {
        outcomes[place] = repeated(batches[place], batches[earlier], outcomes[earlier].as_ref());
    }
    Ok(outcomes.into_iter().flatten().collect())
}

fn append<'a>(
    known: &Known,
    clock: &dyn Clock,
    metadata: &str,
    batches: impl Iterator<Item = &'a CheckedBatch>,
) -> Result<Append, IngestError> {
    let mut fold = Fold::default();
    let mut keys = Vec::new();
    for batch in batches {
        let answer = FirstAnswer {
            accepted: batch.accepted,
            rejected: batch.rejected.iter().take(KEPT).cloned().collect(),
        };
        let answer = serde_json::to_string(&answer).map_err(|error| IngestError::Known(error.to_string()))?;
        keys.push(Key { id: batch.key, digest: batch.digest, answer: Some(answer) });
        batch.traffic.iter().for_each(|day| fold.add(day.clone()));
    }
    let facts = known.facts();
    let conditions = conditions(facts.position);
    let streams =
        fold.into_streams(&facts, clock.now()).map_err(|error| IngestError::Known(error.to_string()))?;
    Ok(Append { keys, streams, conditions, metadata: metadata.to_owned() })
}

fn recorded(batch: &CheckedBatch, position: Position) -> BatchOutcome {
    BatchOutcome::Recorded { position, accepted: batch.accepted, rejected: batch.rejected.clone() }
}

fn duplicates(outcomes: &mut [Option<BatchOutcome>], first: &HashMap<KeyId, usize>, records: Vec<KeyRecord>) {
    for record in records {
        let Some(&place) = first.get(&record.id) else {
            continue;
        };
        let answer = record.answer.as_deref().and_then(|answer| serde_json::from_str(answer).ok());
        let FirstAnswer { accepted, rejected } =
            answer.unwrap_or(FirstAnswer { accepted: 0, rejected: vec![] });
        outcomes[place] = Some(BatchOutcome::Duplicate { position: record.position, accepted, rejected });
    }
}

fn repeated(
    batch: &CheckedBatch,
    earlier: &CheckedBatch,
    outcome: Option<&BatchOutcome>,
) -> Option<BatchOutcome> {
    if batch.digest != earlier.digest {
        return Some(BatchOutcome::IdReused);
    }
    match outcome?.clone() {
        BatchOutcome::Recorded { position, accepted, rejected } => {
            Some(BatchOutcome::Duplicate { position, accepted, rejected })
        }
        other @ (BatchOutcome::Duplicate { .. } | BatchOutcome::IdReused | BatchOutcome::AllRejected(_)) => {
            Some(other)
        }
    }
}
