//! Given, when, then for a month of comparisons.

use super::*;
use crate::TrafficSource;
use crate::usage::TrafficRecorded;

fn traffic(kind: Option<TrafficSource>) -> TrafficRecorded {
    let at = "2026-11-02T10:00:00Z".parse().unwrap();
    TrafficRecorded {
        source: "docker".into(),
        kind,
        batch_ids: vec!["docker:7".into()],
        from: at,
        until: at,
        ingress_bytes: 10.into(),
        egress_bytes: 20.into(),
        requests: 0,
    }
}

#[test]
fn whatever_is_seen_is_kept_as_often_as_it_is_told() {
    let (mut month, seen) = (Comparison::default(), traffic(Some(TrafficSource::Docker)));
    for _ in 0..2 {
        let events = decide(&month, ComparisonCommand::Compare(seen.clone())).unwrap();
        assert_eq!(events, [ComparisonEvent::TrafficCompared(seen.clone())]);
        events.iter().for_each(|event| month.evolve(event));
    }
}

#[test]
fn what_nobody_says_how_it_was_counted_cannot_be_compared() {
    let refused = decide(&Comparison::default(), ComparisonCommand::Compare(traffic(None)));
    assert_eq!(refused, Err(ComparisonRefusal::NoKind));
}
