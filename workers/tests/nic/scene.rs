//! A store with a team and projects, and what it holds of their traffic.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use domain::source::{Source, SourceEvent};
use domain::usage::{UsageEvent, UsageId};
use domain::{Month, ProjectId, TeamId, TrafficSource};
use servelink_workers::job::Job;
use servelink_workers::nic::{NicConfig, NicJob, NicReport, SOURCE};
use servelink_workers::trouble::in_one_line;
use store::codec::decode;
use store::commands::{Actor, Commands};
use store::known::Known;
use store::memory::{MemoryDisk, MemoryLog};
use store::subjects::Subjects;
use store::{EventLog, StreamId};
use tokio::time::{Instant, sleep};

/// The longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Scene {
    now: Arc<Mutex<DateTime<Utc>>>,
    pub(crate) log: Arc<dyn EventLog>,
    known: Arc<Known>,
    commands: Arc<Commands>,
}

impl Scene {
    /// A team with these projects; it is noon of 24 November 2026.
    pub(crate) async fn set(projects: &[ProjectId]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = Arc::new(Mutex::new("2026-11-24T12:00:00Z".parse().unwrap()));
        let clock = Arc::clone(&now);
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::open(&MemoryDisk::default()));
        let known = Known::open(Arc::clone(&log)).await.unwrap();
        let commands = Commands::new(
            Arc::clone(&log),
            Arc::clone(&known),
            Arc::default(),
            Arc::new(move || *clock.lock().unwrap()),
            Subjects::in_memory().await.unwrap(),
        );
        let scene = Self { now, log, known, commands: Arc::new(commands) };
        let (actor, team) = (Actor("test".into()), TeamId::from_bytes([0xee; 16]));
        scene.commands.put_team(&actor, team, "Team", &"team".parse().unwrap()).await.unwrap();
        scene.register(projects).await;
        scene
    }

    /// At most two: those of a free plan.
    pub(crate) async fn register(&self, projects: &[ProjectId]) {
        let (actor, team) = (Actor("test".into()), TeamId::from_bytes([0xee; 16]));
        for project in projects {
            self.commands.put_project(&actor, *project, team, "Project").await.unwrap();
        }
    }

    pub(crate) fn let_pass(&self, seconds: i64) {
        *self.now.lock().unwrap() += TimeDelta::seconds(seconds);
    }

    pub(crate) fn job(&self, host: &str) -> NicJob {
        let now = Arc::clone(&self.now);
        NicJob::new(
            NicConfig { host: Some(host.into()), ..NicConfig::default() },
            Arc::clone(&self.commands),
            Arc::clone(&self.known),
            Arc::clone(&self.log),
            Arc::new(move || *now.lock().unwrap()),
        )
        .unwrap()
    }

    /// Ten seconds later: one run that must succeed.
    pub(crate) async fn run(&self, job: &mut NicJob) -> NicReport {
        self.let_pass(10);
        job.run().await.unwrap_or_else(|error| panic!("{}", in_one_line(&error)))
    }

    /// Bytes in and bytes out that are recorded of a project in the clock's month.
    pub(crate) async fn recorded(&self, project: ProjectId) -> [u64; 2] {
        let id = UsageId { project, month: Month::of(*self.now.lock().unwrap()).unwrap() };
        let events = self.log.read_stream(&StreamId::new("usage", id.to_string()), 0, 10_000).await.unwrap();
        events.iter().fold([0, 0], |[ingress, egress], event| {
            let UsageEvent::TrafficRecorded(traffic) = decode(event).unwrap() else { panic!("{event:?}") };
            assert_eq!((traffic.kind, traffic.source.as_str()), (Some(TrafficSource::Docker), SOURCE));
            assert_eq!(traffic.requests, 0);
            [ingress + traffic.ingress_bytes.get(), egress + traffic.egress_bytes.get()]
        })
    }

    /// The services that the last reading of all counters named.
    pub(crate) async fn services(&self) -> Vec<String> {
        let stream = StreamId::new(Source::TYPE, SOURCE);
        let events = self.log.read_stream(&stream, 0, 10_000).await.unwrap();
        let complete = events.iter().rev().find_map(|event| {
            let SourceEvent::CountersRead(read) = decode(event).unwrap();
            (read.since_complete == 0).then_some(read)
        });
        complete.unwrap().counters.into_iter().map(|counted| counted.service).collect()
    }
}

/// Waits until this is so.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
