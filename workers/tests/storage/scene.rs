//! A store with teams and projects, and what it holds of their storage.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::team::TeamEvent;
use domain::usage::{StorageMeasured, StorageSizes, UsageEvent, UsageId};
use domain::{ByteCount, Month, ProjectId, TeamId};
use servelink_workers::job::Job;
use servelink_workers::storage::{BindsConfig, StorageConfig, StorageJob, StorageReport};
use servelink_workers::trouble::in_one_line;
use store::codec::decode;
use store::commands::{Actor, Commands};
use store::known::Known;
use store::memory::{MemoryDisk, MemoryLog};
use store::subjects::Subjects;
use store::{EventLog, StreamId};
use tempfile::TempDir;

use crate::engine::random;

/// The longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Scene {
    pub(crate) data_dir: TempDir,
    now: Arc<Mutex<DateTime<Utc>>>,
    log: Arc<dyn EventLog>,
    known: Arc<Known>,
    commands: Arc<Commands>,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = Arc::new(Mutex::new("2026-11-23T04:00:00Z".parse().unwrap()));
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
        let data_dir = tempfile::tempdir().unwrap();
        Self { data_dir, now, log, known, commands: Arc::new(commands) }
    }

    /// A team with this many projects, at most two: those of a free plan.
    pub(crate) async fn team<const N: usize>(&self) -> (TeamId, [ProjectId; N]) {
        let (actor, team) = (Actor("test".into()), TeamId::from_bytes(*random().as_bytes()));
        self.commands.put_team(&actor, team, "Team", &team.to_string().parse().unwrap()).await.unwrap();
        // In their order: shares go by it.
        let mut projects = [(); N].map(|()| random());
        projects.sort();
        for project in projects {
            self.commands.put_project(&actor, project, team, "Project").await.unwrap();
        }
        (team, projects)
    }

    pub(crate) fn at(&self, time: &str) {
        *self.now.lock().unwrap() = time.parse().unwrap();
    }

    pub(crate) fn config(&self, host: &str) -> StorageConfig {
        let binds = BindsConfig { data_dir: self.data_dir.path().into(), ..BindsConfig::default() };
        StorageConfig { host: Some(host.into()), binds: Some(binds), ..StorageConfig::default() }
    }

    pub(crate) fn job(&self, config: StorageConfig) -> StorageJob {
        let now = Arc::clone(&self.now);
        StorageJob::new(
            config,
            Arc::clone(&self.commands),
            Arc::clone(&self.known),
            Arc::clone(&self.log),
            Arc::new(move || *now.lock().unwrap()),
        )
        .unwrap()
    }

    /// What is recorded of the project in the clock's month.
    pub(crate) async fn recorded(&self, project: ProjectId) -> Vec<StorageMeasured> {
        let id = UsageId { project, month: Month::of(*self.now.lock().unwrap()).unwrap() };
        let events = self.log.read_stream(&StreamId::new("usage", id.to_string()), 0, 1_000).await.unwrap();
        let measured = events.iter().map(|event| {
            let UsageEvent::StorageMeasured(measured) = decode(event).unwrap() else { panic!("{event:?}") };
            measured
        });
        measured.collect()
    }

    /// What is recorded of folders of the team that no project mounts.
    pub(crate) async fn unlinked(&self, team: TeamId) -> Vec<u64> {
        let events = self.log.read_stream(&StreamId::new("team", team.to_string()), 0, 1_000).await.unwrap();
        let measured = events.iter().filter_map(|event| {
            let TeamEvent::UnlinkedStorageMeasured(measured) = decode(event).unwrap() else { return None };
            Some(measured.bytes.get())
        });
        measured.collect()
    }

    /// Volumes, images and layers as recorded last.
    pub(crate) async fn sizes(&self, project: ProjectId) -> Option<[u64; 3]> {
        let sizes = self.recorded(project).await.last()?.sizes;
        let StorageSizes { volumes_bytes, images_bytes, layers_bytes } = sizes;
        Some([volumes_bytes, images_bytes, layers_bytes].map(ByteCount::get))
    }
}

/// One run that must succeed.
pub(crate) async fn run(job: &mut StorageJob) -> StorageReport {
    job.run().await.unwrap_or_else(|error| panic!("{}", in_one_line(&error)))
}
