//! Which samples are taken, and what they add up to.

use domain::usage::UsageEvent;
use servelink_store::AppendError;
use servelink_store::ingest::{BatchOutcome, IngestError, RejectCode, Rejection};
use servelink_store::testing::MemoryStorage;
use servelink_store::testing::requests::history;

use crate::world::{World, actor, at, batch, project, sample, team};

#[tokio::test]
async fn sums_are_exact_by_project_day_and_source() {
    let world = World::new().await;
    world.register(team(1), &[project(1), project(2)]).await;
    let batches = vec![
        batch(
            "a",
            "1",
            &[
                sample(1, "2026-02-28T23:59:59.999999Z", 1, 10, 100),
                sample(1, "2026-03-01T00:00:00Z", 2, 20, 200),
                sample(2, "2026-03-01T00:00:00Z", 3, 30, 300),
                sample(1, "2026-03-01T23:59:59Z", 4, 40, 400),
            ],
        ),
        batch("a", "2", &[sample(1, "2026-03-01T12:00:00Z", 5, 50, 500)]),
        batch(
            "b",
            "1",
            &[sample(1, "2026-03-01T12:00:00Z", 6, 60, 600), sample(1, "2026-03-02T12:00:00Z", 7, 70, 700)],
        ),
    ];
    let outcomes = world.ingest.submit(&actor(), batches).await.unwrap();
    let accepted: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            BatchOutcome::Recorded { accepted, rejected, position } => {
                assert!(rejected.is_empty());
                (*accepted, *position)
            }
            other @ (BatchOutcome::Duplicate { .. }
            | BatchOutcome::IdReused
            | BatchOutcome::AllRejected(_)) => {
                panic!("{other:?}")
            }
        })
        .collect();
    let head = world.log.head().await.unwrap();
    assert_eq!(accepted, [(4, head), (1, head), (2, head)]);

    let day = |n: u8, day: &str| (project(n), day.to_owned());
    let expected = [
        (day(1, "2026-02-28"), (1, 10, 100)),
        (day(1, "2026-03-01"), (17, 170, 1_700)),
        (day(1, "2026-03-02"), (7, 70, 700)),
        (day(2, "2026-03-01"), (3, 30, 300)),
    ];
    assert_eq!(world.counted().await, expected.into());

    // One event for each project, day and source; the two batches of one source are in one.
    let events = world.usage_events().await;
    assert_eq!(events.len(), 5);
    let both = events.iter().find_map(|(_, event)| match event {
        UsageEvent::TrafficRecorded(traffic) if traffic.batch_ids.len() == 2 => Some(traffic.clone()),
        UsageEvent::TrafficRecorded(_)
        | UsageEvent::StorageMeasured(_)
        | UsageEvent::UsageCorrected(_)
        | UsageEvent::MonthClosed(_) => None,
    });
    let both = both.unwrap();
    assert_eq!((both.source.as_str(), both.batch_ids), ("a", vec!["1".to_owned(), "2".to_owned()]));
    assert_eq!((both.from, both.until), (at("2026-03-01T00:00:00Z"), at("2026-03-01T23:59:59Z")));
    assert_eq!(both.ingress_bytes.get(), 11);
}

#[tokio::test]
async fn bad_samples_are_named_and_good_ones_kept() {
    let world = World::new().await;
    world.register(team(1), &[project(1), project(2)]).await;
    world.commands.remove_project(&actor(), project(2)).await.unwrap();
    let mut mixed = batch(
        "a",
        "1",
        &[
            sample(9, "2026-03-10T11:00:00Z", 1, 0, 0),
            sample(1, "2026-03-10T12:05:00Z", 2, 0, 0),
            sample(1, "2026-03-10T12:05:00.000001Z", 4, 0, 0),
            sample(2, "2026-03-10T12:00:00Z", 8, 0, 0),
            sample(2, "2026-03-10T12:00:00.000001Z", 16, 0, 0),
            sample(1, "1999-12-31T23:59:59Z", 32, 0, 0),
        ],
    );
    let invalid =
        Rejection { index: 16, code: RejectCode::Invalid, detail: "requests: must not be negative".into() };
    mixed.first_index = 10;
    mixed.samples.push(Err(invalid.clone()));
    let BatchOutcome::Recorded { accepted, rejected, .. } = world.submit(mixed.clone()).await else {
        panic!()
    };
    assert_eq!(accepted, 2);
    let codes: Vec<_> = rejected.iter().map(|rejection| (rejection.index, rejection.code)).collect();
    let expected = [
        (10, RejectCode::UnknownProject),
        (12, RejectCode::InTheFuture),
        (14, RejectCode::ProjectRemoved),
        (15, RejectCode::OutsideMonths),
        (16, RejectCode::Invalid),
    ];
    assert_eq!(codes, expected);
    assert_eq!(rejected[4], invalid);
    assert!(rejected[0].detail.contains(&project(9).to_string()), "{}", rejected[0].detail);
    let day = "2026-03-10".to_owned();
    let sums = [((project(1), day.clone()), (2, 0, 0)), ((project(2), day), (8, 0, 0))];
    assert_eq!(world.counted().await, sums.into());

    // The first answer stands, even though the unknown project is known by now and the future has come.
    world.commands.put_project(&actor(), project(9), team(1), "late").await.unwrap();
    world.set_now("2026-03-11T00:00:00Z");
    let BatchOutcome::Duplicate { accepted: 2, rejected: again, .. } = world.submit(mixed).await else {
        panic!()
    };
    assert_eq!(again, rejected);
}

