//! Waiting for a position, and reading before there is anything to read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::UserId;
use servelink_projections::{PaymentFilter, QueryError, ReadModels, Runner, WaitError};
use store::{EventLog, Position};

use crate::common::history::{append, month, payment, project, team};
use crate::common::{Author, Kind, Place, Running, ScriptedLog, both, in_time, runner};

both! {
    it_ends_as_soon_as_the_position_is_reached
    it_says_how_far_the_read_models_came
    nothing_is_read_before_it_is_built
}

fn team_with_traffic() -> Author {
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.register(1, "one");
    author.member(1, 7);
    author.project(1, 1);
    author.traffic(1, 1, 2, 3);
    author
}

async fn it_ends_as_soon_as_the_position_is_reached(kind: Kind) {
    let place = Place::new(kind).await;
    let (log, db) = (place.log().await, place.db().await);
    let reads = ReadModels::new(db.clone());
    // Another process's: nobody tells it anything.
    let elsewhere = ReadModels::new(place.another(&db).await);
    let own = Runner::new(Arc::clone(&log), db.clone(), servelink_projections::all(), reads.moved());
    let _running = Running::start(own);
    let author = team_with_traffic();
    reads.wait_for(Position(0), Duration::ZERO).await.unwrap();
    for event in &author.events {
        let position = append(&*log, std::slice::from_ref(event)).await;
        for reads in [&reads, &elsewhere] {
            reads.wait_for(position, Duration::from_secs(120)).await.unwrap();
        }
    }
    let usage = reads.project_usage(UserId(7), project(1), month("2026-11")).await.unwrap().unwrap();
    assert_eq!((usage.position, usage.requests), (Position(4), 3));

    // Many wait for what is not written yet.
    let waiting: Vec<_> = [reads.clone(), elsewhere]
        .into_iter()
        .cycle()
        .take(200)
        .map(|reads| tokio::spawn(async move { reads.wait_for(Position(5), Duration::from_secs(120)).await }))
        .collect();
    append(&*log, &author.events[3..]).await;
    for waiting in waiting {
        in_time(waiting).await.unwrap().unwrap();
    }
}

async fn it_says_how_far_the_read_models_came(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let log = Arc::new(ScriptedLog::new(1_000, 1));
    let as_log: Arc<dyn EventLog> = log.clone();
    runner(&as_log, &db).prepare().await.unwrap();
    log.extend(&team_with_traffic().events);
    log.stop_readers_at(Position(4));
    let reads = ReadModels::new(db.clone());
    let own = Runner::new(as_log, db.clone(), servelink_projections::all(), reads.moved());
    let _running = Running::start(own);
    reads.wait_for(Position(4), Duration::from_secs(120)).await.unwrap();
    let begun = Instant::now();
    for reads in [reads, ReadModels::new(place.another(&db).await)] {
        let waited = reads.wait_for(Position(5), Duration::from_millis(150)).await;
        assert!(matches!(waited, Err(WaitError::TimedOut { at: Position(4) })), "{waited:?}");
    }
    assert!((300..3_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
}

async fn nothing_is_read_before_it_is_built(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let history = team_with_traffic().events;
    let log = Arc::new(ScriptedLog::with(&history, 1, 1));
    log.stop_readers_at(Position(3));
    let as_log: Arc<dyn EventLog> = log.clone();
    let reads = ReadModels::new(db.clone());
    let own = Runner::new(as_log, db.clone(), servelink_projections::all(), reads.moved());
    let (user, project, november) = (UserId(7), project(1), month("2026-11"));
    let slug = "one".parse().unwrap();

    let assert_building = async || {
        let usage = reads.project_usage(user, project, november).await;
        assert!(matches!(usage, Err(QueryError::Building)), "{usage:?}");
        let days = reads.project_days(user, project, november).await;
        assert!(matches!(days, Err(QueryError::Building)), "{days:?}");
        let team = reads.team_usage(user, &slug, november).await;
        assert!(matches!(team, Err(QueryError::Building)), "{team:?}");
        let payment = reads.payment(user, self::payment(1)).await;
        assert!(matches!(payment, Err(QueryError::Building)), "{payment:?}");
        let payments = reads.payments(user, &slug, &PaymentFilter::default(), 5, None).await;
        assert!(matches!(payments, Err(QueryError::Building)), "{payments:?}");
        let subscription = reads.subscription(user, &slug).await;
        assert!(matches!(subscription, Err(QueryError::Building)), "{subscription:?}");
        let waited = reads.wait_for(Position(1), Duration::from_millis(30)).await;
        assert!(matches!(waited, Err(WaitError::TimedOut { at: Position(0) })), "{waited:?}");
    };
    let assert_no_directory = async || {
        let role = reads.member_role(user, &slug).await;
        assert!(matches!(role, Err(QueryError::Building)), "{role:?}");
        let role = reads.role_in(user, team(1)).await;
        assert!(matches!(role, Err(QueryError::Building)), "{role:?}");
    };
    // Before any runner ever ran, and in the middle of its first build.
    assert_building().await;
    assert_no_directory().await;
    let running = Running::start(own);
    crate::common::until(|| async {
        let statuses = reads.statuses().await.unwrap();
        statuses.len() == servelink_projections::all().len()
            && statuses.iter().all(|status| status.position == Position(3))
    })
    .await;
    assert_building().await;
    assert_no_directory().await;

    // One of several is as good as none.
    let sql = "UPDATE projection SET state = 'active' WHERE name = 'directory'";
    let mut tx = db.begin().await.unwrap();
    tx.execute(sql, &[]).await.unwrap();
    tx.commit().await.unwrap();
    assert_building().await;

    log.stop_readers_at(Position(u64::MAX));
    reads.wait_for(Position(4), Duration::from_secs(120)).await.unwrap();
    assert!(reads.project_usage(user, project, november).await.unwrap().is_some());
    assert_eq!(reads.project_days(user, project, november).await.unwrap().unwrap().len(), 1);
    assert_eq!(reads.team_usage(user, &slug, november).await.unwrap().unwrap().projects.len(), 1);
    assert_eq!(reads.payment(user, payment(1)).await.unwrap(), None);
    let payments = reads.payments(user, &slug, &PaymentFilter::default(), 5, None).await.unwrap().unwrap();
    assert_eq!((payments.payments, payments.next), (vec![], None));
    assert!(reads.subscription(user, &slug).await.unwrap().unwrap().plan.is_free());
    running.kill().await;
}
