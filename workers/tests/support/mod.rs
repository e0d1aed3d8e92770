//! What the tests of jobs share: a store with a team and projects, and what the log says of their traffic.
#![allow(dead_code, reason = "each test program uses some of it")]

pub(crate) mod metrics_server;
pub(crate) mod traefik;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::source::Totals;
use domain::usage::{UsageEvent, UsageId};
use domain::{DeploymentId, ProjectId, Slug, TeamId};
use servelink_workers::job::Job;
use servelink_workers::traefik::{DockerConfig, TraefikConfig, TraefikJob, TraefikReport};
use store::codec::decode;
use store::commands::{Actor, Commands};
use store::known::Known;
use store::memory::{MemoryDisk, MemoryLog};
use store::sqlite::SqliteLog;
use store::subjects::Subjects;
use store::{EventLog, Filter, Position, SystemClock};

/// The longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Two projects fit a free team.
pub(crate) fn project(byte: u8) -> ProjectId {
    ProjectId::from_bytes([byte; 16])
}

pub(crate) fn deployment(byte: u8) -> DeploymentId {
    DeploymentId::from_bytes([0xd0 | byte; 16])
}

/// A log, and commands on it.
pub(crate) struct Store {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) commands: Arc<Commands>,
}

impl Store {
    async fn over(log: Arc<dyn EventLog>) -> Self {
        let known = Known::open(Arc::clone(&log)).await.unwrap();
        let plans = Arc::new(domain::plan::Catalogue::default());
        let subjects = Subjects::in_memory().await.unwrap();
        let commands = Commands::new(Arc::clone(&log), known, plans, Arc::new(SystemClock), subjects);
        Self { log, commands: Arc::new(commands) }
    }

    pub(crate) async fn in_memory() -> Self {
        Self::over(Arc::new(MemoryLog::open(&MemoryDisk::default()))).await
    }

    pub(crate) async fn in_file(file: &Path) -> Self {
        Self::over(Arc::new(SqliteLog::open(file).await.unwrap())).await
    }

    /// Registers these projects.
    pub(crate) async fn register(&self, projects: &[ProjectId]) {
        let (actor, team, slug) =
            (Actor("test".into()), TeamId::from_bytes([0xee; 16]), "team".parse::<Slug>().unwrap());
        self.commands.put_team(&actor, team, "Team", &slug).await.unwrap();
        for project in projects {
            self.commands.put_project(&actor, *project, team, "Project").await.unwrap();
        }
    }

    pub(crate) fn job(&self, config: TraefikConfig) -> TraefikJob {
        use_ring();
        TraefikJob::new(config, Arc::clone(&self.commands), Arc::clone(&self.log), Arc::new(SystemClock))
            .unwrap()
    }

    /// What the log says that each project has used.
    pub(crate) async fn recorded(&self) -> BTreeMap<ProjectId, Totals> {
        let mut sums = BTreeMap::<ProjectId, Totals>::new();
        for event in self.log.read_after(Position::default(), usize::MAX >> 1, Filter::All).await.unwrap() {
            if event.event_type != "TrafficRecorded" {
                continue;
            }
            let UsageEvent::TrafficRecorded(traffic) = decode(&event).unwrap() else { unreachable!() };
            let id: UsageId = event.stream.aggregate_id.parse().unwrap();
            let sum = sums.entry(id.project).or_default();
            let amount = Totals {
                ingress_bytes: traffic.ingress_bytes,
                egress_bytes: traffic.egress_bytes,
                requests: traffic.requests,
            };
            *sum = sum.checked_add(&amount).unwrap();
        }
        sums
    }
}

/// Metrics at this address, and a map in this file instead of a Docker.
pub(crate) fn with_file(url: &str, map: &Path) -> TraefikConfig {
    TraefikConfig { map_file: Some(map.to_owned()), docker: None, ..TraefikConfig::new(url) }
}

/// Metrics at this address, and a map in this Docker.
pub(crate) fn with_docker(url: &str, host: String) -> TraefikConfig {
    let docker = DockerConfig { host: Some(host), ..DockerConfig::default() };
    TraefikConfig { docker: Some(docker), ..TraefikConfig::new(url) }
}

/// Writes a map file.
pub(crate) fn write_map(file: &Path, pairs: &[(DeploymentId, ProjectId)]) {
    let lines: String =
        pairs.iter().map(|(deployment, project)| format!("{deployment} = \"{project}\"\n")).collect();
    std::fs::write(file, lines).unwrap();
}

/// One run that must succeed.
pub(crate) async fn run(job: &mut TraefikJob) -> TraefikReport {
    job.run().await.unwrap_or_else(|error| panic!("{}", servelink_workers::trouble::in_one_line(&error)))
}

/// The HTTP client wants one; a second call changes nothing.
pub(crate) fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
