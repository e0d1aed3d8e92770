//! Counters that only grow are counted exactly once, by however many readers and over restarts.

use chrono::{DateTime, TimeDelta, Utc};
use domain::TrafficSource;
use domain::source::{ReadCounters, Reading, SourceRefusal, Totals};
use servelink_store::commands::CommandError;
use servelink_store::testing::{MemoryStorage, in_time};

use crate::world::{World, actor, at, project, team};

fn reading(service: &str, n: Option<u8>, total: u32) -> Reading {
    let totals =
        Totals { ingress_bytes: total.into(), egress_bytes: (2 * total).into(), requests: total.into() };
    Reading { service: service.into(), totals, project_id: n.map(project) }
}

fn shown(at: DateTime<Utc>, started_at: DateTime<Utc>, readings: &[Reading]) -> ReadCounters {
    let (kind, readings) = (TrafficSource::Traefik, readings.to_vec());
    ReadCounters { kind, at, started_at, readings, unread: vec![] }
}

fn started() -> DateTime<Utc> {
    at("2026-03-10T08:00:00Z")
}

async fn total(world: &World) -> (i128, i128, i128) {
    let sums = world.counted().await.into_values();
    sums.fold((0, 0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2))
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_and_restarts_count_once() {
    let storage = MemoryStorage::default();
    let (mut shown, mut now) = (0, started());
    for run in 0..3 {
        let nodes = [World::open(&storage).await, World::open(&storage).await];
        nodes[0].register(team(1), &[project(1)]).await;
        for step in 1..=5 {
            shown += 7 * step + run;
            let readings = [reading("web@docker", Some(1), shown), reading("idle@docker", Some(1), 0)];
            let by = actor();
            nodes.iter().for_each(|node| node.set_time(now));
            let reads = (0..6).map(|n| {
                now += TimeDelta::seconds(1);
                let (node, by, read) = (&nodes[n % 2], &by, self::shown(now, started(), &readings));
                async move { node.commands.read_counters(by, "traefik", &read).await }
            });
            let counted =
                in_time(futures::future::join_all(reads)).await.into_iter().filter_map(|read| match read {
                    Ok(counted) => Some(counted.counted_bytes),
                    // A later reading was recorded first.
                    Err(CommandError::Source(SourceRefusal::Stale { .. })) => None,
                    Err(error) => panic!("{error}"),
                });
            let counted: Vec<_> = counted.collect();
            assert_eq!(
                counted.iter().filter(|bytes| **bytes > 0).count(),
                1,
                "one of them counts: {counted:?}"
            );
            let shown = i128::from(shown);
            assert_eq!(total(&nodes[1]).await, (shown, 2 * shown, shown));
        }
        for node in &nodes {
            node.close().await;
        }
    }
}

#[tokio::test]
async fn a_source_that_starts_anew_counts_from_zero() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    let read = async |time: &str, started: &str, total| {
        let readings = [reading("web@docker", Some(1), total)];
        world.set_now(time);
        let read = shown(at(time), at(started), &readings);
        world.commands.read_counters(&actor(), "traefik", &read).await.unwrap()
    };
    read("2026-03-10T09:00:00Z", "2026-03-10T08:00:00Z", 100).await;
    read("2026-03-10T10:00:00Z", "2026-03-10T09:30:00Z", 40).await;
    read("2026-03-10T11:00:00Z", "2026-03-10T09:30:00Z", 45).await;
    assert_eq!(total(&world).await.0, 145);
}

#[tokio::test]
async fn a_reading_that_was_held_up_is_read_again_instead() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    let read = async |read_at: &str, now: &str, total| {
        world.set_now(now);
        let readings = [reading("web@docker", Some(1), total)];
        let read = shown(at(read_at), started(), &readings);
        world.commands.read_counters(&actor(), "traefik", &read).await
    };
    read("2026-03-10T09:00:00Z", "2026-03-10T09:00:00Z", 100).await.unwrap();
    read("2026-03-10T09:10:00Z", "2026-03-10T09:10:00Z", 150).await.unwrap();
    // A node that read in between, was frozen, and goes on now: its counters seem to have gone down.
    let held_up = read("2026-03-10T09:05:00Z", "2026-03-10T09:11:00Z", 120).await;
    assert!(matches!(held_up, Err(CommandError::Source(SourceRefusal::Stale { .. }))), "{held_up:?}");
    assert_eq!(total(&world).await.0, 150);
}

#[tokio::test]
async fn bytes_wait_for_their_project() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    let read = async |minute, total| {
        // Nobody knows the first one's project; the second one's is told but not registered.
        let readings = [reading("who@docker", None, total), reading("soon@docker", Some(2), total)];
        let now = started() + TimeDelta::minutes(minute);
        world.set_time(now);
        let read = shown(now, started(), &readings);
        world.commands.read_counters(&actor(), "traefik", &read).await.unwrap()
    };
    let first = read(1, 10).await;
    assert_eq!((first.waiting_services, first.counted_bytes), (2, 0));
    assert_eq!(total(&world).await, (0, 0, 0));
    world.commands.put_project(&actor(), project(2), team(1), "soon").await.unwrap();
    let second = read(2, 15).await;
    assert_eq!((second.waiting_services, second.counted_bytes), (1, 45));
    assert_eq!(total(&world).await, (15, 30, 15));
    let head = world.log.head().await.unwrap();
    read(3, 15).await;
    assert_eq!(world.log.head().await.unwrap(), head, "no counter has moved: nothing to record");
}
