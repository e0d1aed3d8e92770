//! A log and read models in files, a clock that the test holds, and a team whose owner can be written to.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Months, TimeDelta, Utc};
use domain::delivery::{Delivery, DeliveryEvent};
use domain::plan::Catalogue;
use domain::team::{Role, UsageNow};
use domain::{ByteCount, Language, Month, Slug, TeamId, UserId};
use projections::{Db, DeliveryCounts, ReadModels, Runner};
use servelink_workers::deliver::{DeliverJob, DeliverReport, Transport};
use servelink_workers::job::Job;
use store::codec::decode;
use store::commands::{Actor, Commands, ContactChange};
use store::known::Known;
use store::sqlite::SqliteLog;
use store::subjects::Subjects;
use store::{Clock, EventLog, Filter, Position};
use tempfile::TempDir;
use tokio::task::AbortHandle;

use crate::log::Full;

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const TEAM: TeamId = TeamId::from_bytes([1; 16]);
pub(crate) const OWNER: UserId = UserId(1);

pub(crate) struct World {
    pub(crate) log: Arc<Full>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) reads: ReadModels,
    pub(crate) subjects: Subjects,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) begun: DateTime<Utc>,
    now: Arc<AtomicI64>,
    /// The year of alerts that were raised.
    months: AtomicI64,
    db: Db,
    runner: AbortHandle,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteLog::open(&folder.path().join("log.sqlite")).await.unwrap();
        let log =
            Arc::new(Full { log: Arc::new(log), is_full: AtomicBool::new(false), broken: Mutex::default() });
        let as_log: Arc<dyn EventLog> = log.clone();
        let known = Known::open(Arc::clone(&as_log)).await.unwrap();
        let subjects = Subjects::in_memory().await.unwrap();
        // The log has times of its own, and these are not far from them.
        let begun = Utc::now();
        let now = Arc::new(AtomicI64::new(begun.timestamp_micros()));
        let clock: Arc<dyn Clock> = {
            let now = Arc::clone(&now);
            Arc::new(move || DateTime::from_timestamp_micros(now.load(Ordering::SeqCst)).unwrap())
        };
        let commands = Commands::new(
            Arc::clone(&as_log),
            known,
            Arc::new(Catalogue::default()),
            Arc::clone(&clock),
            subjects.clone(),
        );
        let db = Db::open_sqlite(&folder.path().join("reads.sqlite")).await.unwrap();
        let reads = ReadModels::new(db.clone());
        let runner = follow(&as_log, &db, &reads);
        let world = Self {
            log,
            commands: Arc::new(commands),
            reads,
            subjects,
            begun: clock.now(),
            clock,
            now,
            months: AtomicI64::new(0),
            db,
            runner,
            _folder: folder,
        };
        world.commands.put_team(&actor(), TEAM, "Équipe à Dakar", &slug()).await.unwrap();
        world.reach(OWNER, Role::Owner, "awa@example.org", Language::French).await;
        world
    }

    pub(crate) async fn reach(&self, user: UserId, role: Role, email: &str, language: Language) {
        let (email, language) = (Some(Some(email.parse().unwrap())), Some(Some(language)));
        let contact = ContactChange { email, language, muted: None };
        self.commands.put_member(&actor(), TEAM, user, role, &contact).await.unwrap();
    }

    /// The clock is this far after the beginning.
    pub(crate) fn at(&self, after: TimeDelta) {
        self.now.store((self.begun + after).timestamp_micros(), Ordering::SeqCst);
    }

    /// How far it is.
    pub(crate) fn after(&self, at: DateTime<Utc>) -> TimeDelta {
        at - self.begun
    }

    /// One more alert, of a month of its own.
    pub(crate) async fn alert(&self) {
        self.use_traffic(84).await;
    }

    /// The team has used so much of 5 GB of traffic, in a month of its own.
    pub(crate) async fn use_traffic(&self, percent: u64) {
        let months = self.months.fetch_add(1, Ordering::SeqCst);
        let then = self.begun + Months::new(u32::try_from(months).unwrap());
        let traffic = ByteCount::try_from((percent * (5 << 30)).div_ceil(100)).unwrap();
        let (month, at) = (Month::of(then).unwrap(), self.clock.now());
        let now = UsageNow { month, traffic, storage: ByteCount::ZERO, at };
        self.commands.report_usage(&actor(), TEAM, now).await.unwrap();
    }

    pub(crate) fn job<T: Transport>(&self, transport: T) -> DeliverJob<T> {
        let (commands, clock) = (Arc::clone(&self.commands), Arc::clone(&self.clock));
        DeliverJob::new(transport, commands, self.reads.clone(), clock)
    }

    /// Waits until the read models have everything.
    pub(crate) async fn up_to_date(&self) {
        let head = self.log.head().await.unwrap();
        self.reads.wait_for(head, PATIENCE).await.unwrap();
    }

    /// How many deliveries are in trouble.
    pub(crate) async fn counts(&self) -> DeliveryCounts {
        self.up_to_date().await;
        self.reads.delivery_counts(chrono::DateTime::UNIX_EPOCH).await.unwrap()
    }

    /// One run, of everything that there is now.
    pub(crate) async fn run<T: Transport>(&self, job: &mut DeliverJob<T>) -> DeliverReport {
        self.up_to_date().await;
        job.run().await.unwrap()
    }

    /// A run at every so many seconds from here to there, as the job runner has it.
    pub(crate) async fn run_from<T: Transport>(
        &self,
        job: &mut DeliverJob<T>,
        span: std::ops::Range<TimeDelta>,
        step: TimeDelta,
    ) {
        let mut at = span.start;
        while at < span.end {
            self.at(at);
            self.run(job).await;
            at += step;
        }
    }

    /// The read models stay where they are.
    pub(crate) async fn stop_reading(&self) {
        self.up_to_date().await;
        self.runner.abort();
    }

    /// What this delivery tells cannot be read any more.
    pub(crate) async fn spoil(&self, id: &str) {
        let mut tx = self.db.begin().await.unwrap();
        let sql = "UPDATE deliveries SET facts = '{}' WHERE delivery_id = $1";
        assert_eq!(tx.execute(sql, &[id.into()]).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }

    pub(crate) fn read_on(&mut self) {
        let log: Arc<dyn EventLog> = self.log.clone();
        self.runner = follow(&log, &self.db, &self.reads);
    }

    /// What the log says of deliveries: id and event, in order.
    pub(crate) async fn outcomes(&self) -> Vec<(String, DeliveryEvent)> {
        let all = self.log.read_after(Position::default(), usize::MAX >> 1, Filter::All).await.unwrap();
        let own =
            all.iter().filter(|event| event.stream.aggregate_type == <Delivery as cqrs_es::Aggregate>::TYPE);
        own.map(|event| (event.stream.aggregate_id.clone(), decode(event).unwrap())).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.runner.abort();
    }
}

fn follow(log: &Arc<dyn EventLog>, db: &Db, reads: &ReadModels) -> AbortHandle {
    let runner = Runner::new(Arc::clone(log), db.clone(), projections::all(), reads.moved());
    tokio::spawn(runner.run()).abort_handle()
}

pub(crate) fn actor() -> Actor {
    Actor("test".into())
}

fn slug() -> Slug {
    "equipe-dakar".parse().unwrap()
}
