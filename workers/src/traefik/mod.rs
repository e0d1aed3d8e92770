//! Reads Traefik's counters at an interval and has what came since the last reading counted.
//!
//! ```text
//!   scrape ──▶ exposition ──▶ mapping ◀── map_file, docker
//!   (HTTP)    (sums a service)    │
//!                                 ▼
//!                     Commands::read_counters ──▶ the log
//! ```
//!
//! What "since the last reading" means is decided by `domain::source` on what the log holds: this job keeps no counter,
//! so neither a restart of Servelink nor one of Traefik loses bytes or counts them twice. What Traefik counted between
//! the last reading and its own end is known to nobody.
//!
//! Traefik drops the counters of a service that its configuration no longer names at the first scrape after that, by
//! whomever. Another Prometheus on the same Traefik may therefore be the only one to see such a service's last bytes.

mod docker;
mod exposition;
mod map_file;
mod mapping;
mod sample;
mod scrape;
mod started;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cqrs_es::Aggregate;
use domain::source::{CountersRead, ReadCounters, Source, SourceEvent};
use domain::{DeploymentId, Slug, TrafficSource};
use reqwest::Url;
use store::codec::{CodecError, decode};
use store::commands::{Actor, CommandError, Commands};
use store::{Clock, EventLog, Position, ReadError, StreamId};

pub use docker::{DockerConfig, DockerError, DockerMap};
pub use exposition::{ExpositionError, Reader, Shown};
pub use map_file::{MapFile, MapFileError};
pub use mapping::{DeploymentMap, MapError, deployment_of};
pub use sample::SampleError;
pub use scrape::{Scrape, ScrapeError, ScrapeLimits, Scraper};

use crate::job::{Job, Schedule};
use crate::trouble::{Trouble, in_one_line};

/// How often Traefik is read unless told otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(15);

/// What the source is called unless told otherwise.
pub const DEFAULT_SOURCE: &str = "traefik";

/// The longest that one run may take: a scrape, Docker's answer, and the log.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// As many services without a project as a report names.
const NAMED: usize = 5;

/// Which Traefik to read, and how.
#[derive(Debug, Clone)]
pub struct TraefikConfig {
    /// Where its metrics are: `http://127.0.0.1:8080/metrics`. Without a path, `/metrics` is taken.
    pub url: String,
    /// What it is called in the log, 1 to 64 characters of `a-z`, `0-9` and `-`. Two Traefiks need two names, and one
    /// needs the same for ever: another name is another source, whose counters are all new.
    pub source: String,
    /// How often it is read.
    pub interval: Duration,
    /// A file that says whose deployments are; it goes before Docker.
    pub map_file: Option<PathBuf>,
    /// The Docker whose containers' labels say whose deployments are.
    pub docker: Option<DockerConfig>,
    /// What a scrape may cost.
    pub limits: ScrapeLimits,
}

impl TraefikConfig {
    /// The defaults for a Traefik at this address, with Docker at its usual place.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            source: DEFAULT_SOURCE.into(),
            interval: DEFAULT_INTERVAL,
            map_file: None,
            docker: Some(DockerConfig::default()),
            limits: ScrapeLimits::default(),
        }
    }

    /// When the job is to run.
    #[must_use]
    pub const fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, limit: RUN_LIMIT }
    }
}

/// What is wrong with a configuration. Messages do not hold the address: it may have a password in it.
#[derive(Debug, thiserror::Error)]
pub enum TraefikConfigError {
    /// Not an address.
    #[error(
        "the address of Traefik's metrics must be an http or https URL such as http://127.0.0.1:8080/metrics"
    )]
    Url,
    /// Not a name.
    #[error("the name of the Traefik source must be 1 to 64 characters of a-z, 0-9 and -")]
    Source,
    /// The HTTP client cannot be made.
    #[error("the client for Traefik's metrics cannot be made")]
    Client(#[from] reqwest::Error),
}

