//! A projector that meets an event it cannot apply stops before it; the others go on, and nothing is skipped.

use std::sync::Arc;
use std::time::Duration;

use cqrs_es::Aggregate;
use domain::payment::{PaymentEvent, PaymentFailed};
use domain::team::Team;
use domain::usage::Usage;
use servelink_projections::runner::State;
use servelink_projections::{Db, ProjectorStatus, ReadModels, RunnerError, WaitError};
use store::{EventLog, Position, StreamId};

use crate::common::history::{append, project, team};
use crate::common::model::{Model, Tables, tables};
use crate::common::{Author, Kind, Place, Running, ScriptedLog, all_events, both, runner, until};

both! {
    an_event_that_nobody_understands
    a_build_stops_too_and_the_others_are_built
    an_event_that_the_store_refuses
    text_that_the_store_cannot_hold
    a_payment_that_was_never_initiated
}

async fn status(db: &Db, name: &str) -> ProjectorStatus {
    let reads = ReadModels::new(db.clone());
    let statuses = reads.statuses().await.unwrap();
    let mut own = statuses.into_iter().filter(|status| status.name == name);
    own.find(|status| status.state == State::Active).unwrap()
}

async fn until_stopped(db: &Db, name: &str, at: u64) {
    until(|| async move {
        let status = status(db, name).await;
        status.stopped.is_some() && status.position == Position(at)
    })
    .await;
}

async fn until_at(db: &Db, name: &str, position: Position) {
    until(|| async move { status(db, name).await.position == position }).await;
}

fn only(tables: Tables, prefix: &str) -> Tables {
    tables.into_iter().filter(|(table, _)| table.starts_with(prefix)).collect()
}

async fn an_event_that_nobody_understands(kind: Kind) {
    let place = Place::new(kind).await;
    let (log, db) = (place.log().await, place.db().await);
    runner(&log, &db).prepare().await.unwrap();
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.register(1, "one");
    author.project(1, 1);
    author.traffic(1, 10, 20, 3);
    let good = append(&*log, &author.events).await;
    let bad = StreamId::new(Usage::TYPE, format!("{}:2026-10", project(1)));
    place.harness().append_as_stranger(&bad, 1, "TrafficRecorded").await;
    author.traffic(1, 100, 200, 30);
    author.member(1, 5);
    let head = append(&*log, &author.events[3..]).await;

    for round in 0..2 {
        let running = Running::start(runner(&log, &db));
        for name in ["project_usage", "team_usage"] {
            until_stopped(&db, name, good.0).await;
            let why = status(&db, name).await.stopped.unwrap();
            assert!(
                why.contains("TrafficRecorded") && why.contains(&format!("position {}", good.0 + 1)),
                "{why}"
            );
        }
        until_at(&db, "directory", head).await;
        assert_eq!(status(&db, "directory").await.stopped, None);
        let history = all_events(&*log).await;
        let (before, found) = (Model::of(&history[..3]).tables(), tables(&db).await);
        assert_eq!(only(found.clone(), "project_usage"), only(before.clone(), "project_usage"));
        assert_eq!(only(found.clone(), "team_usage"), only(before, "team_usage"));
        assert_eq!(found["directory_member"].len(), 1, "the directory went on");
        let waited = ReadModels::new(db.clone()).wait_for(head, Duration::ZERO).await;
        assert!(
            matches!(waited, Err(WaitError::TimedOut { at }) if at == good),
            "{waited:?} in round {round}"
        );
        running.kill().await;
    }

    let rebuilt = runner(&log, &db).rebuild(Some("project_usage"), &mut |_| {}).await;
    assert!(
        matches!(&rebuilt, Err(RunnerError::Stopped { name, why })
        if name == "project_usage" && why.contains("TrafficRecorded")),
        "{rebuilt:?}"
    );
    assert_eq!(status(&db, "project_usage").await.generation, 1, "what is read stays as it was");
}

