//! Building beside what is read: readers see the old, then the new, and never anything between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::UserId;
use servelink_projections::db::Tx;
use servelink_projections::project_usage::ProjectUsageProjector;
use servelink_projections::runner::{Progress, State};
use servelink_projections::{ApplyError, Db, ProjectedEvent, Projector, ReadModels, Runner, RunnerError};
use store::{Append, AppendError, Appended, EventLog, Filter, Position, ReadError, Recorded, StreamId};
use tokio::sync::watch;

use crate::common::history::{append, month, project};
use crate::common::model::{assert_equal, assert_no_orphans};
use crate::common::{
    Author, Kind, Place, Running, ScriptedLog, all_events, both, in_time, random_history, runner, runner_of,
    until, until_caught_up,
};

both! {
    readers_never_see_a_half_built_state
    a_log_that_never_rests_is_caught_up_with
    a_new_version_is_built_beside_the_old_one
    a_log_that_was_put_back_is_built_anew
    what_was_begun_anew_elsewhere_is_left
    what_was_left_behind_is_taken_over
}

async fn readers_never_see_a_half_built_state(kind: Kind) {
    let place = Place::new(kind).await;
    let (log, db) = (place.log().await, place.db().await);
    let reads = ReadModels::new(db.clone());
    let own = Runner::new(Arc::clone(&log), db.clone(), servelink_projections::all(), reads.moved());
    let _running = Running::start(own);
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.register(1, "one");
    author.member(1, 7);
    author.project(1, 1);
    let first = author.events.len();
    for _ in 0..50 {
        author.traffic(1, 10, 100, 1);
        author.storage(1, 5_000);
    }
    append(&*log, &author.events[..first]).await;
    append(&*log, &author.events[first..]).await;
    until_caught_up(&*log, &db).await;

    let done = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (log, done, more) = (Arc::clone(&log), Arc::clone(&done), author.events[first..].to_vec());
        async move {
            while !done.load(Ordering::Relaxed) {
                for piece in more.chunks(10) {
                    append(&*log, piece).await;
                }
            }
        }
    });
    let reader = tokio::spawn({
        let (reads, done) = (reads.clone(), Arc::clone(&done));
        async move {
            let (mut last, mut looks) = ((Position(0), 0, 50), 0);
            while !done.load(Ordering::Relaxed) {
                let november = month("2026-11");
                let usage = reads.project_usage(UserId(7), project(1), november).await.unwrap().unwrap();
                let now = (usage.position, usage.requests, usage.requests);
                assert!(now.0 >= last.0 && now.1 >= last.2, "from {last:?} to {now:?}");
                assert_eq!(usage.storage.get(), 5_000);
                let days = reads.project_days(UserId(7), project(1), november).await.unwrap().unwrap();
                assert!(days[0].requests >= now.1);
                let team =
                    reads.team_usage(UserId(7), &"one".parse().unwrap(), november).await.unwrap().unwrap();
                assert_eq!(team.projects.len(), 1);
                assert_eq!(team.storage().get(), 5_000);
                assert!(team.projects[0].requests >= last.1.min(50));
                (last, looks) = (now, looks + 1);
            }
            looks
        }
    });
    // As the command line does it, beside the running server.
    let other = place.another(&db).await;
    for _ in 0..8 {
        let mut steps: Vec<Progress> = Vec::new();
        in_time(runner(&log, &other).rebuild(None, &mut |step| steps.push(step))).await.unwrap();
        assert!(
            steps
                .windows(2)
                .all(|pair| pair[0].position <= pair[1].position || pair[1].position == Position(0))
        );
        assert!(steps.iter().all(|step| step.position <= step.head));
    }
    done.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    assert!(reader.await.unwrap() > 10);
    until_caught_up(&*log, &db).await;
    assert_equal(&db, &all_events(&*log).await).await;
    runner(&log, &db).prepare().await.unwrap();
    assert_no_orphans(&db).await;
}

/// A log that grows whenever its reader has come to its end, and others have applied that before he reads on.
struct NeverAtRest {
    log: Arc<ScriptedLog>,
    db: Db,
    /// What comes next, the last first.
    to_come: Mutex<Vec<Recorded>>,
}

