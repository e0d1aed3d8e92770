//! The cqrs-es repository over our log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore, PersistenceError};
use cqrs_es::{AggregateError, CqrsFramework};
use domain::plan::Catalogue;
use domain::team::{Team, TeamCommand, TeamRefusal};
use servelink_store::repository::LogRepository;
use servelink_store::testing::requests::history;
use servelink_store::testing::{Harness, Interposed, MemoryStorage};
use servelink_store::{EventLog, ReadError, StreamId};

use crate::world::{at, project, team};

type Framework = CqrsFramework<Team, PersistedEventStore<LogRepository, Team>>;

fn framework(log: &Arc<dyn EventLog>) -> Framework {
    let store = PersistedEventStore::new_event_store(LogRepository::new(Arc::clone(log)));
    CqrsFramework::new(store, vec![], Catalogue::default())
}

fn register(name: &str) -> TeamCommand {
    TeamCommand::Register { name: name.into(), slug: name.parse().unwrap() }
}

#[tokio::test]
async fn commands_are_executed_and_recorded() {
    let log = MemoryStorage::default().open().await;
    let framework = framework(&log);
    let id = team(1).to_string();
    let metadata = HashMap::from([("actor".to_owned(), "test".to_owned())]);
    framework.execute_with_metadata(&id, register("a"), metadata).await.unwrap();
    let put = |n| TeamCommand::PutProject { project_id: project(n), name: "p".into(), moved_from: None };
    for n in 1..=2 {
        framework.execute(&id, put(n)).await.unwrap();
    }
    let refused = framework.execute(&id, put(3)).await;
    assert!(matches!(refused, Err(AggregateError::UserError(TeamRefusal::PlanLimit { .. }))), "{refused:?}");
    framework.execute(&id, TeamCommand::Remove { at: at("2026-03-10T12:00:00Z") }).await.unwrap();
    let events = history(&*log).await;
    let types: Vec<_> = events.iter().map(|event| event.event_type.as_ref()).collect();
    let expected = [
        "TeamRegistered",
        "ProjectRegistered",
        "ProjectRegistered",
        "ProjectRemoved",
        "ProjectRemoved",
        "TeamRemoved",
    ];
    assert_eq!(types, expected);
    assert_eq!(events[0].metadata, r#"{"actor":"test"}"#);
    assert!(events.iter().zip(1..).all(|(event, sequence)| event.sequence == sequence));
}

#[tokio::test]
async fn of_two_at_once_one_is_told_of_the_conflict_even_if_both_want_the_same() {
    let log = MemoryStorage::default().open().await;
    let (one, other) = (framework(&log), framework(&log));
    let id = team(1).to_string();
    let (first, second) = tokio::join!(one.execute(&id, register("a")), other.execute(&id, register("a")));
    first.unwrap();
    assert!(matches!(second, Err(AggregateError::AggregateConflict)), "{second:?}");
    let (first, second) = tokio::join!(one.execute(&id, register("b")), other.execute(&id, register("c")));
    first.unwrap();
    assert!(matches!(second, Err(AggregateError::AggregateConflict)), "{second:?}");
    assert_eq!(history(&*log).await.len(), 2);
}

#[tokio::test]
async fn a_store_that_breaks_in_mid_replay_is_an_error_and_never_the_end() {
    let log = MemoryStorage::default().open().await;
    framework(&log).execute(&team(1).to_string(), register("a")).await.unwrap();
    let broken: Arc<dyn EventLog> = Arc::new(BreaksAfter { log, reads: AtomicUsize::new(1) });
    let repository = LogRepository::new(Arc::clone(&broken));
    let mut replay = repository.stream_all_events::<Team>().await.unwrap();
    assert!(replay.next::<Team>(&[]).await.unwrap().is_ok());
    let error = replay.next::<Team>(&[]).await.expect("an error, not the end");
    assert!(matches!(error, Err(PersistenceError::ConnectionError(_))));
    assert!(replay.next::<Team>(&[]).await.is_none());

    let one = repository.stream_events::<Team>(&team(1).to_string()).await;
    assert!(matches!(one.err(), Some(PersistenceError::ConnectionError(_))));
    let loaded = framework(&broken).execute(&team(1).to_string(), register("b")).await;
    assert!(matches!(loaded, Err(AggregateError::DatabaseConnectionError(_))), "{loaded:?}");
}

/// A log whose store goes away after so many reads.
struct BreaksAfter {
    log: Arc<dyn EventLog>,
    reads: AtomicUsize,
}

impl Interposed for BreaksAfter {
    fn behind(&self) -> &dyn EventLog {
        &*self.log
    }

    fn before_read(&self, _: Option<&StreamId>) -> Result<(), ReadError> {
        let left = self.reads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| ReadError::Corrupt { position: 0, what: "the test broke it".into() })
    }
}