/// Why a run counted nothing. The next one counts it.
#[derive(Debug, thiserror::Error)]
pub enum TraefikError {
    /// Traefik has not shown its counters.
    #[error(transparent)]
    Scrape(#[from] ScrapeError),
    /// The last reading cannot be read.
    #[error("the last reading of Traefik cannot be read")]
    Last(#[from] ReadError),
    /// The last reading cannot be understood.
    #[error("the last reading of Traefik cannot be understood")]
    Codec(#[from] CodecError),
    /// The reading was not recorded.
    #[error("the reading of Traefik was not recorded")]
    Command(#[from] CommandError),
}

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraefikReport {
    /// Everything of it is seen after this position.
    pub position: Position,
    /// Bytes given to projects, both ways.
    pub counted_bytes: u64,
    /// Services of deployments that Traefik shows.
    pub services: usize,
    /// Services that are none of a deployment, and are not counted.
    pub foreign_services: usize,
    /// Services of deployments whose project no map knows: their bytes wait.
    pub unmapped_services: usize,
    /// The first few of these.
    pub unmapped: Vec<String>,
    /// Maps that could not be brought up to date, and why.
    pub map_troubles: Vec<String>,
}

impl fmt::Display for TraefikReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {} services counted", self.counted_bytes, self.services)?;
        if self.unmapped_services > 0 {
            let first = self.unmapped.join(", ");
            write!(f, "; {} services without a project, whose bytes wait ({first})", self.unmapped_services)?;
        }
        for trouble in &self.map_troubles {
            write!(f, "; {trouble}")?;
        }
        Ok(())
    }
}

/// A map, and how it has been lately.
struct Map {
    map: Box<dyn DeploymentMap>,
    trouble: Trouble,
}

/// The job.
pub struct TraefikJob {
    scraper: Scraper,
    source: String,
    maps: Vec<Map>,
    commands: Arc<Commands>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
}

impl TraefikJob {
    /// The job that this configuration asks for. A rustls provider must have been installed.
    ///
    /// # Errors
    /// [`TraefikConfigError`].
    pub fn new(
        config: TraefikConfig,
        commands: Arc<Commands>,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TraefikConfigError> {
        let TraefikConfig { url, source, interval: _, map_file, docker, limits } = config;
        if source.parse::<Slug>().is_err() {
            return Err(TraefikConfigError::Source);
        }
        let scraper = Scraper::new(metrics_url(&url)?, limits)?;
        let mut maps: Vec<Box<dyn DeploymentMap>> = Vec::new();
        if let Some(path) = map_file {
            maps.push(Box::new(MapFile::new(path)));
        }
        if let Some(docker) = docker {
            maps.push(Box::new(DockerMap::new(docker)));
        }
        let maps = maps.into_iter().map(|map| Map { trouble: Trouble::new(map.name()), map }).collect();
        Ok(Self { scraper, source, maps, commands, log, clock })
    }

    async fn refresh_maps(&mut self, shown: &HashSet<DeploymentId>) -> Vec<String> {
        let mut troubles = Vec::new();
        for Map { map, trouble } in &mut self.maps {
            let error = map.refresh(shown).await.err().map(|error| in_one_line(&error));
            troubles.extend(error.clone());
            trouble.note(error);
        }
        troubles
    }

    async fn last_reading(&self) -> Result<Option<CountersRead>, TraefikError> {
        let last = self.log.read_last(&StreamId::new(Source::TYPE, self.source.as_str())).await?;
        let Some(last) = last else { return Ok(None) };
        let SourceEvent::CountersRead(read) = decode(&last)?;
        Ok(Some(read))
    }
}

impl Job for TraefikJob {
    const NAME: &'static str = "traefik";
    type Report = TraefikReport;
    type Error = TraefikError;

    async fn run(&mut self) -> Result<TraefikReport, TraefikError> {
        // Before asking: a process that begins after this instant is not the one that answers, or is seen to be new.
        let at = self.clock.now();
        let Scrape { shown, served_at, answered_at } = self.scraper.scrape(&*self.clock).await?;
        let mapping::Sorted { ours, foreign } = mapping::sort(shown.services);
        let deployments = ours.iter().map(|(deployment, ..)| *deployment).collect();
        let map_troubles = self.refresh_maps(&deployments).await;
        let maps: Vec<_> = self.maps.iter().map(|map| &*map.map).collect();
        let readings = mapping::read(ours, &maps);

        let last = self.last_reading().await?;
        let started_at = started::started_at(shown.started_at, served_at, answered_at, last.as_ref());
        let actor = Actor(Self::NAME.into());
        let kind = TrafficSource::Traefik;
        let read = ReadCounters { kind, at, started_at, readings, unread: vec![] };
        let counted = self.commands.read_counters(&actor, &self.source, &read).await?;

        let unmapped = || read.readings.iter().filter(|reading| reading.project_id.is_none());
        Ok(TraefikReport {
            position: counted.position,
            counted_bytes: counted.counted_bytes,
            services: read.readings.len(),
            foreign_services: foreign,
            unmapped_services: unmapped().count(),
            unmapped: unmapped().take(NAMED).map(|reading| reading.service.clone()).collect(),
            map_troubles,
        })
    }
}

fn metrics_url(text: &str) -> Result<Url, TraefikConfigError> {
    let mut url = Url::parse(text).map_err(|_| TraefikConfigError::Url)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(TraefikConfigError::Url);
    }
    if url.path() == "/" {
        url.set_path("/metrics");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert_eq!(metrics_url("http://t:8080").unwrap().as_str(), "http://t:8080/metrics");
        assert_eq!(metrics_url("https://t/prom/metrics").unwrap().as_str(), "https://t/prom/metrics");
        for bad in ["", "t:8080", "ftp://t/", "/metrics"] {
            assert!(matches!(metrics_url(bad), Err(TraefikConfigError::Url)), "{bad}");
        }
    }
}
