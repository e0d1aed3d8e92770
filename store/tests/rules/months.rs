//! A closed month never changes: what comes later is a correction in the month that is open.

use std::sync::Arc;

use domain::usage::{UsageEvent, UsageId, UsageRefusal};
use servelink_store::Position;
use servelink_store::commands::CommandError;
use servelink_store::ingest::BatchOutcome;
use servelink_store::testing::{MemoryStorage, in_time, until_head};

use crate::world::{World, actor, at, batch, month, project, sample, team};

fn of(n: u8, text: &str) -> UsageId {
    UsageId { project: project(n), month: month(text) }
}

async fn last(world: &World) -> (UsageId, UsageEvent) {
    world.usage_events().await.pop().unwrap()
}

#[tokio::test]
async fn a_late_sample_is_a_correction_of_the_open_month() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    world.submit(batch("a", "1", &[sample(1, "2026-02-28T12:00:00Z", 1, 2, 3)])).await;
    world.commands.close_month(&actor(), of(1, "2026-02")).await.unwrap();
    let (id, closed) = last(&world).await;
    let UsageEvent::MonthClosed(numbers) = closed else { panic!("{closed:?}") };
    assert_eq!((id, numbers.traffic_bytes.get()), (of(1, "2026-02"), 3));

    // The log knows of it before the facts do: the condition makes the stage look again.
    let late = batch(
        "a",
        "2",
        &[sample(1, "2026-02-28T13:00:00Z", 10, 20, 30), sample(1, "2026-03-10T11:00:00Z", 100, 0, 0)],
    );
    let outcome = world.submit(late.clone()).await;
    assert!(matches!(outcome, BatchOutcome::Recorded { accepted: 2, .. }), "{outcome:?}");
    let events = world.usage_events().await;
    let corrected = events.iter().find_map(|(id, event)| match event {
        UsageEvent::UsageCorrected(corrected) => Some((*id, corrected.clone())),
        UsageEvent::TrafficRecorded(_) | UsageEvent::StorageMeasured(_) | UsageEvent::MonthClosed(_) => None,
    });
    let (id, corrected) = corrected.unwrap();
    assert_eq!(id, of(1, "2026-03"));
    let delta = corrected.delta;
    assert_eq!((delta.ingress_bytes, delta.egress_bytes, delta.requests), (10, 20, 30));
    assert_eq!((corrected.at, corrected.by.as_str()), (at("2026-03-10T12:00:00Z"), "a"));
    assert_eq!(corrected.batch_ids, ["2"]);
    assert!(corrected.reason.contains("2026-02-28"), "{}", corrected.reason);
    assert_eq!(events.iter().filter(|(id, _)| *id == of(1, "2026-02")).count(), 2, "February is as it was");
    assert!(matches!(world.submit(late).await, BatchOutcome::Duplicate { accepted: 2, .. }));
}

#[tokio::test]
async fn a_month_that_another_node_closed_just_before_is_closed_here_too() {
    let storage = MemoryStorage::default();
    let (one, other) = (World::open(&storage).await, World::open(&storage).await);
    one.register(team(1), &[project(1), project(2)]).await;
    // Both writers are warm, so that their memories alone could not tell.
    for (n, node) in [&one, &other].into_iter().enumerate() {
        let outcome =
            node.submit(batch("a", &n.to_string(), &[sample(1, "2026-02-28T12:00:00Z", 1, 0, 0)])).await;
        assert!(matches!(outcome, BatchOutcome::Recorded { .. }));
    }
    one.commands.close_month(&actor(), of(1, "2026-02")).await.unwrap();
    // Closed for one project is closed for all.
    other.submit(batch("a", "late", &[sample(2, "2026-02-28T12:00:00Z", 5, 0, 0)])).await;
    let (id, event) = last(&other).await;
    assert_eq!(id, of(2, "2026-03"));
    assert!(matches!(event, UsageEvent::UsageCorrected(_)), "{event:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_in_a_month_while_it_is_closed() {
    let storage = MemoryStorage::default();
    let (one, other) = (World::open(&storage).await, World::open(&storage).await);
    one.register(team(1), &[project(1)]).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let ingest = Arc::clone(if writer % 2 == 0 { &one.ingest } else { &other.ingest });
        writers.spawn(async move {
            for n in 0..50 {
                let late = sample(1, "2026-02-28T12:00:00Z", 1, 0, 0);
                let batches = vec![batch("a", &format!("{writer} {n}"), &[late])];
                let outcomes = ingest.submit(&actor(), batches).await.unwrap();
                assert!(matches!(outcomes[..], [BatchOutcome::Recorded { .. }]), "{outcomes:?}");
            }
        });
    }
    until_head(&*one.log, Position(30)).await;
    // Its numbers are exact or it is not closed: on a stream as busy as this one it may have to ask again.
    in_time(async {
        while let Err(error) = one.commands.close_month(&actor(), of(1, "2026-02")).await {
            assert!(matches!(error, CommandError::Contended), "{error}");
        }
    })
    .await;
    writers.join_all().await;
    let events = one.usage_events().await;
    let last = events.iter().rfind(|(id, _)| *id == of(1, "2026-02"));
    assert!(matches!(last, Some((_, UsageEvent::MonthClosed(_)))), "nothing comes after it");
    let sum: i128 = one.counted().await.into_values().map(|(ingress, ..)| ingress).sum();
    assert_eq!(sum, 400);
}

#[tokio::test]
async fn a_month_that_is_not_over_is_not_closed() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    for month in ["2026-03", "2026-04"] {
        let refused = world.commands.close_month(&actor(), of(1, month)).await;
        assert!(
            matches!(refused, Err(CommandError::Usage(UsageRefusal::MonthNotOver(_)))),
            "{month}: {refused:?}"
        );
    }
    world.submit(batch("a", "1", &[sample(1, "2026-03-10T11:00:00Z", 5, 0, 0)])).await;
    let (id, event) = last(&world).await;
    assert_eq!(id, of(1, "2026-03"));
    assert!(matches!(event, UsageEvent::TrafficRecorded(_)), "{event:?}");
}

#[tokio::test]
async fn a_closed_month_takes_no_measurement() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    world.commands.close_month(&actor(), of(1, "2026-02")).await.unwrap();
    let by = actor();
    let measure =
        |time| world.commands.measure_storage(&by, project(1), Default::default(), at(time), "docker");
    let refused = measure("2026-02-28T12:00:00Z").await;
    assert!(matches!(refused, Err(CommandError::Usage(_))), "{refused:?}");
    measure("2026-03-01T12:00:00Z").await.unwrap();
}