#[tokio::test]
async fn a_batch_without_a_good_sample_leaves_its_id_free() {
    let world = World::new().await;
    world.register(team(1), &[]).await;
    let early = batch("a", "1", &[sample(1, "2026-03-10T11:00:00Z", 1, 2, 3)]);
    let before = world.log.head().await.unwrap();
    assert!(
        matches!(world.submit(early.clone()).await, BatchOutcome::AllRejected(rejected) if rejected.len() == 1)
    );
    assert_eq!(world.log.head().await.unwrap(), before);
    world.commands.put_project(&actor(), project(1), team(1), "shop").await.unwrap();
    assert!(matches!(world.submit(early).await, BatchOutcome::Recorded { accepted: 1, .. }));
    assert_eq!(world.counted().await.len(), 1);
}

#[tokio::test]
async fn answers_keep_their_places() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    let good = |id: &str| batch("a", id, &[sample(1, "2026-03-10T11:00:00Z", 1, 0, 0)]);
    let bad = |id: &str| batch("a", id, &[sample(9, "2026-03-10T11:00:00Z", 1, 0, 0)]);
    world.submit(good("old")).await;
    let mut reused = good("old");
    reused.samples.push(reused.samples[0].clone());
    let all = vec![bad("1"), good("2"), good("old"), bad("3"), good("2"), reused, good("4")];
    let outcomes = world.ingest.submit(&actor(), all).await.unwrap();
    assert!(
        matches!(
            outcomes[..],
            [
                BatchOutcome::AllRejected(_),
                BatchOutcome::Recorded { .. },
                BatchOutcome::Duplicate { .. },
                BatchOutcome::AllRejected(_),
                BatchOutcome::Duplicate { .. },
                BatchOutcome::IdReused,
                BatchOutcome::Recorded { .. },
            ]
        ),
        "{outcomes:?}"
    );
    assert_eq!(world.counted().await.into_values().collect::<Vec<_>>(), [(3, 0, 0)]);
}

#[tokio::test]
async fn sums_that_one_event_cannot_hold_become_two() {
    const MAX: u64 = i64::MAX as u64;
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    let noon = "2026-03-10T11:00:00Z";
    let within = batch(
        "a",
        "1",
        &[sample(1, noon, MAX, 1, 0), sample(1, noon, 1, MAX, 0), sample(1, noon, 5, 5, MAX)],
    );
    let beside = batch("a", "2", &[sample(1, noon, MAX - 1, 0, MAX), sample(1, noon, 7, 0, 0)]);
    for outcome in world.ingest.submit(&actor(), vec![within, beside]).await.unwrap() {
        assert!(matches!(outcome, BatchOutcome::Recorded { .. }), "{outcome:?}");
    }
    let max = i128::from(MAX);
    let sums = world.counted().await.into_values().collect::<Vec<_>>();
    assert_eq!(sums, [(2 * max + 12, max + 6, 2 * max)], "not a byte is lost");
}

#[tokio::test]
async fn samples_of_nothing_are_taken_and_leave_no_event() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    let head = world.log.head().await.unwrap();
    let idle = batch("a", "1", &[sample(1, "2026-03-10T11:00:00Z", 0, 0, 0)]);
    let first = world.submit(idle.clone()).await;
    assert_eq!(first, BatchOutcome::Recorded { position: head, accepted: 1, rejected: vec![] });
    let again = world.submit(idle).await;
    assert_eq!(again, BatchOutcome::Duplicate { position: head, accepted: 1, rejected: vec![] });
    assert_eq!(world.log.head().await.unwrap(), head);
}

#[tokio::test]
async fn a_project_that_another_node_registered_is_known_at_once() {
    let storage = MemoryStorage::default();
    let (one, other) = (World::open(&storage).await, World::open(&storage).await);
    one.register(team(1), &[project(1)]).await;
    let outcome = other.submit(batch("a", "1", &[sample(1, "2026-03-10T11:00:00Z", 1, 0, 0)])).await;
    assert!(matches!(outcome, BatchOutcome::Recorded { .. }), "{outcome:?}");
}

#[tokio::test]
async fn closing_answers_what_was_taken() {
    let storage = MemoryStorage::default();
    let world = World::open(&storage).await;
    world.register(team(1), &[project(1)]).await;
    let one = |n: u64| batch("a", &n.to_string(), &[sample(1, "2026-03-10T11:00:00Z", 1, 0, 0)]);
    let waiting = futures::future::join_all((0..300).map(|n| world.submit(one(n))));
    let (outcomes, ()) = tokio::join!(waiting, world.close());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, BatchOutcome::Recorded { .. })));
    let late = world.ingest.submit(&actor(), vec![one(300)]).await;
    assert!(matches!(late, Err(IngestError::Append(AppendError::Closed))), "{late:?}");
    let world = World::open(&storage).await;
    assert_eq!(world.counted().await.into_values().collect::<Vec<_>>(), [(300, 0, 0)]);
    let together = history(&*world.log).await.len();
    assert!(together < 100, "what waits together is recorded together: {together} events");
}