async fn a_build_stops_too_and_the_others_are_built(kind: Kind) {
    let place = Place::new(kind).await;
    let (log, db) = (place.log().await, place.db().await);
    place
        .harness()
        .append_as_stranger(&StreamId::new(Team::TYPE, team(1).to_string()), 1, "TeamRegistered")
        .await;
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.traffic(1, 10, 20, 3);
    let head = append(&*log, &author.events).await;
    let running = Running::start(runner(&log, &db));
    until(|| async {
        let statuses = ReadModels::new(db.clone()).statuses().await.unwrap();
        let needs_teams = |name: &str| {
            let all = servelink_projections::all();
            all.iter()
                .any(|projector| projector.name() == name && projector.aggregates().contains(&Team::TYPE))
        };
        statuses.iter().any(|status| status.name == "project_usage")
            && statuses.iter().all(|status| match needs_teams(&status.name) {
                true => status.state == State::Building && status.stopped.is_some(),
                false => status.state == State::Active && status.position == head,
            })
    })
    .await;
    running.kill().await;
    let rebuilt = runner(&log, &db).rebuild(None, &mut |_| {}).await;
    assert!(matches!(rebuilt, Err(RunnerError::Stopped { .. })), "{rebuilt:?}");
}

/// Runs a history whose event at `bad` only the store of the read models finds fault with.
async fn assert_directory_stops(kind: Kind, author: Author, bad: u64) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let log = Arc::new(ScriptedLog::new(1_000, 1));
    let as_log: Arc<dyn EventLog> = log.clone();
    runner(&as_log, &db).prepare().await.unwrap();
    log.extend(&author.events);
    let _running = Running::start(runner(&as_log, &db));
    until_stopped(&db, "directory", bad - 1).await;
    let why = status(&db, "directory").await.stopped.unwrap();
    assert!(why.contains(&format!("position {bad}")), "{why}");
    for name in ["project_usage", "team_usage"] {
        until_at(&db, name, Position(author.events.len() as u64)).await;
    }
}

async fn an_event_that_the_store_refuses(kind: Kind) {
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.register(1, "taken");
    author.project(1, 1);
    author.traffic(1, 1, 1, 1);
    author.register(2, "taken");
    author.traffic(1, 1, 1, 1);
    author.member(1, 1);
    assert_directory_stops(kind, author, 4).await;
}

async fn text_that_the_store_cannot_hold(kind: Kind) {
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.project(1, 1);
    for n in 0..20 {
        author.traffic(1, n, 1, 1);
    }
    author.team(
        1,
        domain::team::TeamEvent::TeamRegistered(domain::team::TeamRegistered {
            name: "nul \0".into(),
            slug: "nul".parse().unwrap(),
        }),
    );
    author.traffic(1, 1, 1, 1);
    match kind {
        Kind::Postgres => assert_directory_stops(kind, author, 22).await,
        // SQLite can hold it.
        Kind::Sqlite => {
            let place = Place::new(kind).await;
            let db = place.db().await;
            let log: Arc<dyn EventLog> = Arc::new(ScriptedLog::with(&author.events, 1_000, 1));
            runner(&log, &db).rebuild(None, &mut |_| {}).await.unwrap();
        }
    }
}

async fn a_payment_that_was_never_initiated(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.register(1, "one");
    let failed = PaymentFailed { reason: "refused".into(), cause: None };
    author.payment(1, &PaymentEvent::PaymentFailed(failed));
    author.member(1, 5);
    let log = Arc::new(ScriptedLog::new(1_000, 1));
    let as_log: Arc<dyn EventLog> = log.clone();
    runner(&as_log, &db).prepare().await.unwrap();
    log.extend(&author.events);
    let _running = Running::start(runner(&as_log, &db));
    until_stopped(&db, "payment_history", 1).await;
    let why = status(&db, "payment_history").await.stopped.unwrap();
    assert!(why.contains("position 2") && why.contains("never initiated"), "{why}");
    for name in ["directory", "subscriptions", "team_usage", "project_usage"] {
        until_at(&db, name, Position(3)).await;
    }
}
