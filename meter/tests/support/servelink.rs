//! The part of a Servelink that takes traffic in, with registered projects, and what its log then says.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    ProjectId, TeamId,
    plan::Catalogue,
    usage::{UsageEvent, UsageId},
};
use servelink_meter::ingest::IngestSink;
use store::{
    Clock, EventLog, Filter, Position, SystemClock,
    codec::decode,
    commands::{Actor, Commands},
    ingest::Ingest,
    known::Known,
    subjects::Subjects,
};

use super::Total;

/// More events than any test records.
const ALL: usize = 10_000;

pub(crate) struct Servelink {
    pub(crate) log: Arc<dyn EventLog>,
    known: Arc<Known>,
    ingest: Arc<Ingest>,
}

impl Servelink {
    pub(crate) async fn start(log: impl EventLog) -> Self {
        let log: Arc<dyn EventLog> = Arc::new(log);
        let known = Known::open(Arc::clone(&log)).await.unwrap();
        let ingest = Ingest::start(Arc::clone(&log), Arc::clone(&known), Arc::new(SystemClock));
        Self { log, known, ingest }
    }

    pub(crate) fn sink(&self) -> IngestSink {
        IngestSink::new(Arc::clone(&self.ingest), "gateway")
    }

    /// One team with these projects.
    pub(crate) async fn register(&self, projects: &[&str]) {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let plans = Arc::new(Catalogue::default());
        let subjects = Subjects::in_memory().await.unwrap();
        let commands = Commands::new(Arc::clone(&self.log), Arc::clone(&self.known), plans, clock, subjects);
        let (actor, team) = (Actor("test".into()), TeamId::from_bytes([7; 16]));
        let slug = "team".parse().unwrap();
        commands.put_team(&actor, team, "Team", &slug).await.unwrap();
        for project in projects {
            let id: ProjectId = project.parse().unwrap();
            commands.put_project(&actor, id, team, "Project").await.unwrap();
        }
    }

    /// The `TrafficRecorded` events, added up per project.
    pub(crate) async fn totals(&self) -> BTreeMap<String, Total> {
        let mut totals = BTreeMap::<String, Total>::new();
        for recorded in self.log.read_after(Position(0), ALL, Filter::All).await.unwrap() {
            if recorded.event_type != "TrafficRecorded" {
                continue;
            }
            let id: UsageId = recorded.stream.aggregate_id.parse().unwrap();
            let UsageEvent::TrafficRecorded(traffic) = decode(&recorded).unwrap() else {
                panic!("{recorded:?}");
            };
            assert_eq!(traffic.source, "gateway");
            assert!(recorded.metadata.contains("meter:gateway"), "{}", recorded.metadata);
            let total = totals.entry(id.project.to_string()).or_default();
            total.0 += traffic.ingress_bytes.get();
            total.1 += traffic.egress_bytes.get();
            total.2 += traffic.requests;
        }
        totals
    }

    pub(crate) async fn close(self) {
        self.ingest.close().await;
        self.log.close().await;
    }
}
