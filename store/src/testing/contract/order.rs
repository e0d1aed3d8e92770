//! The order of the log, with many at work.

use std::collections::HashMap;

use crate::log::{Expected, Filter, Position};
use crate::testing::requests::{event, history, request};
use crate::testing::{Harness, in_time};

const WRITERS: u64 = 64;
const REQUESTS: u64 = 10;
/// Each writer's requests have one, two and three events in turn.
const EVENTS: u64 = WRITERS * (REQUESTS + 9);

/// One event more than is visible must never be overtaken by a later one: the reader polls all the while.
pub async fn a_reader_beside_64_writers_misses_nothing(harness: &dyn Harness) {
    let log = harness.open().await;
    let reader = tokio::spawn({
        let log = log.clone();
        async move {
            let mut seen = Vec::new();
            while (seen.len() as u64) < EVENTS {
                let after = Position(seen.len() as u64);
                for event in log.read_after(after, 100, Filter::All).await.unwrap() {
                    assert_eq!(event.position.0, seen.len() as u64 + 1, "the next position, and no other");
                    seen.push(event);
                }
            }
            seen
        }
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for n in 0..REQUESTS {
                    // Eight streams for all, so that their sequences are contended too.
                    let name = format!("{writer} {n}");
                    let mut append = request(&name, &format!("{}", writer % 8), Expected::Any);
                    append.streams[0].events = (0..=n % 3).map(|_| event("TeamRenamed", &name)).collect();
                    let appended = log.append(append).await.unwrap();
                    let seen = log.head().await.unwrap();
                    assert!(
                        seen >= appended.position,
                        "what was answered can be read: {seen} {}",
                        appended.position
                    );
                }
            })
        })
        .collect();
    for writer in writers {
        in_time(writer).await.unwrap();
    }
    let seen = in_time(reader).await.unwrap();
    let mut sequences: HashMap<_, u64> = HashMap::new();
    for event in &seen {
        let last = sequences.entry(event.stream.clone()).or_default();
        assert_eq!(event.sequence, *last + 1, "each stream is in order in the whole");
        *last = event.sequence;
    }
    assert_eq!(seen, history(&*log).await);
}

/// Positions, sequences and ids are the same, and go on from there.
pub async fn the_order_survives_a_restart(harness: &dyn Harness) {
    let mut before = Vec::new();
    for run in 0..3 {
        let log = harness.open().await;
        assert_eq!(history(&*log).await, before);
        for n in 0..10 {
            log.append(request(&format!("{run} {n}"), &format!("{}", n % 3), Expected::Any)).await.unwrap();
        }
        before = history(&*log).await;
        assert_eq!(before.len(), 10 * (run + 1));
        if run == 0 {
            log.close().await;
        }
        // Otherwise it is dropped as it is.
    }
}
