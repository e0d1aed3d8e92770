//! Measures each project's disk against a Docker engine, and has it recorded.
//!
//! ```text
//!   /containers/json?size ──▶ layers ──┬────────▶ writable layers ─┐
//!                                      └─ links ─▶ binds ◀── walk  │
//!   /system/df ──┬──▶ volumes ───────────────────▶   │             ├──▶ Commands::measure_storage ──▶ the log
//!                └──▶ images ────────────────────────┴─────────────┘
//!   (/images/json when /system/df tells none)
//! ```
//!
//! What cannot be asked is a lost part: the report names it, and the others are recorded. A project is never recorded
//! with nothing for something that is not known. Its last recorded figure of that kind stands in; nothing does when there
//! never was one. Volumes and folders are one figure, so that one unknown makes both stand as they were.
//!
//! Whether figures are worth an event is the aggregate's to decide (`domain::usage`): those that differ from the last
//! ones are, and the day's first. What folders of a team come to that no project mounts is the team's own, and recorded
//! with it (`domain::team`).

mod binds;
mod config;
mod disk_usage;
mod engine;
mod figures;
mod found;
mod images;
mod last;
mod layers;
mod progress;
mod report;
mod volumes;
mod walk;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::month::MonthError;
use domain::{ByteCount, Month, ProjectId, TeamId};
use futures::{StreamExt, stream};
use store::commands::{Actor, CommandError, Commands};
use store::known::{Known, KnownError};
use store::{Clock, EventLog, Position};

pub use binds::BindsConfig;
pub use config::StorageConfig;
pub use engine::EngineError;
pub use last::LastError;
pub use report::{LostPart, Named, Part, StorageReport};
pub use volumes::{VolumeName, VolumeNameError};

use crate::job::{Calendar, FirstStart, Job};
use crate::trouble::{Trouble, in_one_line};
use binds::{Shares, Unlinked};
use engine::Engine;
use figures::{Figures, Measured};

/// Projects that are recorded at the same time: the log's writer makes one commit of them.
const TOGETHER: usize = 16;

/// Who measured, as it stands in the events.
const SOURCE: &str = "docker";

