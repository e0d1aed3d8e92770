//! Every event counts exactly once, however many runners there are and wherever they are killed.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use servelink_projections::Db;
use store::{EventLog, Recorded};

use crate::common::history::append;
use crate::common::model::{assert_equal, assert_no_orphans};
use crate::common::{
    Kind, Place, Running, ScriptedLog, all_events, both, in_time, random_history, runner, until_caught_up,
};

both! {
    two_runners_on_one_store
    a_runner_that_is_killed_at_any_moment
    a_build_that_is_killed_at_any_moment
    nodes_that_start_at_the_same_moment
}

/// Appends a history piece by piece, as requests come.
async fn write(log: Arc<dyn EventLog>, history: Vec<Recorded>) {
    for piece in history.chunks(25) {
        append(&*log, piece).await;
    }
}

async fn two_runners_on_one_store(kind: Kind) {
    let place = Place::new(kind).await;
    let (log, one) = (place.log().await, place.db().await);
    let other = place.another(&one).await;
    let running = [Running::start(runner(&log, &one)), Running::start(runner(&log, &other))];
    write(Arc::clone(&log), random_history(1, 3_000, false)).await;
    until_caught_up(&*log, &one).await;
    assert_equal(&one, &all_events(&*log).await).await;
    for running in running {
        running.kill().await;
    }
}

async fn a_runner_that_is_killed_at_any_moment(kind: Kind) {
    let place = Place::new(kind).await;
    let (log, db) = (place.log().await, place.db().await);
    let writing = tokio::spawn(write(Arc::clone(&log), random_history(2, 6_000, false)));
    let mut random = StdRng::seed_from_u64(2);
    let mut rounds = 0;
    while !writing.is_finished() || rounds < 40 {
        let running = Running::start(runner(&log, &db));
        // Not a wait for anything: where the runner is when it is killed is a matter of chance.
        tokio::time::sleep(Duration::from_micros(random.random_range(0..20_000))).await;
        running.kill().await;
        rounds += 1;
    }
    writing.await.unwrap();
    let _running = Running::start(runner(&log, &db));
    until_caught_up(&*log, &db).await;
    assert_equal(&db, &all_events(&*log).await).await;
}

async fn a_build_that_is_killed_at_any_moment(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let history = random_history(3, 4_000, false);
    let log: Arc<dyn EventLog> = Arc::new(ScriptedLog::with(&history, 400, 3));
    let mut random = StdRng::seed_from_u64(3);
    for round in 0..30 {
        let moment = Duration::from_micros(random.random_range(0..60_000));
        if round % 3 == 0 {
            let _ = tokio::time::timeout(moment, runner(&log, &db).rebuild(None, &mut |_| {})).await;
        } else {
            let running = Running::start(runner(&log, &db));
            tokio::time::sleep(moment).await;
            running.kill().await;
        }
    }
    // Whatever was left behind, the next start makes whole.
    let running = Running::start(runner(&log, &db));
    until_caught_up(&*log, &db).await;
    assert_equal(&db, &history).await;
    running.kill().await;
    // A rebuild begins anew whatever is begun, and with it nothing is left of what was.
    runner(&log, &db).rebuild(None, &mut |_| {}).await.unwrap();
    runner(&log, &db).prepare().await.unwrap();
    assert_equal(&db, &history).await;
    assert_no_orphans(&db).await;
    assert_eq!(generations(&db).await, projectors(), "one of each");
}

async fn nodes_that_start_at_the_same_moment(kind: Kind) {
    for empty in [true, false] {
        let place = Place::new(kind).await;
        let history = if empty { vec![] } else { random_history(4, 1_000, false) };
        let log: Arc<dyn EventLog> = Arc::new(ScriptedLog::with(&history, 200, 4));
        let db = place.db().await;
        let mut starts = Vec::new();
        for _ in 0..5 {
            let (log, db) = (Arc::clone(&log), place.another(&db).await);
            starts.push(tokio::spawn(async move { runner(&log, &db).prepare().await }));
        }
        for start in starts {
            start.await.unwrap().unwrap();
        }
        assert_eq!(generations(&db).await, projectors(), "one of each");

        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Running::start(runner(&log, &place.another(&db).await)));
        }
        in_time(until_caught_up(&*log, &db)).await;
        assert_equal(&db, &history).await;
        assert_eq!(generations(&db).await, projectors(), "one of each");
    }
}

fn projectors() -> i64 {
    servelink_projections::all().len().try_into().unwrap()
}

async fn generations(db: &Db) -> i64 {
    db.fetch("SELECT count(*) FROM projection", &[]).await.unwrap()[0].int(0).unwrap()
}
