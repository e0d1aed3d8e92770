//! Two nodes on one storage, both appending.

use std::sync::Arc;

use crate::log::{Append, AppendError, Condition, EventLog, Expected, Position};
use crate::testing::requests::{event, history, request};
use crate::testing::{Harness, in_time};

const WRITERS: usize = 16;
const REQUESTS: usize = 10;

/// Runs `WRITERS` writers, half of them on each node, and returns the first node.
async fn on_both<Work, Writing>(harness: &dyn Harness, work: Work) -> Arc<dyn EventLog>
where
    Work: Fn(Arc<dyn EventLog>, usize) -> Writing,
    Writing: Future<Output = ()> + Send + 'static,
{
    let nodes = [harness.open().await, harness.open().await];
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(work(nodes[writer % 2].clone(), writer))).collect();
    for writer in writers {
        in_time(writer).await.unwrap();
    }
    let [one, other] = nodes;
    assert_eq!(history(&*one).await, history(&*other).await);
    one
}

/// Both write to the same streams, in one order without gaps.
pub async fn nodes_append_without_gaps(harness: &dyn Harness) {
    let log = on_both(harness, |log, writer| async move {
        for n in 0..REQUESTS {
            log.append(request(&format!("{writer} {n}"), &format!("{}", writer % 3), Expected::Any))
                .await
                .unwrap();
        }
    })
    .await;
    assert_eq!(history(&*log).await.len(), WRITERS * REQUESTS);
}

/// Everyone counts one stream up by reading it and appending at exactly that sequence: no step is lost.
pub async fn nodes_share_exact_sequences(harness: &dyn Harness) {
    let log = on_both(harness, |log, writer| async move {
        for n in 0..REQUESTS / 2 {
            let mut tries = 0;
            loop {
                let append = request(&format!("{writer} {n} {tries}"), "counter", Expected::Exactly(0));
                let last = log.read_last(&append.streams[0].stream).await.unwrap();
                let mut append = append;
                append.streams[0].expected = Expected::Exactly(last.map_or(0, |event| event.sequence));
                match log.append(append).await {
                    Ok(_) => break,
                    Err(AppendError::WrongSequence { .. }) => tries += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    })
    .await;
    let sequences: Vec<_> = history(&*log).await.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=(WRITERS * (REQUESTS / 2)) as u64).collect::<Vec<_>>());
}

/// Everyone sends the same requests to whichever node: each is recorded once, and everyone hears the same position.
pub async fn nodes_share_keys(harness: &dyn Harness) {
    let log = on_both(harness, |log, _| async move {
        for n in 0..REQUESTS {
            let name = n.to_string();
            let appended = log.append(request(&name, "a", Expected::Any)).await.unwrap();
            let stands_there =
                log.read_after(Position(appended.position.0 - 1), 1, crate::Filter::All).await.unwrap();
            assert_eq!(stands_there[0].payload, event("TeamRenamed", &name).payload);
        }
    })
    .await;
    assert_eq!(history(&*log).await.len(), REQUESTS);
}

/// Of all who rest on the same position, one is recorded, wherever they ask.
pub async fn nodes_share_conditions(harness: &dyn Harness) {
    // Both writers' memories begin before the positions that are asked about.
    let nodes = [harness.open().await, harness.open().await];
    for (n, node) in nodes.iter().enumerate() {
        node.append(request(&format!("begin {n}"), &format!("begin {n}"), Expected::Any)).await.unwrap();
    }
    for round in 0..REQUESTS {
        let unless_after = nodes[0].head().await.unwrap();
        let condition = Condition { aggregate_type: "team", event_type: Some("TeamRenamed"), unless_after };
        let ask = |writer: usize| {
            let name = format!("{round} {writer}");
            let append = Append { conditions: vec![condition], ..request(&name, &name, Expected::Any) };
            let log = nodes[writer % 2].clone();
            async move { log.append(append).await }
        };
        let answers = futures::future::join_all((0..WRITERS).map(ask)).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let others = answers.iter().filter(|answer| matches!(answer, Err(AppendError::Changed(_)))).count();
        assert_eq!(others, WRITERS - 1, "{answers:?}");
    }
}
