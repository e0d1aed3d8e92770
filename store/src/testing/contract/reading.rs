//! What reading gives.

use chrono::{TimeDelta, Utc};

use crate::log::{
    Append, EventLog, Expected, Filter, MEASUREMENTS, NewEvent, Position, Recorded, StreamEvents, StreamId,
};
use crate::testing::Harness;
use crate::testing::requests::{event, key, request, stream};

async fn append_types(log: &dyn EventLog, to: &StreamId, types: &[&'static str]) {
    let events = types.iter().map(|event_type| event(event_type, "")).collect();
    let streams = vec![StreamEvents { stream: to.clone(), expected: Expected::Any, events }];
    let name = format!("{to} {types:?}");
    log.append(Append { keys: vec![key(&name, "")], streams, ..Append::default() }).await.unwrap();
}

fn positions(events: &[Recorded]) -> Vec<u64> {
    events.iter().map(|event| event.position.0).collect()
}

/// Nothing is lost or changed, whatever characters it is made of.
pub async fn an_event_is_read_as_it_was_appended(harness: &dyn Harness) {
    let log = harness.open().await;
    let payload = r#"{"B":{"b": 1,"a":"é ↦ 𝄞 \u0000 \" \\","big":9223372036854775807}}"#;
    let new = NewEvent { event_type: "Bé".into(), event_version: "7".into(), payload: payload.into() };
    let to = StreamId::new("team", "ü:'\"; --");
    let metadata = r#"{"actor":"x"}"#;
    let streams =
        vec![StreamEvents { stream: to.clone(), expected: Expected::Any, events: vec![new.clone()] }];
    let append = Append { keys: vec![key("k", "")], streams, metadata: metadata.into(), ..Append::default() };
    let before = Utc::now();
    log.append(append).await.unwrap();
    log.append(request("no metadata", "a", Expected::Any)).await.unwrap();
    let events = log.read_after(Position(0), 10, Filter::All).await.unwrap();
    let [event, plain] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.position, &event.stream, event.sequence), (Position(1), &to, 1));
    assert_eq!(
        (&event.event_type, &event.event_version, event.payload.as_str()),
        (&new.event_type, &new.event_version, payload)
    );
    assert_eq!((event.metadata.as_str(), plain.metadata.as_str()), (metadata, "{}"));
    // The store's clock is this machine's, to the millisecond.
    assert!((event.recorded_at - before).abs() < TimeDelta::seconds(30), "{} {before}", event.recorded_at);
    assert_ne!(event.event_id, plain.event_id);
    assert_eq!(log.read_stream(&to, 0, 10).await.unwrap().as_slice(), std::slice::from_ref(event));
}

/// After a sequence, at most so many, and never another stream's.
pub async fn streams_are_read_in_parts(harness: &dyn Harness) {
    let log = harness.open().await;
    for n in 0..7 {
        log.append(request(&format!("a{n}"), "a", Expected::Any)).await.unwrap();
        append_types(&*log, &StreamId::new("usage", "a"), &["MonthClosed"; 2]).await;
    }
    let sequences = |events: Vec<Recorded>| events.iter().map(|event| event.sequence).collect::<Vec<_>>();
    assert_eq!(sequences(log.read_stream(&stream("a"), 0, 100).await.unwrap()), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(sequences(log.read_stream(&stream("a"), 2, 3).await.unwrap()), [3, 4, 5]);
    assert_eq!(sequences(log.read_stream(&stream("a"), 7, 3).await.unwrap()), [0; 0]);
    assert_eq!(sequences(log.read_stream(&stream("b"), 0, 3).await.unwrap()), [0; 0]);
}

/// The few events that the write side must know, without the millions.
pub async fn measurements_can_be_left_out(harness: &dyn Harness) {
    let log = harness.open().await;
    append_types(&*log, &stream("a"), &MEASUREMENTS).await;
    append_types(&*log, &stream("a"), &["MonthClosed"]).await;
    append_types(&*log, &stream("b"), &MEASUREMENTS).await;
    append_types(&*log, &stream("b"), &["TeamRemoved", "TeamRenamed"]).await;
    let few = async |after, limit| {
        positions(&log.read_after(Position(after), limit, Filter::ExceptMeasurements).await.unwrap())
    };
    assert_eq!(few(0, 10).await, [6, 12, 13]);
    assert_eq!(few(6, 1).await, [12]);
    assert_eq!(few(13, 10).await, [0; 0]);
    assert_eq!(
        positions(&log.read_after(Position(0), 100, Filter::All).await.unwrap()),
        (1..=13).collect::<Vec<_>>()
    );
}

/// And none when the stream has none.
pub async fn the_last_event_of_a_stream_is_found(harness: &dyn Harness) {
    let log = harness.open().await;
    assert_eq!(log.read_last(&stream("a")).await.unwrap(), None);
    for name in ["one", "two", "three"] {
        log.append(request(name, "a", Expected::Any)).await.unwrap();
        log.append(request(&format!("{name} b"), "b", Expected::Any)).await.unwrap();
    }
    let last = log.read_last(&stream("a")).await.unwrap().unwrap();
    assert_eq!((last.position, last.sequence), (Position(5), 3));
}

/// A reader that comes back, to a log that was opened anew, sees what came meanwhile and nothing twice.
pub async fn a_reader_goes_on_where_it_stopped(harness: &dyn Harness) {
    let log = harness.open().await;
    for n in 0..5 {
        log.append(request(&n.to_string(), "a", Expected::Any)).await.unwrap();
    }
    assert_eq!(positions(&log.read_after(Position(0), 3, Filter::All).await.unwrap()), [1, 2, 3]);
    log.close().await;
    drop(log);
    harness.append_as_stranger(&stream("b"), 1, "TeamRenamed").await;
    let log = harness.open().await;
    log.append(request("more", "a", Expected::Any)).await.unwrap();
    assert_eq!(positions(&log.read_after(Position(3), 3, Filter::All).await.unwrap()), [4, 5, 6]);
    assert_eq!(positions(&log.read_after(Position(6), 3, Filter::All).await.unwrap()), [7]);
    assert_eq!(log.head().await.unwrap(), Position(7));
}
