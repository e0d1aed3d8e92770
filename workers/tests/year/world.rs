//! A store, read models and the jobs of one node, under a clock that the test sets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Datelike, Timelike, Utc};
use cqrs_es::Aggregate;
use domain::plan::{Catalogue, PlanName};
use domain::team::{Team, TeamEvent};
use domain::usage::{StorageSizes, Usage, UsageEvent, UsageId};
use domain::{ByteCount, Month, ProjectId, Slug, TeamId};
use projections::{Db, ReadModels, Runner as Projecting};
use servelink_workers::job::{Calendar, Coordinator, FirstStart, Job, Runner, Timing};
use servelink_workers::limits::LimitsJob;
use servelink_workers::months::MonthsJob;
use servelink_workers::payments::RenewalsJob;
use store::codec::decode;
use store::commands::{Actor, CommandError, Commands};
use store::ingest::{BatchOutcome, Ingest, Sample, SampleBatch};
use store::known::Known;
use store::sqlite::SqliteLog;
use store::state::State;
use store::subjects::Subjects;
use store::{Clock, EventLog, Filter, Position};
use tempfile::TempDir;
use tokio::task::AbortHandle;

const PATIENCE: Duration = Duration::from_secs(120);
/// Each team has one project of the same number.
pub(crate) const STEADY: TeamId = TeamId::from_bytes([1; 16]);
pub(crate) const PAYING: TeamId = TeamId::from_bytes([2; 16]);
pub(crate) const LATE: TeamId = TeamId::from_bytes([3; 16]);

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn project(team: TeamId) -> ProjectId {
    ProjectId::from_bytes(*team.as_bytes())
}

/// The jobs of a node, as long as it is up.
struct Node {
    limits: Runner<LimitsJob>,
    renewals: Runner<RenewalsJob>,
    months: Runner<MonthsJob>,
    daily: Runner<Daily>,
}

pub(crate) struct World {
    log: Arc<dyn EventLog>,
    commands: Arc<Commands>,
    known: Arc<Known>,
    ingest: Arc<Ingest>,
    reads: ReadModels,
    state: State,
    clock: Arc<dyn Clock>,
    now: Arc<AtomicI64>,
    node: Option<Node>,
    daily_runs: Arc<Mutex<Vec<DateTime<Utc>>>>,
    sent: AtomicU64,
    batches: AtomicU64,
    projecting: AbortHandle,
    _folder: TempDir,
}

/// What the log holds at the end.
pub(crate) struct History {
    pub(crate) teams: Vec<(TeamId, TeamEvent)>,
    pub(crate) usage: BTreeMap<UsageId, Vec<UsageEvent>>,
}

impl World {
    pub(crate) async fn begin(begin: DateTime<Utc>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log: Arc<dyn EventLog> = Arc::new(SqliteLog::open(&folder.path().join("log.db")).await.unwrap());
        let db = Db::open_sqlite(&folder.path().join("read.db")).await.unwrap();
        let state = State::open_sqlite(&folder.path().join("state.db")).await.unwrap();
        let now = Arc::new(AtomicI64::new(begin.timestamp_micros()));
        let clock: Arc<dyn Clock> = {
            let now = Arc::clone(&now);
            Arc::new(move || DateTime::from_timestamp_micros(now.load(Ordering::SeqCst)).unwrap())
        };
        let known = Known::open(Arc::clone(&log)).await.unwrap();
        let commands = Arc::new(Commands::new(
            Arc::clone(&log),
            Arc::clone(&known),
            Arc::new(Catalogue::default()),
            Arc::clone(&clock),
            Subjects::new(state.clone()),
        ));
        let reads = ReadModels::new(db.clone());
        let projecting = Projecting::new(Arc::clone(&log), db, projections::all(), reads.moved());
        let projecting = tokio::spawn(projecting.run()).abort_handle();
        let ingest = Ingest::start(Arc::clone(&log), Arc::clone(&known), Arc::clone(&clock));
        let actor = Actor("test".into());
        for (team, name) in [(STEADY, "steady"), (PAYING, "paying"), (LATE, "late")] {
            let slug: Slug = name.parse().unwrap();
            commands.put_team(&actor, team, name, &slug).await.unwrap();
            commands.put_project(&actor, project(team), team, name).await.unwrap();
        }
        Self {
            log,
            commands,
            known,
            ingest,
            reads,
            state,
            clock,
            now,
            node: None,
            daily_runs: Arc::default(),
            sent: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            projecting,
            _folder: folder,
        }
    }

