//! A node over memory whose clock the test holds, and short ways to ask it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use cqrs_es::EventStore;
use cqrs_es::persist::PersistedEventStore;
use domain::plan::Catalogue;
use domain::team::Team;
use domain::usage::{UsageEvent, UsageId};
use domain::{ByteCount, Day, Month, ProjectId, Slug, TeamId};
use servelink_store::codec::decode;
use servelink_store::commands::{Actor, Commands};
use servelink_store::ingest::{BatchOutcome, Ingest, Sample, SampleBatch};
use servelink_store::known::Known;
use servelink_store::repository::LogRepository;
use servelink_store::subjects::Subjects;
use servelink_store::testing::requests::history;
use servelink_store::testing::{Harness, MemoryStorage};
use servelink_store::{Clock, EventLog};

pub struct World {
    pub log: Arc<dyn EventLog>,
    pub known: Arc<Known>,
    pub commands: Arc<Commands>,
    pub ingest: Arc<Ingest>,
    pub clock: Arc<dyn Clock>,
    now: Arc<AtomicI64>,
}

impl World {
    /// A node on storage of its own; it is noon of 10 March 2026.
    pub async fn new() -> Self {
        Self::open(&MemoryStorage::default()).await
    }

    /// A node on this storage, which other nodes may have open too.
    pub async fn open(storage: &MemoryStorage) -> Self {
        Self::open_with(storage, Catalogue::default()).await
    }

    /// The same, with other plans in its settings.
    pub async fn open_with(storage: &MemoryStorage, plans: Catalogue) -> Self {
        let log = storage.open().await;
        let known = Known::open(Arc::clone(&log)).await.unwrap();
        let now = Arc::new(AtomicI64::new(at("2026-03-10T12:00:00Z").timestamp_micros()));
        let clock: Arc<dyn Clock> = {
            let now = Arc::clone(&now);
            Arc::new(move || DateTime::from_timestamp_micros(now.load(Ordering::SeqCst)).unwrap())
        };
        let plans = Arc::new(plans);
        let subjects = Subjects::in_memory().await.unwrap();
        let commands = Commands::new(Arc::clone(&log), Arc::clone(&known), plans, clock.clone(), subjects);
        let ingest = Ingest::start(Arc::clone(&log), Arc::clone(&known), Arc::clone(&clock));
        Self { log, known, commands: Arc::new(commands), ingest, clock, now }
    }

    pub fn set_now(&self, now: &str) {
        self.set_time(at(now));
    }

    pub fn set_time(&self, now: DateTime<Utc>) {
        self.now.store(now.timestamp_micros(), Ordering::SeqCst);
    }

    pub async fn close(&self) {
        self.ingest.close().await;
        self.log.close().await;
    }

    /// Registers a team with these projects.
    pub async fn register(&self, team_id: TeamId, projects: &[ProjectId]) {
        self.commands.put_team(&actor(), team_id, "Team", &slug(team_id)).await.unwrap();
        for id in projects {
            self.commands.put_project(&actor(), *id, team_id, "Project").await.unwrap();
        }
    }

    pub async fn submit(&self, batch: SampleBatch) -> BatchOutcome {
        let mut outcomes = self.ingest.submit(&actor(), vec![batch]).await.unwrap();
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    pub async fn team(&self, id: TeamId) -> Team {
        let store =
            PersistedEventStore::<_, Team>::new_event_store(LogRepository::new(Arc::clone(&self.log)));
        store.load_aggregate(&id.to_string()).await.unwrap().aggregate
    }

    /// Every event of usage, and whose it is.
    pub async fn usage_events(&self) -> Vec<(UsageId, UsageEvent)> {
        let events =
            history(&*self.log).await.into_iter().filter(|event| event.stream.aggregate_type == "usage");
        events.map(|event| (event.stream.aggregate_id.parse().unwrap(), decode(&event).unwrap())).collect()
    }

    /// What was counted, by project and day: ingress, egress, requests. Corrections count on the day they are made.
    pub async fn counted(&self) -> BTreeMap<(ProjectId, String), (i128, i128, i128)> {
        let mut sums: BTreeMap<_, (i128, i128, i128)> = BTreeMap::new();
        for (id, event) in self.usage_events().await {
            let (day, ingress, egress, requests) = match event {
                UsageEvent::TrafficRecorded(traffic) => {
                    let day = Day::of(traffic.from).unwrap();
                    assert_eq!(day, Day::of(traffic.until).unwrap(), "an event is of one day");
                    let (ingress, egress) = (traffic.ingress_bytes.get(), traffic.egress_bytes.get());
                    (day, i128::from(ingress), i128::from(egress), i128::from(traffic.requests))
                }
                UsageEvent::UsageCorrected(corrected) => {
                    let delta = corrected.delta;
                    let day = Day::of(corrected.at).unwrap();
                    (day, delta.ingress_bytes.into(), delta.egress_bytes.into(), delta.requests.into())
                }
                UsageEvent::StorageMeasured(_) | UsageEvent::MonthClosed(_) => continue,
            };
            assert_eq!(day.month(), id.month, "an event is in its day's month");
            let sum = sums.entry((id.project, day.to_string())).or_default();
            *sum = (sum.0 + ingress, sum.1 + egress, sum.2 + requests);
        }
        sums
    }
}

pub fn actor() -> Actor {
    Actor("test".into())
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn month(text: &str) -> Month {
    text.parse().unwrap()
}

pub fn team(n: u8) -> TeamId {
    TeamId::from_bytes([n; 16])
}

pub fn project(n: u8) -> ProjectId {
    ProjectId::from_bytes([n; 16])
}

pub fn slug(team: TeamId) -> Slug {
    format!("team-{team}").parse().unwrap()
}

pub fn sample(n: u8, time: &str, ingress: u64, egress: u64, requests: u64) -> Sample {
    let bytes = |number: u64| ByteCount::try_from(number).unwrap();
    Sample { project: project(n), at: at(time), ingress: bytes(ingress), egress: bytes(egress), requests }
}

pub fn batch(source: &str, id: &str, samples: &[Sample]) -> SampleBatch {
    let samples = samples.iter().copied().map(Ok).collect();
    SampleBatch { source: source.into(), batch_id: id.into(), first_index: 0, samples }
}
