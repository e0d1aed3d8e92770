//! One way of counting bills a project; what others see is kept beside the bill.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use domain::comparison::{Comparison, ComparisonEvent};
use domain::source::{ReadCounters, Reading, Totals};
use domain::usage::{TrafficRecorded, UsageEvent, UsageId};
use domain::{ProjectId, TrafficSource};
use servelink_store::codec::decode;
use servelink_store::commands::CommandError;
use servelink_store::ingest::BatchOutcome;
use servelink_store::testing::MemoryStorage;
use servelink_store::testing::requests::history;

use crate::world::{World, actor, at, batch, month, project, sample, team};

/// What is kept for comparison, in order.
async fn compared(world: &World) -> Vec<(UsageId, TrafficRecorded)> {
    let events = history(&*world.log).await.into_iter();
    let events = events.filter(|event| event.stream.aggregate_type == Comparison::TYPE);
    let event = |event: servelink_store::Recorded| {
        let ComparisonEvent::TrafficCompared(traffic) = decode(&event).unwrap();
        (event.stream.aggregate_id.parse().unwrap(), traffic)
    };
    events.map(event).collect()
}

/// Egress by the way that it was counted in: what is billed, what is compared.
async fn egress(world: &World, n: u8) -> (Vec<(TrafficSource, u64)>, Vec<(TrafficSource, u64)>) {
    let seen = |traffic: &TrafficRecorded| (traffic.kind.unwrap(), traffic.egress_bytes.get());
    let events = world.usage_events().await;
    let billed =
        events.iter().filter(|(id, _)| id.project == project(n)).filter_map(|(_, event)| match event {
            UsageEvent::TrafficRecorded(traffic) => Some(seen(traffic)),
            UsageEvent::StorageMeasured(_) | UsageEvent::UsageCorrected(_) | UsageEvent::MonthClosed(_) => {
                None
            }
        });
    let billed = billed.collect();
    let compared = compared(world).await;
    (
        billed,
        compared
            .iter()
            .filter(|(id, _)| id.project == project(n))
            .map(|(_, traffic)| seen(traffic))
            .collect(),
    )
}

/// A container's or a service's counter of project `n` stands at this number of bytes out.
async fn count(world: &World, kind: TrafficSource, now: DateTime<Utc>, n: u8, egress: u32) {
    let totals = Totals { egress_bytes: egress.into(), ..Totals::ZERO };
    let reading = Reading { service: format!("service-{n}"), totals, project_id: Some(project(n)) };
    world.set_time(now);
    let read = ReadCounters {
        kind,
        at: now,
        started_at: at("2026-03-10T00:00:00Z"),
        readings: vec![reading],
        unread: vec![],
    };
    world.commands.read_counters(&actor(), kind.as_str(), &read).await.unwrap();
}

async fn send(world: &World, id: &str, n: u8, egress: u64) -> BatchOutcome {
    world.submit(batch("gateway", id, &[sample(n, "2026-03-10T11:00:00Z", 0, egress, 1)])).await
}

fn noon() -> DateTime<Utc> {
    at("2026-03-10T12:00:00Z")
}

async fn world_with(default: Option<TrafficSource>, projects: &[ProjectId]) -> World {
    let world = World::new().await;
    world.known.set_traffic_source(default);
    world.register(team(1), projects).await;
    world
}

#[tokio::test]
async fn one_way_bills_and_the_others_are_compared() {
    use TrafficSource::{Docker, Ingest, Traefik};
    for (default, billed, beside) in [
        (Traefik, vec![(Traefik, 10)], vec![(Docker, 20), (Ingest, 30)]),
        (Docker, vec![(Docker, 20)], vec![(Traefik, 10), (Ingest, 30)]),
        (Ingest, vec![(Ingest, 30)], vec![(Traefik, 10), (Docker, 20)]),
    ] {
        let world = world_with(Some(default), &[project(1)]).await;
        count(&world, Traefik, noon(), 1, 10).await;
        count(&world, Docker, noon(), 1, 20).await;
        assert!(matches!(send(&world, "1", 1, 30).await, BatchOutcome::Recorded { accepted: 1, .. }));
        // Sent again, it is compared once.
        assert!(matches!(send(&world, "1", 1, 30).await, BatchOutcome::Duplicate { accepted: 1, .. }));
        assert_eq!(egress(&world, 1).await, (billed, beside), "{default}");
    }
}

