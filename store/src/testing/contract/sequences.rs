//! Expected sequences, and requests over many streams.

use futures::future::join_all;

use crate::log::{Append, AppendError, Expected, Position, StreamEvents};
use crate::testing::Harness;
use crate::testing::requests::{event, history, key, request, stream};

/// Of a group that is committed together, only the request fails whose stream has moved on.
pub async fn a_wrong_sequence_fails_its_own_request_alone(harness: &dyn Harness) {
    let log = harness.open().await;
    log.append(request("first", "a", Expected::Exactly(0))).await.unwrap();
    let group = ["late", "early", "right", "after right", "other"];
    let expected = [
        request(group[0], "a", Expected::Exactly(0)),
        request(group[1], "a", Expected::Exactly(2)),
        request(group[2], "a", Expected::Exactly(1)),
        request(group[3], "a", Expected::Exactly(1)),
        request(group[4], "b", Expected::Exactly(0)),
    ];
    let answers = join_all(expected.into_iter().map(|append| log.append(append))).await;
    let wrong = |place: usize, at: u64| match &answers[place] {
        Err(AppendError::WrongSequence { stream: of, actual, .. }) => {
            assert_eq!((of, *actual), (&stream("a"), at))
        }
        other => panic!("{}: {other:?}", group[place]),
    };
    wrong(0, 1);
    wrong(1, 1);
    wrong(3, 2);
    assert_eq!(answers[2].as_ref().unwrap().position, Position(2));
    assert_eq!(answers[4].as_ref().unwrap().position, Position(3));
    let recorded: Vec<_> =
        history(&*log).await.into_iter().map(|event| (event.stream, event.sequence)).collect();
    assert_eq!(recorded, [(stream("a"), 1), (stream("a"), 2), (stream("b"), 1)]);
}

/// `Expected::Any` is the next sequence, whatever it is, within a group too.
pub async fn any_sequence_is_after_whatever_is_there(harness: &dyn Harness) {
    let log = harness.open().await;
    let group = (0..20).map(|n| log.append(request(&n.to_string(), "a", Expected::Any)));
    for answer in join_all(group).await {
        answer.unwrap();
    }
    let sequences: Vec<_> = history(&*log).await.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=20).collect::<Vec<_>>());
}

/// A request names several streams: all of their events are recorded, side by side, or none.
pub async fn a_request_over_many_streams_is_all_or_nothing(harness: &dyn Harness) {
    let log = harness.open().await;
    let to = |id: &str, expected| StreamEvents {
        stream: stream(id),
        expected,
        events: vec![event("TeamRenamed", id), event("TeamRenamed", id)],
    };
    let streams =
        |last| (0..30).map(|n| to(&n.to_string(), Expected::Exactly(0))).chain([to("last", last)]).collect();
    let bad =
        Append { keys: vec![key("bad", "")], streams: streams(Expected::Exactly(7)), ..Append::default() };
    let good =
        Append { keys: vec![key("good", "")], streams: streams(Expected::Exactly(0)), ..Append::default() };
    let (bad, good) = tokio::join!(log.append(bad), log.append(good));
    assert!(matches!(bad, Err(AppendError::WrongSequence { actual: 0, .. })), "{bad:?}");
    assert_eq!(good.unwrap().position, Position(62));
    let events = history(&*log).await;
    assert_eq!(events.len(), 62);
    assert!(events.chunks(2).all(|pair| pair[0].stream == pair[1].stream && pair[1].sequence == 2));
}

/// The writer remembers where streams end; that somebody else appends makes it look again.
pub async fn a_stream_that_others_wrote_to_is_looked_up_again(harness: &dyn Harness) {
    let log = harness.open().await;
    log.append(request("ours", "a", Expected::Exactly(0))).await.unwrap();
    harness.append_as_stranger(&stream("a"), 2, "TeamRenamed").await;
    let stale = log.append(request("stale", "a", Expected::Exactly(1))).await;
    assert!(matches!(stale, Err(AppendError::WrongSequence { actual: 2, .. })), "{stale:?}");
    log.append(request("fresh", "a", Expected::Exactly(2))).await.unwrap();
    assert_eq!(history(&*log).await.len(), 3);
}

/// Statements take lists of any length: one request with thousands of keys and streams, others beside it.
pub async fn a_group_of_any_size_is_one_transaction(harness: &dyn Harness) {
    let log = harness.open().await;
    for size in [1_usize, 2, 7, 8, 9, 63, 64, 65, 1_300] {
        let large = Append {
            keys: (0..size).map(|n| key(&format!("{size} {n}"), "")).collect(),
            streams: (0..size)
                .map(|n| StreamEvents {
                    stream: stream(&format!("{size} {n}")),
                    expected: Expected::Exactly(0),
                    events: vec![event("TeamRenamed", "large")],
                })
                .collect(),
            ..Append::default()
        };
        let before = log.head().await.unwrap();
        let small = request(&format!("small {size}"), "small", Expected::Any);
        let (first, beside) = tokio::join!(log.append(large.clone()), log.append(small));
        let first = first.unwrap();
        beside.unwrap();
        assert_eq!(first.position, Position(before.0 + size as u64));
        let again = log.append(large).await.unwrap();
        assert_eq!(again.position, first.position);
        assert_eq!(again.earlier.map(|records| records.len()), Some(size));
    }
    history(&*log).await;
}
