//! What holds between a stock repository and ours, whichever backend.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use cqrs_es::{CqrsFramework, EventStore};
use domain::plan::Catalogue;
use domain::team::{Role, Team, TeamCommand, TeamEvent};
use domain::usage::Usage;
use domain::{ProjectId, TeamId, UserId};
use servelink_store::codec::decode;
use servelink_store::commands::{Actor, Commands, ContactChange};
use servelink_store::ingest::{BatchOutcome, Ingest, Sample, SampleBatch};
use servelink_store::known::Known;
use servelink_store::repository::LogRepository;
use servelink_store::subjects::Subjects;
use servelink_store::testing::requests::history;
use servelink_store::testing::{Harness, in_time};
use servelink_store::{EventLog, SystemClock};

type Stock<A, R> = PersistedEventStore<R, A>;

fn actor() -> Actor {
    Actor("test".into())
}

fn team(n: u8) -> TeamId {
    TeamId::from_bytes([n; 16])
}

fn register(n: u8) -> TeamCommand {
    TeamCommand::Register { name: format!("Team {n}"), slug: format!("team-{n}").parse().unwrap() }
}

async fn commands(log: &Arc<dyn EventLog>) -> (Arc<Commands>, Arc<Known>) {
    let known = Known::open(Arc::clone(log)).await.unwrap();
    let plans = Arc::new(Catalogue::default());
    let (clock, subjects) = (Arc::new(SystemClock), Subjects::in_memory().await.unwrap());
    (Arc::new(Commands::new(Arc::clone(log), Arc::clone(&known), plans, clock, subjects)), known)
}

/// Position, id and time come from the table itself.
pub async fn what_they_write_is_in_our_order<R: PersistedEventRepository>(storage: &dyn Harness, stock: R) {
    let began = Utc::now();
    let log = storage.open().await;
    let stock = CqrsFramework::new(Stock::<Team, R>::new_event_store(stock), vec![], Catalogue::default());
    for n in 1..=3 {
        stock.execute(&team(n).to_string(), register(n)).await.unwrap();
    }
    let owner = TeamCommand::PutMember { user_id: UserId(7), role: Role::Owner, other_free_teams: 0 };
    stock.execute(&team(2).to_string(), owner).await.unwrap();
    // Two events in one of their transactions.
    stock.execute(&team(1).to_string(), TeamCommand::Remove { at: began }).await.unwrap();

    let events = history(&*log).await;
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.stream.aggregate_id.clone(), event.sequence, event.event_type.as_ref()))
        .collect();
    let expected = [
        (team(1).to_string(), 1, "TeamRegistered"),
        (team(2).to_string(), 1, "TeamRegistered"),
        (team(3).to_string(), 1, "TeamRegistered"),
        (team(2).to_string(), 2, "MemberAdded"),
        (team(1).to_string(), 2, "TeamRemoved"),
    ];
    assert_eq!(seen, expected);
    for event in &events {
        decode::<TeamEvent>(event).unwrap();
        assert!((event.recorded_at - began).abs() < TimeDelta::seconds(30));
        assert!(!event.event_id.is_nil());
    }
    let ids: std::collections::HashSet<_> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(ids.len(), events.len());

    let known = Known::open(Arc::clone(&log)).await.unwrap();
    let teams: Vec<_> = known.facts().teams.keys().copied().collect();
    assert!(teams.len() == 2 && !teams.contains(&team(1)), "{teams:?}");
    assert_eq!(known.facts().free_teams_of(UserId(7), team(9)), 1);
}