/// Why a run recorded nothing, or not all of it. The next one does.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Docker tells nothing at all.
    #[error("nothing can be measured")]
    Docker(#[from] EngineError),
    /// Who is to be measured is not known.
    #[error("the projects cannot be told")]
    Known(#[from] KnownError),
    /// What stands in for something unknown cannot be told.
    #[error(transparent)]
    Last(#[from] LastError),
    /// The log did not take it.
    #[error("a measurement was not recorded")]
    Command(#[from] CommandError),
    /// The clock is wrong.
    #[error("the clock shows no month that can be held")]
    Month(#[from] MonthError),
}

/// The job.
pub struct StorageJob {
    config: StorageConfig,
    engine: Engine,
    commands: Arc<Commands>,
    known: Arc<Known>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    parts: Trouble,
}

impl StorageJob {
    /// When it runs, in UTC: few write then.
    pub const CRON: &str = "0 4 * * *";

    /// When it runs, and how long it may take.
    #[must_use]
    pub fn calendar(config: &StorageConfig) -> Calendar {
        Calendar { cron: Self::CRON, at_first: FirstStart::Run, limit: config.run_limit() }
    }

    /// The job that this configuration asks for. Docker is not asked yet. A rustls provider must have been installed.
    ///
    /// # Errors
    /// [`EngineError::Host`], and [`EngineError::Http`] when the client cannot be made.
    pub fn new(
        config: StorageConfig,
        commands: Arc<Commands>,
        known: Arc<Known>,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EngineError> {
        let engine = Engine::new(config.host.as_deref(), config.docker_limit)?;
        Ok(Self { config, engine, commands, known, log, clock, parts: Trouble::new("storage measurement") })
    }

    /// Every registered project, and whose it is.
    async fn projects(&self) -> Result<BTreeMap<ProjectId, TeamId>, KnownError> {
        self.known.catch_up().await?;
        let facts = self.known.facts();
        let registered = facts.projects.iter().filter(|(_, project)| project.removed_at.is_none());
        Ok(registered.map(|(id, project)| (*id, project.team)).collect())
    }

    async fn measure(
        &self,
        projects: &BTreeMap<ProjectId, TeamId>,
        report: &mut StorageReport,
    ) -> Result<(Measured, Unlinked), EngineError> {
        let labels = &self.config.project_labels;
        let containers = self.engine.containers().await;
        let (volumes, images) = match self.engine.disk_usage().await {
            Ok(mut usage) => (usage.take_volumes(), usage.take_images().ok()),
            Err(error) => (Err(error), None),
        };
        let images = match images {
            Some(images) => Ok(images),
            None => self.engine.images().await,
        };
        let (volumes, images, containers) = match (volumes, images, containers) {
            (Err(_), Err(_), Err(error)) => return Err(error),
            parts => parts,
        };
        let mut lose = |part, error: EngineError| report.lost.push(LostPart { part, why: error.line() });
        let volumes = volumes.map_err(|error| lose(Part::Volumes, error)).ok();
        let images = images.map_err(|error| lose(Part::Images, error)).ok();
        let containers = containers.map_err(|error| lose(Part::Layers, error)).ok();

        let (layers, links) = containers.map(|found| layers::attribute(&found, labels)).unzip();
        let names = &self.config.volume_names;
        let shares = self.measure_binds(links.as_deref(), projects, report).await;
        let measured = Measured {
            volumes: volumes
                .map(|found| volumes::attribute(&found, labels, names, &mut report.unsized_volumes)),
            images: images.map(|found| images::attribute(&found, labels)),
            layers,
            binds: shares.found,
        };
        Ok((measured, shares.unlinked))
    }

    async fn measure_binds(
        &self,
        links: Option<&[layers::Link]>,
        projects: &BTreeMap<ProjectId, TeamId>,
        report: &mut StorageReport,
    ) -> Shares {
        let Some(config) = &self.config.binds else { return Shares::default() };
        let storages = match binds::measure(config, report.measured_at).await {
            Ok(walked) => {
                (report.entries, report.left_out) = (walked.entries, walked.left_out);
                report.out_of_time = walked.out_of_time;
                Some(walked.storages)
            }
            Err(error) => {
                report.lost.push(LostPart { part: Part::Binds, why: in_one_line(&error) });
                None
            }
        };
        let root: PathBuf = config.engine_data_dir.as_ref().unwrap_or(&config.data_dir).join("storage");
        binds::attribute(&root, storages.as_deref(), links, projects)
    }

    async fn record_all(
        &self,
        projects: &BTreeMap<ProjectId, TeamId>,
        measured: &Measured,
        report: &mut StorageReport,
    ) -> Result<(), StorageError> {
        let at = report.measured_at;
        let figures: Vec<_> = projects.keys().map(|project| (*project, measured.of(*project))).collect();
        let mut done = stream::iter(figures)
            .map(|(project, figures)| async move { (project, self.record(project, figures, at).await) })
            .buffer_unordered(TOGETHER);
        let mut failed = None;
        while let Some((project, outcome)) = done.next().await {
            match outcome {
                Ok((position, carried)) => {
                    report.projects += 1;
                    report.carried += usize::from(carried);
                    report.position = report.position.max(position);
                }
                Err(StorageError::Command(error)) if error.refusal().is_some() => {
                    report.refused.add(|| format!("{project}: {error}"));
                }
                // The others are recorded all the same.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Has recorded what no project mounts, for each team of which that has changed; the others are told only in the
    /// report.
    async fn record_unlinked(
        &self,
        unlinked: &Unlinked,
        report: &mut StorageReport,
    ) -> Result<(), StorageError> {
        let at = report.measured_at;
        let mut failed = None;
        let recorded: Vec<_> =
            self.known.facts().teams.iter().map(|(team, known)| (*team, known.unlinked)).collect();
        for (team, before) in recorded {
            let bytes = match unlinked.of(team) {
                Some(bytes) => ByteCount::try_from(bytes).unwrap_or(ByteCount::MAX),
                None => before,
            };
            if bytes != before {
                let actor = Actor(Self::NAME.into());
                match self.commands.measure_unlinked_storage(&actor, team, bytes, at, SOURCE).await {
                    Ok(position) => report.position = report.position.max(position),
                    // The others are recorded all the same.
                    Err(error) => failed = Some(error),
                }
            }
            if bytes != ByteCount::ZERO {
                report.unlinked.insert(team, bytes);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Has one project's figures recorded; whether some of them were carried over.
    async fn record(
        &self,
        project: ProjectId,
        figures: Figures,
        at: DateTime<Utc>,
    ) -> Result<(Position, bool), StorageError> {
        let carried = !figures.are_known();
        let last = if carried { last::sizes(&*self.log, project, Month::of(at)?).await? } else { None };
        let sizes = figures.or(last.unwrap_or_default());
        let actor = Actor(Self::NAME.into());
        Ok((self.commands.measure_storage(&actor, project, sizes, at, SOURCE).await?, carried))
    }
}

impl Job for StorageJob {
    const NAME: &'static str = "storage";
    type Report = StorageReport;
    type Error = StorageError;

    async fn run(&mut self) -> Result<StorageReport, StorageError> {
        let at = self.clock.now();
        let projects = self.projects().await?;
        let mut report = StorageReport::of(at);
        let (measured, unlinked) = self.measure(&projects, &mut report).await?;
        let mut lost: Vec<_> =
            report.lost.iter().map(|lost| format!("{}: {}", lost.part, lost.why)).collect();
        if report.out_of_time.count > 0 {
            lost.push(format!("{}: {} teams are out of time", Part::Binds, report.out_of_time.count));
        }
        let lost = lost.join("; ");
        self.parts.note((!lost.is_empty()).then_some(lost));
        for project in measured.projects().iter().filter(|project| !projects.contains_key(project)) {
            report.unregistered.add(|| project.to_string());
        }

        let projects = self.record_all(&projects, &measured, &mut report).await;
        let teams = self.record_unlinked(&unlinked, &mut report).await;
        projects.and(teams).map(|()| report)
    }
}
