//! The verdict over each request of a group, in the order they came: a pure function of what is recorded.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Answer;
use super::backend::{KeyRow, Row};
use super::tail::{Draft, Tail};
use crate::key::KeyId;
use crate::log::{Append, AppendError, Appended, Expected, Key, KeyRecord, StreamEvents};

pub(super) struct Plan<'a> {
    /// One for each request.
    pub(super) verdicts: Vec<Answer>,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) keys: Vec<KeyRow<'a>>,
    pub(super) tail: Draft<'a>,
}

/// Which requests are accepted, and the rows they become. `recorded` are those of their keys that exist.
pub(super) fn plan<'a>(
    appends: &'a [Append],
    tail: &'a Tail,
    mut recorded: HashMap<KeyId, KeyRecord>,
) -> Plan<'a> {
    let mut plan = Plan { verdicts: Vec::new(), rows: Vec::new(), keys: Vec::new(), tail: Draft::of(tail) };
    for append in appends {
        let verdict = match check(append, &plan.tail, &recorded) {
            Ok(None) => Ok(accept(append, &mut plan, &mut recorded)),
            Ok(Some(earlier)) => Ok(earlier),
            Err(error) => Err(error),
        };
        plan.verdicts.push(verdict);
    }
    plan
}

/// Why the request is not appended: it was before (then what was answered), or it must not be.
fn check(
    append: &Append,
    tail: &Draft<'_>,
    recorded: &HashMap<KeyId, KeyRecord>,
) -> Result<Option<Appended>, AppendError> {
    let earlier: Vec<_> =
        append.keys.iter().filter_map(|key| recorded.get(&key.id).map(|record| (key, record))).collect();
    let reused = earlier.iter().filter(|(key, record)| key.digest != record.digest).map(|(key, _)| key.id);
    let reused: Vec<_> = reused.chain(repeated(&append.keys)).collect();
    if !reused.is_empty() {
        return Err(AppendError::KeysReused(reused));
    }
    if !earlier.is_empty() {
        let records: Vec<_> = earlier.into_iter().map(|(_, record)| record.clone()).collect();
        if records.len() < append.keys.len() {
            return Err(AppendError::PartlyRecorded(records));
        }
        let position = records.iter().map(|record| record.position).max().unwrap_or_default();
        return Ok(Some(Appended { position, earlier: Some(records) }));
    }
    if let Some(condition) = append.conditions.iter().find(|condition| !tail.holds(condition)) {
        return Err(AppendError::Changed(*condition));
    }
    for events in &append.streams {
        let actual = tail.sequence(&events.stream);
        match events.expected {
            Expected::Exactly(expected) if expected != actual => {
                return Err(AppendError::WrongSequence { stream: events.stream.clone(), expected, actual });
            }
            Expected::Exactly(_) | Expected::Any => {}
        }
    }
    Ok(None)
}

/// Keys that stand twice in one request: a mistake of ours that must not reach the table's unique index.
fn repeated(keys: &[Key]) -> Option<KeyId> {
    let mut seen = HashSet::with_capacity(keys.len());
    keys.iter().map(|key| key.id).find(|id| !seen.insert(*id))
}

fn accept<'a>(append: &'a Append, plan: &mut Plan<'a>, recorded: &mut HashMap<KeyId, KeyRecord>) -> Appended {
    let metadata = if append.metadata.is_empty() { "{}" } else { &append.metadata };
    for StreamEvents { stream, events, .. } in &append.streams {
        let mut sequence = plan.tail.sequence(stream);
        for event in events {
            sequence += 1;
            let position = plan.tail.next_position();
            plan.tail.saw(stream, event, position);
            plan.rows.push(Row { position, stream, sequence, event_id: Uuid::now_v7(), event, metadata });
        }
        plan.tail.appended(stream, sequence);
    }
    let position = plan.tail.head();
    for key in &append.keys {
        plan.keys.push(KeyRow { id: key.id, digest: key.digest, position, answer: key.answer.as_deref() });
        let record = KeyRecord { id: key.id, digest: key.digest, position, answer: key.answer.clone() };
        // Found by a later request of the same group with the same key.
        recorded.insert(key.id, record);
    }
    Appended { position, earlier: None }
}