#[tokio::test]
async fn without_a_setting_everything_bills() {
    use TrafficSource::{Docker, Ingest, Traefik};
    let world = world_with(None, &[project(1)]).await;
    count(&world, Traefik, noon(), 1, 10).await;
    count(&world, Docker, noon(), 1, 20).await;
    send(&world, "1", 1, 30).await;
    assert_eq!(egress(&world, 1).await, (vec![(Traefik, 10), (Docker, 20), (Ingest, 30)], vec![]));
}

#[tokio::test]
async fn a_project_s_own_choice_goes_before_the_setting_until_it_moves() {
    use TrafficSource::{Docker, Ingest};
    let storage = MemoryStorage::default();
    let (one, other) = (World::open(&storage).await, World::open(&storage).await);
    [&one, &other].iter().for_each(|node| node.known.set_traffic_source(Some(Ingest)));
    one.register(team(1), &[project(1), project(2)]).await;
    one.register(team(2), &[]).await;
    send(&other, "warm", 2, 1).await;

    // The other node has not heard of it when the samples come: the condition makes it look again.
    one.commands.choose_source(&actor(), project(1), Some(Docker)).await.unwrap();
    send(&other, "1", 1, 30).await;
    send(&other, "2", 2, 31).await;
    count(&one, Docker, noon(), 1, 10).await;
    assert_eq!(egress(&one, 1).await, (vec![(Docker, 10)], vec![(Ingest, 30)]));
    assert_eq!(egress(&one, 2).await, (vec![(Ingest, 1), (Ingest, 31)], vec![]));

    // Chosen again it is no event, and it may be given up.
    let head = one.log.head().await.unwrap();
    one.commands.choose_source(&actor(), project(1), Some(Docker)).await.unwrap();
    assert_eq!(one.log.head().await.unwrap(), head);
    one.commands.choose_source(&actor(), project(2), Some(Docker)).await.unwrap();
    one.commands.choose_source(&actor(), project(2), None).await.unwrap();
    send(&other, "3", 2, 32).await;
    assert_eq!(egress(&one, 2).await.0.last(), Some(&(Ingest, 32)));

    one.commands.put_project(&actor(), project(1), team(2), "Project").await.unwrap();
    send(&other, "4", 1, 33).await;
    count(&one, Docker, noon() + TimeDelta::seconds(10), 1, 15).await;
    assert_eq!(
        egress(&one, 1).await,
        (vec![(Docker, 10), (Ingest, 33)], vec![(Ingest, 30), (Docker, 5)]),
        "the new team has chosen nothing"
    );
}

#[tokio::test]
async fn nothing_is_chosen_for_a_project_that_is_not_there() {
    let world = world_with(None, &[project(1)]).await;
    world.commands.remove_project(&actor(), project(1)).await.unwrap();
    for n in [1, 2] {
        let chosen = world.commands.choose_source(&actor(), project(n), Some(TrafficSource::Docker)).await;
        assert!(matches!(chosen, Err(CommandError::UnknownProject(id)) if id == project(n)), "{chosen:?}");
    }
}

#[tokio::test]
async fn what_is_compared_late_stays_in_its_own_month() {
    let world = world_with(Some(TrafficSource::Docker), &[project(1)]).await;
    let february = UsageId { project: project(1), month: month("2026-02") };
    world.commands.close_month(&actor(), february).await.unwrap();
    let late = [sample(1, "2026-02-28T12:00:00Z", 1, 2, 3), sample(1, "2026-03-10T11:00:00Z", 4, 5, 6)];
    world.submit(batch("gateway", "1", &late)).await;
    let mut compared = compared(&world).await;
    compared.sort_by_key(|(id, _)| *id);
    let months: Vec<_> = compared.iter().map(|(id, traffic)| (id.month, traffic.requests)).collect();
    assert_eq!(months, [(month("2026-02"), 3), (month("2026-03"), 6)]);
    assert_eq!(world.usage_events().await.len(), 1, "the closed month, and no correction of another");
}
