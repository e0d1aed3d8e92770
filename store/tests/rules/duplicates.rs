//! A batch counts once, however often it comes.

use servelink_store::Position;
use servelink_store::ingest::{BatchOutcome, SampleBatch};
use servelink_store::testing::{MemoryStorage, until_head};

use crate::world::{World, actor, batch, project, sample, team};

fn one(id: &str, bytes: u64) -> SampleBatch {
    batch(
        "a",
        id,
        &[sample(1, "2026-03-10T11:00:00Z", bytes, 0, 1), sample(9, "2026-03-10T11:00:00Z", 1, 1, 1)],
    )
}

async fn total(world: &World) -> i128 {
    world.counted().await.into_values().map(|(ingress, ..)| ingress).sum()
}

fn recorded(outcome: &BatchOutcome) -> bool {
    matches!(outcome, BatchOutcome::Recorded { .. })
}

#[tokio::test]
async fn again_one_after_the_other_and_after_a_restart() {
    let storage = MemoryStorage::default();
    let world = World::open(&storage).await;
    world.register(team(1), &[project(1)]).await;
    let BatchOutcome::Recorded { position, accepted, rejected } = world.submit(one("1", 5)).await else {
        panic!()
    };
    assert_eq!((accepted, rejected.len()), (1, 1));
    let first = BatchOutcome::Duplicate { position, accepted, rejected };
    world.submit(one("2", 7)).await;
    assert_eq!(world.submit(one("1", 5)).await, first);
    world.close().await;
    let world = World::open(&storage).await;
    assert_eq!(world.submit(one("1", 5)).await, first, "the first answer, rejections too");
    assert_eq!(total(&world).await, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_times_at_once_on_two_nodes() {
    let storage = MemoryStorage::default();
    let nodes = [World::open(&storage).await, World::open(&storage).await];
    nodes[0].register(team(1), &[project(1)]).await;
    let submits = (0..100).map(|n| nodes[n % 2].submit(one("1", 5)));
    let outcomes = futures::future::join_all(submits).await;
    assert_eq!(outcomes.iter().filter(|outcome| recorded(outcome)).count(), 1);
    let duplicates = |outcome: &&BatchOutcome| matches!(outcome, BatchOutcome::Duplicate { accepted: 1, .. });
    assert_eq!(outcomes.iter().filter(duplicates).count(), 99);
    assert_eq!(total(&nodes[0]).await, 5);
}

#[tokio::test]
async fn old_and_new_ones_in_one_group() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    for n in 0..10 {
        world.submit(one(&n.to_string(), 1)).await;
    }
    let by = actor();
    let submits =
        (0..30).map(|n| world.ingest.submit(&by, vec![one(&n.to_string(), 1), one(&n.to_string(), 1)]));
    for (n, outcomes) in futures::future::join_all(submits).await.into_iter().enumerate() {
        let outcomes = outcomes.unwrap();
        assert_eq!(recorded(&outcomes[0]), n >= 10, "{n}: {outcomes:?}");
        assert!(matches!(outcomes[1], BatchOutcome::Duplicate { accepted: 1, .. }), "{n}: {outcomes:?}");
    }
    assert_eq!(total(&world).await, 30);
}

#[tokio::test]
async fn an_id_that_stands_for_other_samples_is_refused() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    let (first, second) = tokio::join!(world.submit(one("1", 5)), world.submit(one("1", 6)));
    assert!(recorded(&first));
    assert_eq!(second, BatchOutcome::IdReused, "within one group");
    assert_eq!(world.submit(one("1", 6)).await, BatchOutcome::IdReused, "and later");
    // Another source has ids of its own.
    let mut other = one("1", 6);
    other.source = "b".into();
    assert!(recorded(&world.submit(other).await));
    // The guilty one does no harm to those beside it.
    let both = world.ingest.submit(&actor(), vec![one("1", 7), one("2", 1)]).await.unwrap();
    assert_eq!(both[0], BatchOutcome::IdReused);
    assert!(recorded(&both[1]));
    assert_eq!(total(&world).await, 12);
}

#[tokio::test]
async fn again_when_the_first_answer_was_lost() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    let before = world.log.head().await.unwrap();
    tokio::select! {
        biased;
        outcome = world.submit(one("1", 5)) => panic!("answered at once: {outcome:?}"),
        () = std::future::ready(()) => {}
    }
    until_head(&*world.log, Position(before.0 + 1)).await;
    assert!(matches!(world.submit(one("1", 5)).await, BatchOutcome::Duplicate { accepted: 1, .. }));
    assert_eq!(total(&world).await, 5);
}
