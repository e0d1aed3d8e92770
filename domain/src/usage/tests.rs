//! Given, when, then for a month's usage.

use chrono::{DateTime, Utc};

use super::*;
use crate::ByteCount;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn given(events: &[UsageEvent]) -> Usage {
    let mut usage = Usage::default();
    events.iter().for_each(|event| usage.evolve(event));
    usage
}

fn traffic(ingress: u32, egress: u32) -> UsageEvent {
    UsageEvent::TrafficRecorded(TrafficRecorded {
        source: "edge".into(),
        kind: None,
        batch_ids: vec!["b1".into()],
        from: at("2026-11-02T10:00:00Z"),
        until: at("2026-11-02T10:00:05Z"),
        ingress_bytes: ByteCount::from(ingress),
        egress_bytes: ByteCount::from(egress),
        requests: 3,
    })
}

fn sizes(volumes: u32) -> StorageSizes {
    StorageSizes { volumes_bytes: ByteCount::from(volumes), ..StorageSizes::default() }
}

fn measure(volumes: u32, when: &str) -> UsageCommand {
    UsageCommand::MeasureStorage { sizes: sizes(volumes), measured_at: at(when), source: "docker".into() }
}

fn correct(ingress_bytes: i64) -> UsageCommand {
    UsageCommand::Correct {
        reason: "counted twice".into(),
        delta: Correction { ingress_bytes, ..Correction::default() },
        by: "operator".into(),
        at: at("2026-11-03T00:00:00Z"),
    }
}

#[test]
fn a_closed_month_carries_its_sums() {
    let mut events = vec![traffic(10, 20), traffic(1, 2)];
    events.extend(decide(&given(&events), measure(7, "2026-11-02T04:00:00Z")).unwrap());
    let closed = decide(&given(&events), UsageCommand::Close { up_to_position: 9 }).unwrap();
    let expected = MonthClosed {
        traffic_bytes: ByteCount::from(33),
        storage_bytes: ByteCount::from(7),
        up_to_position: 9,
    };
    assert_eq!(closed, [UsageEvent::MonthClosed(expected)]);
}

#[test]
fn a_closed_month_never_changes() {
    let closed = decide(&given(&[traffic(10, 20)]), UsageCommand::Close { up_to_position: 1 }).unwrap();
    let month = given(&closed);
    assert_eq!(decide(&month, measure(1, "2026-12-04T04:00:00Z")), Err(UsageRefusal::MonthClosed));
    assert_eq!(decide(&month, correct(1)), Err(UsageRefusal::MonthClosed));
    assert_eq!(
        decide(&month, UsageCommand::Close { up_to_position: 5 }),
        Ok(vec![]),
        "closing twice is harmless"
    );
}

#[test]
fn an_unchanged_measurement_of_the_same_day_is_no_event() {
    let first = decide(&Usage::default(), measure(5, "2026-11-02T04:00:00Z")).unwrap();
    let month = given(&first);
    assert_eq!(decide(&month, measure(5, "2026-11-02T05:00:00Z")), Ok(vec![]));
    assert_eq!(decide(&month, measure(6, "2026-11-02T05:00:00Z")).unwrap().len(), 1);
    assert_eq!(decide(&month, measure(5, "2026-11-03T04:00:00Z")).unwrap().len(), 1, "the day's first");
}

#[test]
fn an_older_measurement_does_not_replace_a_newer_one() {
    let month = given(&decide(&Usage::default(), measure(5, "2026-11-02T04:00:00Z")).unwrap());
    let refused = decide(&month, measure(6, "2026-11-01T04:00:00Z"));
    assert!(matches!(refused, Err(UsageRefusal::OlderMeasurement { .. })), "{refused:?}");
}

#[test]
fn corrections_never_leave_less_than_nothing() {
    let month = given(&[traffic(10, 20)]);
    assert_eq!(decide(&month, correct(-11)), Err(UsageRefusal::BelowZero("ingress bytes")));
    assert_eq!(decide(&month, correct(0)), Err(UsageRefusal::EmptyCorrection));
    let corrected = given(&[vec![traffic(10, 20)], decide(&month, correct(-10)).unwrap()].concat());
    assert_eq!(corrected.traffic(), ByteCount::from(20));
}

#[test]
fn sizes_that_add_up_to_too_much_are_refused() {
    let sizes = StorageSizes {
        volumes_bytes: ByteCount::MAX,
        images_bytes: ByteCount::from(1),
        ..StorageSizes::default()
    };
    let command = UsageCommand::MeasureStorage {
        sizes,
        measured_at: at("2026-11-02T04:00:00Z"),
        source: "docker".into(),
    };
    assert_eq!(decide(&Usage::default(), command), Err(UsageRefusal::TooLarge));
}

#[test]
fn stream_ids_keep_their_text() {
    let text = "0123456789abcdef0123456789abcdef:2026-11";
    assert_eq!(text.parse::<UsageId>().unwrap().to_string(), text);
    assert!("0123456789abcdef0123456789abcdef".parse::<UsageId>().is_err());
    assert!("0123456789abcdef0123456789abcdef:2026-13".parse::<UsageId>().is_err());
}