/// Teams by commands, usage by ingestion: the stock repository loads the same as ours.
pub async fn what_we_write_they_can_load<R: PersistedEventRepository>(storage: &dyn Harness, stock: R) {
    let log = storage.open().await;
    let (commands, known) = commands(&log).await;
    let project = ProjectId::from_bytes([9; 16]);
    commands.put_team(&actor(), team(1), "Équipe", &"equipe".parse().unwrap()).await.unwrap();
    commands.put_project(&actor(), project, team(1), "boutique").await.unwrap();
    commands.put_member(&actor(), team(1), UserId(1), Role::Owner, &ContactChange::default()).await.unwrap();
    let ingest = Ingest::start(Arc::clone(&log), known, Arc::new(SystemClock));
    let at: DateTime<Utc> = "2024-01-31T23:59:59.123456Z".parse().unwrap();
    for n in 1..=3 {
        let sample = Sample { project, at, ingress: n.into(), egress: 10.into(), requests: 1 };
        let batch = SampleBatch {
            source: "é".into(),
            batch_id: n.to_string(),
            first_index: 0,
            samples: vec![Ok(sample)],
        };
        // The clock is not asked here: January 2024 is long past.
        let outcomes = ingest.submit(&actor(), vec![batch]).await.unwrap();
        assert!(matches!(outcomes[..], [BatchOutcome::Recorded { accepted: 1, .. }]), "{outcomes:?}");
    }

    let id = format!("{project}:2024-01");
    let teams = stock.get_events::<Team>(&team(1).to_string()).await.unwrap();
    let ours = LogRepository::new(Arc::clone(&log)).get_events::<Team>(&team(1).to_string()).await.unwrap();
    assert_eq!(teams, ours);
    assert_eq!(teams.len(), 3);
    let usage_store = Stock::<Usage, R>::new_event_store(stock);
    let usage = usage_store.load_aggregate(&id).await.unwrap();
    let state = &usage.aggregate;
    assert_eq!((state.ingress.get(), state.egress.get(), state.requests), (6, 30, 3));
    assert_eq!(usage.current_sequence, 3);
    let history = usage_store.load_events(&id).await.unwrap();
    assert_eq!(history[0].metadata["actor"], "test");
}

/// Half of the writers use the stock repository, half use ours, on the same streams: nothing is lost, doubled or out
/// of place, and our writer notices theirs.
pub async fn both_write_at_once<R: PersistedEventRepository + 'static>(storage: &dyn Harness, stock: R) {
    const ROUNDS: i64 = 15;
    let log = storage.open().await;
    let stock =
        Arc::new(CqrsFramework::new(Stock::<Team, R>::new_event_store(stock), vec![], Catalogue::default()));
    let ours = Arc::new(CqrsFramework::new(
        PersistedEventStore::<_, Team>::new_event_store(LogRepository::new(Arc::clone(&log))),
        vec![],
        Catalogue::default(),
    ));
    for n in 1..=2 {
        let pro = TeamCommand::ActivatePlan { plan: "pay_as_you_go".into(), paid_by: None, at: Utc::now() };
        ours.execute(&team(n).to_string(), register(n)).await.unwrap();
        ours.execute(&team(n).to_string(), pro).await.unwrap();
    }
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (stock, ours) = (Arc::clone(&stock), Arc::clone(&ours));
        writers.spawn(async move {
            for round in 0..ROUNDS {
                let user_id = UserId(writer * 1_000 + round);
                let put = TeamCommand::PutMember { user_id, role: Role::Member, other_free_teams: 0 };
                let id = team(1 + u8::try_from(round % 2).unwrap()).to_string();
                // Whoever comes second tries again. (SQLite's stock repository has no word of its own for it.)
                in_time(async {
                    if writer % 2 == 0 {
                        while stock.execute(&id, put.clone()).await.is_err() {}
                    } else {
                        while ours.execute(&id, put.clone()).await.is_err() {}
                    }
                })
                .await;
            }
        });
    }
    writers.join_all().await;

    let mut sequences: BTreeMap<String, u64> = BTreeMap::new();
    let mut members = std::collections::BTreeSet::new();
    for event in history(&*log).await {
        let last = sequences.entry(event.stream.aggregate_id.clone()).or_default();
        assert_eq!(event.sequence, *last + 1);
        *last = event.sequence;
        if let TeamEvent::MemberAdded(added) = decode(&event).unwrap() {
            assert!(members.insert(added.user_id), "{} was added twice", added.user_id);
        }
    }
    assert_eq!(members.len(), usize::try_from(4 * ROUNDS).unwrap());
    assert_eq!(sequences.values().sum::<u64>(), 4 + 4 * ROUNDS.unsigned_abs());
}
