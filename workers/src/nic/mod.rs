//! Reads the counters of containers' network interfaces at an interval and has what came since the last reading counted.
//! They hold what no proxy sees: websockets, and what containers ask others for.
//!
//! ```text
//!   /containers/json ──▶ each: /stats, /json ──▶ sight ──┐
//!                                                        ├──▶ Commands::read_counters ──▶ the log
//!   /events (kill) ──▶ watch ──▶ sight ──▶ seen ─────────┘
//! ```
//!
//! What "since the last reading" means is decided by `domain::source` on what the log holds, as for Traefik. There is no
//! process whose start all counters share: each begins with its interface, and its service is named by container, start
//! and interface, so that it is another one after each start (`sight.rs`). Counting begins with the first reading: what
//! containers had sent before that belongs to times in which somebody else counted, or nobody.
//!
//! A container that cannot be read is not gone: its counters stand as they did. What a container sent between the last
//! look at it and its end is known to nobody; a container that is stopped is looked at every second from then on
//! (`watch.rs`).

mod engine;
mod report;
mod seen;
mod sight;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::source::{ReadCounters, Reading, Source, SourceEvent};
use domain::{ProjectId, TrafficSource};
use futures::{StreamExt, stream};
use store::codec::{CodecError, decode};
use store::commands::{Actor, CommandError, Commands};
use store::known::Known;
use store::{Clock, EventLog, ReadError, StreamId};
use tokio::time::{Instant, timeout_at};

pub use engine::EngineError;
pub use report::NicReport;

use crate::docker::{PROJECT_LABELS, labelled};
use crate::job::{Job, Schedule};
use crate::trouble::{Trouble, in_one_line};
use engine::Engine;
use seen::Seen;
use sight::{Sight, services_of};
use watch::Watch;

/// How often containers are read unless told otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// What the source is called in the log, which no Traefik may be called. Another name would be another source, whose
/// counters are all new.
pub const SOURCE: &str = "docker.nic";

/// The longest that reading all containers may take. What was not answered by then is unread. It must be well within
/// the minute after which a reading is too old to be counted.
const READING_LIMIT: Duration = Duration::from_secs(30);

/// The longest that one run may take: the list, the containers, and the log.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// Containers that are read at the same time.
const TOGETHER: usize = 16;

/// Every counter's beginning is in its service's name, so that there is none for all of them. One of a month that is no
/// more makes the very first reading count nothing.
const NO_COMMON_START: DateTime<Utc> = match DateTime::from_timestamp(946_684_800, 0) {
    Some(year_2000) => year_2000,
    None => DateTime::UNIX_EPOCH,
};

/// Which Docker to ask, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NicConfig {
    /// `unix:///var/run/docker.sock`, `tcp://host:2375`; without it `DOCKER_HOST`, else the usual socket.
    pub host: Option<String>,
    /// Labels of containers that name the project; the first that one has counts.
    pub project_labels: Vec<String>,
    /// How often containers are read.
    pub interval: Duration,
}

impl Default for NicConfig {
    fn default() -> Self {
        Self {
            host: None,
            project_labels: PROJECT_LABELS.map(str::to_owned).into(),
            interval: DEFAULT_INTERVAL,
        }
    }
}

impl NicConfig {
    /// When the job is to run.
    #[must_use]
    pub const fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, limit: RUN_LIMIT }
    }
}