#[async_trait]
impl EventLog for NeverAtRest {
    async fn read_after(
        &self,
        after: Position,
        limit: usize,
        all: Filter,
    ) -> Result<Vec<Recorded>, ReadError> {
        let events = self.log.read_after(after, limit, all).await?;
        let next = if events.is_empty() { self.to_come.lock().unwrap().pop() } else { None };
        if let Some(next) = next {
            self.log.extend(&[next]);
            until_caught_up(&*self.log, &self.db).await;
        }
        Ok(events)
    }
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.log.append(append).await
    }
    async fn read_stream(&self, of: &StreamId, after: u64, limit: usize) -> Result<Vec<Recorded>, ReadError> {
        self.log.read_stream(of, after, limit).await
    }
    async fn read_last(&self, stream: &StreamId) -> Result<Option<Recorded>, ReadError> {
        self.log.read_last(stream).await
    }
    async fn head(&self) -> Result<Position, ReadError> {
        self.log.head().await
    }
    fn wake(&self) -> watch::Receiver<Position> {
        self.log.wake()
    }
    async fn close(&self) {}
}

async fn a_log_that_never_rests_is_caught_up_with(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let history = random_history(9, 60, false);
    let (before, later) = history.split_at(40);
    let log = Arc::new(ScriptedLog::with(before, 1, 9));
    let as_log: Arc<dyn EventLog> = log.clone();
    let _running = Running::start(runner(&as_log, &db));
    until_caught_up(&*log, &db).await;

    let to_come = Mutex::new(later.iter().rev().cloned().collect());
    let busy = Arc::new(NeverAtRest { log: Arc::clone(&log), db: db.clone(), to_come });
    let as_busy: Arc<dyn EventLog> = busy.clone();
    in_time(runner(&as_busy, &db).rebuild(None, &mut |_| {})).await.unwrap();
    assert_eq!(busy.to_come.lock().unwrap().len(), later.len() - 1, "the end was looked for once");
    let (first, others) = (log.head().await.unwrap(), ReadModels::new(db.clone()).statuses().await.unwrap());
    assert!(others.iter().all(|s| s.state == State::Active && s.position == first), "{others:?}");
    assert_equal(&db, &history[..41]).await;
}

/// The next version of project usage.
struct Next(i64);

#[async_trait]
impl Projector for Next {
    fn name(&self) -> &'static str {
        ProjectUsageProjector.name()
    }
    fn version(&self) -> i64 {
        self.0
    }
    fn tables(&self) -> &'static [&'static str] {
        ProjectUsageProjector.tables()
    }
    fn aggregates(&self) -> &'static [&'static str] {
        ProjectUsageProjector.aggregates()
    }
    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError> {
        // It differs: everything counts twice.
        ProjectUsageProjector.apply(tx, generation, events).await?;
        ProjectUsageProjector.apply(tx, generation, events).await
    }
}

fn with(version: i64) -> Vec<Arc<dyn Projector>> {
    let mut all = servelink_projections::all();
    all.retain(|projector| projector.name() != ProjectUsageProjector.name());
    all.push(Arc::new(Next(version)));
    all
}

async fn versions(db: &Db) -> Vec<(i64, State)> {
    let statuses = ReadModels::new(db.clone()).statuses().await.unwrap();
    let own = statuses.into_iter().filter(|status| status.name == ProjectUsageProjector.name());
    own.map(|status| (status.version, status.state)).collect()
}

async fn a_new_version_is_built_beside_the_old_one(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let mut author = Author::new("2026-11-01T12:00:00Z");
    author.register(1, "one");
    author.member(1, 7);
    author.project(1, 1);
    author.traffic(1, 10, 100, 1);
    author.traffic(1, 10, 100, 1);
    let log = Arc::new(ScriptedLog::with(&author.events, 1, 5));
    let as_log: Arc<dyn EventLog> = log.clone();
    runner(&as_log, &db).rebuild(None, &mut |_| {}).await.unwrap();
    let reads = ReadModels::new(db.clone());
    let requests = async || {
        reads.project_usage(UserId(7), project(1), month("2026-11")).await.unwrap().unwrap().requests
    };

    for (version, sweeps) in [(3, true), (4, false)] {
        let before = requests().await;
        log.stop_readers_at(Position(4));
        let running = Running::start(runner_of(&as_log, &db, with(version)));
        until(|| async { versions(&db).await.contains(&(version, State::Building)) }).await;
        assert_eq!(versions(&db).await, [(version - 1, State::Active), (version, State::Building)]);
        assert_eq!(requests().await, before, "the old version is read until the new one is whole");
        if !sweeps {
            // Even if it is killed in the middle and started again.
            running.kill().await;
            let again = Running::start(runner_of(&as_log, &db, with(version)));
            log.stop_readers_at(Position(u64::MAX));
            until(|| async { versions(&db).await == [(version, State::Active)] }).await;
            again.kill().await;
        } else {
            log.stop_readers_at(Position(u64::MAX));
            until(|| async { versions(&db).await == [(version, State::Active)] }).await;
            running.kill().await;
        }
        assert_eq!(requests().await, 4, "the next versions count twice");
        runner_of(&as_log, &db, with(version)).prepare().await.unwrap();
        assert_no_orphans(&db).await;
    }
}

