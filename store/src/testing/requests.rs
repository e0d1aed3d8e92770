//! Requests for tests, short to write.

use crate::key::{Digest, KeyId};
use crate::log::{
    Append, EventLog, Expected, Filter, Key, NewEvent, Position, Recorded, StreamEvents, StreamId,
};

/// A key of this name, for content of this name.
#[must_use]
pub fn key(name: &str, content: &str) -> Key {
    Key {
        id: KeyId::of(&["test", name]),
        digest: Digest(KeyId::of(&[content]).0),
        answer: Some(format!("\"{name}\"")),
    }
}

/// An event of this type; its payload names the request that it came with.
#[must_use]
pub fn event(event_type: &'static str, request: &str) -> NewEvent {
    let payload = serde_json::json!({ event_type: { "request": request } }).to_string();
    NewEvent { event_type: event_type.into(), event_version: "1".into(), payload }
}

/// A stream of teams.
#[must_use]
pub fn stream(id: &str) -> StreamId {
    StreamId::new("team", id)
}

/// One event for one stream, under a key of the request's name.
#[must_use]
pub fn request(name: &str, to: &str, expected: Expected) -> Append {
    Append {
        keys: vec![key(name, name)],
        streams: vec![StreamEvents {
            stream: stream(to),
            expected,
            events: vec![event("TeamRenamed", name)],
        }],
        ..Append::default()
    }
}

/// Every event from the beginning, read in parts.
///
/// # Panics
/// When the log cannot be read, has a gap or is out of order.
pub async fn history(log: &dyn EventLog) -> Vec<Recorded> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(Position::default(), |event| event.position);
        let page = log.read_after(after, 500, Filter::All).await.unwrap();
        for event in &page {
            let before = events.last().map_or(0, |event| event.position.0);
            assert_eq!(event.position.0, before + 1, "positions are gapless and in order");
            events.push(event.clone());
        }
        if page.len() < 500 {
            return events;
        }
    }
}