/// Why a run counted nothing. The next one counts it.
#[derive(Debug, thiserror::Error)]
pub enum NicError {
    /// Docker tells nothing at all.
    #[error("no container can be read")]
    Engine(#[from] EngineError),
    /// The last reading cannot be read.
    #[error("the last reading of containers cannot be read")]
    Last(#[from] ReadError),
    /// The last reading cannot be understood.
    #[error("the last reading of containers cannot be understood")]
    Codec(#[from] CodecError),
    /// The reading was not recorded.
    #[error("the reading of containers was not recorded")]
    Command(#[from] CommandError),
}

/// A container of a project.
type Target = (String, ProjectId);

/// What a turn has seen of the containers of projects.
#[derive(Default)]
struct Turn {
    sights: Vec<Sight>,
    unread: BTreeSet<String>,
    /// Of several alike, one.
    errors: BTreeMap<String, EngineError>,
}

/// The job.
pub struct NicJob {
    labels: Vec<String>,
    engine: Arc<Engine>,
    seen: Arc<Seen>,
    /// From the first run on.
    watch: Option<Watch>,
    trouble: Trouble,
    commands: Arc<Commands>,
    known: Arc<Known>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
}

impl NicJob {
    /// The job that this configuration asks for. Docker is not asked yet. A rustls provider must have been installed.
    ///
    /// # Errors
    /// [`EngineError::Host`], and [`EngineError::Client`].
    pub fn new(
        config: NicConfig,
        commands: Arc<Commands>,
        known: Arc<Known>,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EngineError> {
        let NicConfig { host, project_labels, interval: _ } = config;
        let (engine, seen) = (Arc::new(Engine::new(host.as_deref())?), Arc::default());
        let trouble = Trouble::new("reading containers");
        Ok(Self { labels: project_labels, engine, seen, watch: None, trouble, commands, known, log, clock })
    }

    fn watch_events(&mut self) {
        self.watch.get_or_insert_with(|| {
            let (engine, seen) = (Arc::clone(&self.engine), Arc::clone(&self.seen));
            Watch::start(engine, self.labels.clone(), seen, Arc::clone(&self.clock))
        });
    }

    /// The running containers of projects, and how many others of projects have no network of their own.
    async fn targets(&self) -> Result<(Vec<Target>, usize), EngineError> {
        let (mut targets, mut without_network) = (Vec::new(), 0);
        for container in self.engine.containers().await? {
            let Some(project) = container.labels.as_ref().and_then(|own| labelled(&self.labels, own)) else {
                continue;
            };
            if container.has_network() {
                targets.push((container.id, project));
            } else {
                without_network += 1;
            }
        }
        Ok((targets, without_network))
    }

    async fn look(&self, targets: &[Target]) -> Turn {
        let end = Instant::now() + READING_LIMIT;
        let mut turn = Turn { unread: targets.iter().map(|(id, _)| id.clone()).collect(), ..Turn::default() };
        let looks = targets.iter().cloned().map(|(id, project)| async move {
            let sight = Sight::of(&self.engine, &id, project, self.seen.start_of(&id)).await;
            (id, sight)
        });
        let mut looks = stream::iter(looks).buffer_unordered(TOGETHER);
        loop {
            match timeout_at(end, looks.next()).await {
                Ok(Some((id, Ok(Some(sight))))) => {
                    turn.unread.remove(&id);
                    turn.sights.push(sight);
                }
                // It has ended since it was listed, or somebody on the way hides it. The next list tells; until then it
                // stands as it did, for what is gone and comes back would count all of its life again.
                Ok(Some((_, Ok(None)))) => {}
                Ok(Some((_, Err(error)))) => {
                    turn.errors.insert(error.to_string(), error);
                }
                Ok(None) => return turn,
                Err(_) => {
                    let slow = EngineError::Slow { call: "about all containers", limit: READING_LIMIT };
                    turn.errors.insert(slow.to_string(), slow);
                    return turn;
                }
            }
        }
    }

    /// When containers were read last.
    async fn last_reading(&self) -> Result<Option<DateTime<Utc>>, NicError> {
        let last = self.log.read_last(&StreamId::new(Source::TYPE, SOURCE)).await?;
        let Some(last) = last else { return Ok(None) };
        let SourceEvent::CountersRead(read) = decode(&last)?;
        Ok(Some(read.at))
    }

    fn unregistered(&self, sights: &[Sight]) -> usize {
        let facts = self.known.facts();
        sights.iter().filter(|sight| !facts.projects.contains_key(&sight.project)).count()
    }
}

impl Job for NicJob {
    const NAME: &'static str = "nic";
    type Report = NicReport;
    type Error = NicError;

    /// Another node's readings may have had what was kept here, and may be stamped by another clock.
    fn taken(&mut self) {
        self.seen.forget();
    }

    async fn run(&mut self) -> Result<NicReport, NicError> {
        self.watch_events();
        // Before asking, as what was seen last of a container is of before the turn that does not see it any more.
        let at = self.clock.now();
        let (targets, without_network) = self.targets().await?;
        let Turn { sights, unread, mut errors } = self.look(&targets).await;
        if sights.is_empty()
            && let Some((_, error)) = errors.pop_first()
        {
            return Err(error.into());
        }
        let mut troubles: Vec<_> = errors.values().map(|error| in_one_line(error)).collect();
        self.trouble.note((!troubles.is_empty()).then(|| troubles.join("; ")));
        troubles.extend(self.seen.events_trouble());

        let ended = self.seen.last_of_others(&sights, self.last_reading().await?);
        let readings: Vec<Reading> = sights.iter().chain(&ended).flat_map(Sight::readings).collect();
        let services = unread.iter().map(|id| services_of(id)).collect();
        let read = ReadCounters {
            kind: TrafficSource::Docker,
            at,
            started_at: NO_COMMON_START,
            readings,
            unread: services,
        };
        let counted = self.commands.read_counters(&Actor(Self::NAME.into()), SOURCE, &read).await?;
        self.seen.turn(at, &sights, &ended, &unread);
        Ok(NicReport {
            position: counted.position,
            counted_bytes: counted.counted_bytes,
            containers: sights.len(),
            ended: ended.len(),
            without_network,
            unread: unread.len(),
            unregistered: self.unregistered(&sights),
            troubles,
        })
    }
}