    pub(crate) fn set_clock(&self, now: DateTime<Utc>) {
        self.now.store(now.timestamp_micros(), Ordering::SeqCst);
    }

    /// Starts a node's jobs, if none is up: a new one remembers nothing but what the store holds.
    pub(crate) async fn start_node(&mut self) {
        if self.node.is_some() {
            return;
        }
        let coordinator = Coordinator::new(
            self.state.clone(),
            "node".into(),
            Duration::from_secs(15),
            Arc::clone(&self.clock),
        );
        let (commands, known, clock) =
            (|| Arc::clone(&self.commands), || Arc::clone(&self.known), || Arc::clone(&self.clock));
        let plans = Arc::new(Catalogue::default());
        let limits = LimitsJob::new(commands(), known(), self.reads.clone(), plans, clock());
        let renewals = RenewalsJob::new(commands(), known(), clock());
        let months = MonthsJob::new(
            commands(),
            Arc::clone(&self.log),
            self.reads.clone(),
            self.state.clone(),
            clock(),
        );
        let daily = Daily { commands: commands(), clock: clock(), runs: Arc::clone(&self.daily_runs) };
        let timing = |calendar: Calendar| Timing::try_from(calendar).unwrap();
        self.node = Some(Node {
            limits: Runner::new(limits, LimitsJob::SCHEDULE, &coordinator),
            renewals: Runner::new(renewals, RenewalsJob::SCHEDULE, &coordinator),
            months: Runner::new(months, timing(MonthsJob::CALENDAR), &coordinator),
            daily: Runner::new(daily, timing(Daily::CALENDAR), &coordinator),
        });
    }

    pub(crate) fn stop_node(&mut self) {
        self.node = None;
    }

    /// An hour's traffic, and whatever the jobs make of it.
    pub(crate) async fn step(&mut self, now: DateTime<Utc>) {
        if now == at("2028-01-31T10:00:00Z") {
            self.give_plan(PAYING, "pay_as_you_go").await;
        }
        // On day 27 the free plan's 5 GB are used up, in every month.
        if now.hour().is_multiple_of(6) {
            let bytes = 5 * ByteCount::GIGABYTE / (26 * 4);
            self.sample(STEADY, now, bytes).await;
            self.sent.fetch_add(bytes, Ordering::SeqCst);
        }
        self.step_again().await;
    }

    /// Whatever the jobs make of the clock as it is now.
    pub(crate) async fn step_again(&mut self) {
        self.known.catch_up().await.unwrap();
        self.reads.wait_for(self.log.head().await.unwrap(), PATIENCE).await.unwrap();
        let node = self.node.as_mut().unwrap();
        ran(node.limits.once().await.unwrap().outcome);
        ran(node.renewals.once().await.unwrap().outcome);
        if let Some(report) = node.months.turn().await {
            ran(report.outcome);
        }
        if let Some(report) = node.daily.turn().await {
            ran(report.outcome);
        }
    }

    pub(crate) async fn give_plan(&self, team: TeamId, plan: &str) {
        self.commands.give_plan(&Actor("test".into()), team, &PlanName::from(plan)).await.unwrap();
    }

    /// The team's project uses so many per cent of the free plan's storage now.
    pub(crate) async fn measure(&self, team: TeamId, percent: u64) {
        measure(&self.commands, team, percent, self.clock.now()).await.unwrap();
    }

