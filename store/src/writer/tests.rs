//! The writer's verdicts, seen through the memory backend; the contract suite covers the rest on every backend.

use super::plan::plan;
use super::tail::Tail;
use super::*;
use crate::key::{Digest, KeyId};
use crate::log::{Condition, Expected, Key, NewEvent, StreamEvents, StreamId};

fn append(key: &str, stream: &str, expected: Expected) -> Append {
    Append {
        keys: vec![Key { id: KeyId::of(&[key]), digest: Digest::default(), answer: None }],
        streams: vec![StreamEvents {
            stream: StreamId::new("team", stream),
            expected,
            events: vec![NewEvent {
                event_type: "TeamRegistered".into(),
                event_version: "1".into(),
                payload: "{}".into(),
            }],
        }],
        ..Append::default()
    }
}

fn tail_at(head: u64) -> Tail {
    let mut tail = Tail::default();
    tail.others_appended(Position(head), None);
    tail
}

#[test]
fn requests_of_one_group_see_each_other() {
    let tail = tail_at(7);
    let group = [
        append("a", "s", Expected::Exactly(0)),
        append("b", "s", Expected::Exactly(0)),
        append("a", "s", Expected::Exactly(0)),
    ];
    let plan = plan(&group, &tail, Default::default());
    assert_eq!(plan.verdicts[0].as_ref().unwrap().position, Position(8));
    assert!(matches!(plan.verdicts[1], Err(AppendError::WrongSequence { actual: 1, .. })));
    assert_eq!(plan.verdicts[2].as_ref().unwrap().position, Position(8), "the same key gets the same answer");
    assert_eq!(plan.rows.len(), 1);
}

#[test]
fn a_condition_holds_until_such_an_event_is_appended() {
    let condition = Condition { aggregate_type: "team", event_type: None, unless_after: Position(7) };
    let guarded = |key: &str| Append { conditions: vec![condition], ..append(key, key, Expected::Any) };
    let tail = tail_at(7);
    let group = [guarded("a"), guarded("b")];
    let plan = plan(&group, &tail, Default::default());
    assert!(plan.verdicts[0].is_ok());
    assert!(matches!(plan.verdicts[1], Err(AppendError::Changed(_))));
}

#[test]
fn a_condition_from_before_this_node_s_memory_does_not_hold() {
    let condition =
        Condition { aggregate_type: "usage", event_type: Some("MonthClosed"), unless_after: Position(6) };
    let group = [Append { conditions: vec![condition], ..append("a", "s", Expected::Any) }];
    let tail = tail_at(7);
    assert!(matches!(plan(&group, &tail, Default::default()).verdicts[0], Err(AppendError::Changed(_))));
}