async fn a_log_that_was_put_back_is_built_anew(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let history = random_history(6, 500, false);
    let log = Arc::new(ScriptedLog::with(&history, 100, 6));
    let as_log: Arc<dyn EventLog> = log.clone();
    runner(&as_log, &db).rebuild(None, &mut |_| {}).await.unwrap();
    for to in [300, 200, 0] {
        log.truncate(Position(to));
        if to == 200 {
            runner(&as_log, &db).rebuild(None, &mut |_| {}).await.unwrap();
        } else {
            let running = Running::start(runner(&as_log, &db));
            until(|| async {
                let statuses = ReadModels::new(db.clone()).statuses().await.unwrap();
                statuses.len() == servelink_projections::all().len()
                    && statuses.iter().all(|s| s.state == State::Active && s.position == Position(to))
            })
            .await;
            running.kill().await;
        }
        assert_equal(&db, &history[..usize::try_from(to).unwrap()]).await;
    }
    log.extend(&history);
    let _running = Running::start(runner(&as_log, &db));
    until_caught_up(&*log, &db).await;
    assert_equal(&db, &history).await;
}

async fn what_was_begun_anew_elsewhere_is_left(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let history = random_history(7, 400, false);
    let log = Arc::new(ScriptedLog::with(&history, 100, 7));
    log.stop_readers_at(Position(1));
    let as_log: Arc<dyn EventLog> = log.clone();
    let rebuild = || {
        let (log, db) = (Arc::clone(&as_log), db.clone());
        tokio::spawn(async move { runner(&log, &db).rebuild(Some("team_usage"), &mut |_| {}).await })
    };
    let generations = async || ReadModels::new(db.clone()).statuses().await.unwrap();
    let first = rebuild();
    until(|| async { generations().await.iter().any(|s| s.generation == 1 && s.position > Position(0)) })
        .await;
    let second = rebuild();
    until(|| async { generations().await.iter().any(|s| s.generation == 2 && s.position > Position(0)) })
        .await;
    log.stop_readers_at(Position(u64::MAX));
    let first = in_time(first).await.unwrap();
    assert!(matches!(&first, Err(RunnerError::BuiltElsewhere(name)) if name == "team_usage"), "{first:?}");
    in_time(second).await.unwrap().unwrap();
    let _running = Running::start(runner(&as_log, &db));
    until_caught_up(&*log, &db).await;
    assert_equal(&db, &history).await;
}

/// A rebuild that a command line began and did not finish is finished by the server that runs.
async fn what_was_left_behind_is_taken_over(kind: Kind) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let history = random_history(8, 400, false);
    let log = Arc::new(ScriptedLog::with(&history, 100, 8));
    let as_log: Arc<dyn EventLog> = log.clone();
    let server = runner(&as_log, &db).taking_over_after(Duration::from_millis(50));
    let _running = Running::start(server);
    until_caught_up(&*log, &db).await;
    log.stop_readers_at(Position(200));
    let cut = tokio::time::timeout(Duration::from_millis(200), async {
        runner(&as_log, &db).rebuild(Some("team_usage"), &mut |_| {}).await
    });
    assert!(cut.await.is_err());
    log.stop_readers_at(Position(u64::MAX));
    until(|| async {
        let statuses = ReadModels::new(db.clone()).statuses().await.unwrap();
        statuses.len() == servelink_projections::all().len()
            && statuses.iter().all(|s| s.state == State::Active)
    })
    .await;
    until_caught_up(&*log, &db).await;
    assert_equal(&db, &history).await;
}