    /// Sends this much traffic of the team's project.
    pub(crate) async fn sample(&self, team: TeamId, at: DateTime<Utc>, bytes: u64) {
        let batch = self.batches.fetch_add(1, Ordering::SeqCst);
        let egress = ByteCount::try_from(bytes).unwrap();
        let sample = Sample { project: project(team), at, ingress: ByteCount::ZERO, egress, requests: 1 };
        let batch = SampleBatch {
            source: "edge".into(),
            batch_id: format!("batch-{batch}"),
            first_index: 0,
            samples: vec![Ok(sample)],
        };
        let outcomes = self.ingest.submit(&Actor("test".into()), vec![batch]).await.unwrap();
        assert!(matches!(&outcomes[..], [BatchOutcome::Recorded { accepted: 1, .. }]), "{outcomes:?}");
    }

    /// Bytes that the steady project was told to have sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn daily_runs(&self) -> Vec<DateTime<Utc>> {
        self.daily_runs.lock().unwrap().clone()
    }

    pub(crate) async fn history(&self) -> History {
        let mut history = History { teams: vec![], usage: BTreeMap::new() };
        let events = self.log.read_after(Position::default(), 1_000_000, Filter::All).await.unwrap();
        for event in events {
            let id = &event.stream.aggregate_id;
            match event.stream.aggregate_type.as_ref() {
                Team::TYPE => history.teams.push((id.parse().unwrap(), decode(&event).unwrap())),
                Usage::TYPE => {
                    history.usage.entry(id.parse().unwrap()).or_default().push(decode(&event).unwrap());
                }
                _ => {}
            }
        }
        history
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.projecting.abort();
    }
}

impl History {
    /// Bytes of a month of a team's project: those of samples, and those of corrections.
    pub(crate) fn recorded(&self, team: TeamId, month: Month) -> (u64, i64) {
        let (mut samples, mut corrected) = (0, 0);
        for event in self.usage.get(&UsageId { project: project(team), month }).into_iter().flatten() {
            match event {
                UsageEvent::TrafficRecorded(traffic) => samples += traffic.egress_bytes.get(),
                UsageEvent::UsageCorrected(correction) => corrected += correction.delta.egress_bytes,
                UsageEvent::StorageMeasured(_) | UsageEvent::MonthClosed(_) => {}
            }
        }
        (samples, corrected)
    }

    /// All bytes of a team's project.
    pub(crate) fn all_traffic(&self, team: TeamId) -> u64 {
        let months: Vec<Month> =
            self.usage.keys().filter(|id| id.project == project(team)).map(|id| id.month).collect();
        months.into_iter().map(|month| self.recorded(team, month)).map(|(samples, _)| samples).sum()
    }
}

fn ran<R, E: std::error::Error>(outcome: Result<R, E>) {
    if let Err(error) = outcome {
        panic!("{}", servelink_workers::trouble::in_one_line(&error));
    }
}

async fn measure(
    commands: &Commands,
    team: TeamId,
    percent: u64,
    at: DateTime<Utc>,
) -> Result<Position, CommandError> {
    let volumes_bytes = ByteCount::try_from(percent * ByteCount::MEGABYTE).unwrap();
    let sizes = StorageSizes { volumes_bytes, ..StorageSizes::default() };
    commands.measure_storage(&Actor("daily".into()), project(team), sizes, at, "docker").await
}

/// Measures storage once a day, as the real one does, of a disk that the calendar fills.
struct Daily {
    commands: Arc<Commands>,
    clock: Arc<dyn Clock>,
    runs: Arc<Mutex<Vec<DateTime<Utc>>>>,
}

impl Daily {
    const CALENDAR: Calendar =
        Calendar { cron: "0 4 * * *", at_first: FirstStart::Run, limit: Duration::from_secs(60) };

    /// Per cent of the free plan's storage.
    fn used(now: DateTime<Utc>) -> u64 {
        match (now.year(), now.month()) {
            (2028, 3) => 85,
            (2028, 5) => 96,
            _ => 10,
        }
    }
}

impl Job for Daily {
    const NAME: &'static str = "daily";
    type Report = String;
    type Error = CommandError;

    async fn run(&mut self) -> Result<String, CommandError> {
        let now = self.clock.now();
        self.runs.lock().unwrap().push(now);
        measure(&self.commands, STEADY, Self::used(now), now).await?;
        Ok("measured".into())
    }
}
