//! Persons' addresses, on both stores: sealed in events, read with the person's key only, and noise once that is gone.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use domain::plan::Catalogue;
use domain::team::{MemberContactChanged, Role, SubjectErased, TeamEvent, TeamRefusal};
use domain::{EmailAddress, Language, Sealed, TeamId, UserId};
use futures::future::join_all;
use secrecy::ExposeSecret;
use servelink_store::codec::decode;
use servelink_store::commands::{Actor, CommandError, Commands, ContactChange};
use servelink_store::known::Known;
use servelink_store::sqlite::SqliteLog;
use servelink_store::state::{State, StateError};
use servelink_store::subjects::Subjects;
use servelink_store::testing::requests::history;
use servelink_store::testing::{Harness, PostgresStorage, in_time};
use servelink_store::{EventLog, Position, SystemClock};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tempfile::TempDir;

const AWA: UserId = UserId(7);
const ADDRESS: &str = "canary.awa@example.org";

/// Where log and keys are.
enum Place {
    Sqlite(TempDir),
    Postgres(Box<PostgresStorage>),
}

/// A node there.
struct Node {
    log: Arc<dyn EventLog>,
    state: State,
    subjects: Subjects,
    commands: Commands,
}

impl Place {
    fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    async fn postgres() -> Self {
        Self::Postgres(Box::new(PostgresStorage::create().await))
    }

    async fn open(&self) -> Node {
        let (log, state): (Arc<dyn EventLog>, _) = match self {
            Self::Sqlite(folder) => (
                Arc::new(SqliteLog::open(&folder.path().join("log.db")).await.unwrap()),
                State::open_sqlite(&folder.path().join("state.db")).await.unwrap(),
            ),
            Self::Postgres(storage) => {
                (storage.open().await, State::open_postgres(storage.options()).await.unwrap())
            }
        };
        let known = Known::open(Arc::clone(&log)).await.unwrap();
        let subjects = Subjects::new(state.clone());
        let (plans, clock) = (Arc::new(Catalogue::default()), Arc::new(SystemClock));
        let commands = Commands::new(Arc::clone(&log), known, plans, clock, subjects.clone());
        Node { log, state, subjects, commands }
    }

    /// Does this on a connection of its own, as no part of Servelink does.
    async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) => {
                let mut connection = beside(folder.path()).await;
                connection.execute(sql).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Postgres(storage) => {
                storage.connect().await.execute(sql).await.unwrap();
            }
        }
    }

    /// All keys there are.
    async fn keys(&self) -> Vec<String> {
        let sql = "SELECT key FROM state_subject_key ORDER BY user_id";
        match self {
            Self::Sqlite(folder) => {
                sqlx::query_scalar(sql).fetch_all(&mut beside(folder.path()).await).await.unwrap()
            }
            Self::Postgres(storage) => {
                sqlx::query_scalar(sql).fetch_all(&mut storage.connect().await).await.unwrap()
            }
        }
    }
}

async fn beside(folder: &Path) -> sqlx::SqliteConnection {
    SqliteConnectOptions::new().filename(folder.join("state.db")).connect().await.unwrap()
}

impl Node {
    /// Teams of no member.
    async fn register(&self, teams: &[TeamId]) {
        for team in teams {
            let slug = format!("team-{team}").parse().unwrap();
            self.commands.put_team(&actor(), *team, "Team", &slug).await.unwrap();
        }
    }

    async fn put(&self, team: TeamId, contact: ContactChange) -> Result<Position, CommandError> {
        self.commands.put_member(&actor(), team, AWA, Role::Member, &contact).await
    }

    async fn tell(&self, team: TeamId, address: &str) -> Position {
        until_first(|| self.put(team, reached_at(address))).await
    }

    async fn erase(&self) -> Position {
        until_first(|| async { self.commands.erase_subject(&actor(), AWA).await }).await
    }

    /// Everything that was said of contacts and persons, in order.
    async fn said(&self) -> Vec<TeamEvent> {
        let events = history(&*self.log).await;
        let events = events.iter().map(|event| decode::<TeamEvent>(event).unwrap());
        let about = |event: &TeamEvent| {
            matches!(event, TeamEvent::MemberContactChanged(_) | TeamEvent::SubjectErased(_))
        };
        events.filter(about).collect()
    }

    /// The last that was said of a contact.
    async fn contact(&self) -> MemberContactChanged {
        let Some(TeamEvent::MemberContactChanged(contact)) = self.said().await.pop() else { panic!() };
        contact
    }

    async fn read(&self, sealed: &Sealed) -> Option<String> {
        self.subjects.open(AWA, sealed).await.unwrap().map(|text| text.expose_secret().to_owned())
    }

    async fn close(self) {
        self.log.close().await;
        self.state.close().await;
    }
}

/// Tries again for as long as the other node is always faster.
async fn until_first<F: Future<Output = Result<Position, CommandError>>>(again: impl Fn() -> F) -> Position {
    loop {
        match again().await {
            Err(CommandError::Contended) => {}
            done => return done.unwrap(),
        }
    }
}

fn actor() -> Actor {
    Actor("test".into())
}

fn team(n: u8) -> TeamId {
    TeamId::from_bytes([n; 16])
}

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

fn reached_at(text: &str) -> ContactChange {
    ContactChange { email: Some(Some(address(text))), ..ContactChange::default() }
}

async fn an_address_is_sealed_alike_until_its_person_is_forgotten(place: Place) {
    let node = place.open().await;
    let sealed = node.subjects.seal(AWA, &address(ADDRESS)).await.unwrap();
    assert_eq!(node.subjects.seal(AWA, &address(ADDRESS)).await.unwrap(), sealed);
    assert_eq!(node.read(&sealed).await.as_deref(), Some(ADDRESS));
    assert_eq!(node.subjects.open(UserId(8), &sealed).await.unwrap().map(|_| ()), None, "it is not his");
    node.close().await;

    let node = place.open().await;
    assert_eq!(node.subjects.seal(AWA, &address(ADDRESS)).await.unwrap(), sealed, "the key was kept");
    node.erase().await;
    assert_eq!((node.read(&sealed).await, place.keys().await.len()), (None, 0));

    let anew = node.subjects.seal(AWA, &address(ADDRESS)).await.unwrap();
    assert_ne!(anew, sealed);
    assert_eq!(node.read(&anew).await.as_deref(), Some(ADDRESS));
    assert_eq!(node.read(&sealed).await, None, "what was forgotten stays so with another key");
    let malformed = node.subjects.open(AWA, &Sealed::new("AQ".into())).await;
    assert!(matches!(malformed, Err(StateError::Sealed(_))), "{malformed:?}");
}

async fn whoever_makes_a_key_at_once_gets_the_same(place: Place) {
    let one = place.open().await;
    // Another node where there may be one; else the same one, from many tasks.
    let other = match &place {
        Place::Sqlite(_) => one.subjects.clone(),
        Place::Postgres(_) => place.open().await.subjects,
    };
    let email = address(ADDRESS);
    let seals = (0..20).map(|n| if n % 2 == 0 { &one.subjects } else { &other }.seal(AWA, &email));
    let sealed: HashSet<String> =
        in_time(join_all(seals)).await.into_iter().map(|sealed| sealed.unwrap().as_str().into()).collect();
    assert_eq!((sealed.len(), place.keys().await.len()), (1, 1));
}

async fn what_is_told_of_a_member_is_recorded_once(place: Place) {
    let node = place.open().await;
    node.register(&[team(1)]).await;
    let joined = node.tell(team(1), ADDRESS).await;
    let events = history(&*node.log).await;
    let [added, changed] = &events[1..] else { panic!("{events:?}") };
    assert_eq!(added.metadata, changed.metadata, "one command");
    assert!(!changed.payload.contains("canary"));
    let contact = node.contact().await;
    assert_eq!((contact.user_id, contact.language), (AWA, None));
    let sealed = contact.email.unwrap();
    assert_eq!(node.read(&sealed).await.as_deref(), Some(ADDRESS));

    // The same again, and nothing at all, change nothing.
    assert_eq!(node.tell(team(1), ADDRESS).await, joined);
    assert_eq!(node.put(team(1), ContactChange::default()).await.unwrap(), joined);
    // What is not told stays.
    let language = |language| ContactChange { language: Some(language), ..ContactChange::default() };
    node.put(team(1), language(Some(Language::French))).await.unwrap();
    let contact = node.contact().await;
    assert_eq!((contact.email, contact.language), (Some(sealed.clone()), Some(Language::French)));
    node.put(team(1), ContactChange { email: Some(None), ..ContactChange::default() }).await.unwrap();
    let contact = node.contact().await;
    assert_eq!((contact.email, contact.language), (None, Some(Language::French)));
    assert_eq!(place.keys().await.len(), 1);

    // Whoever cannot join is not reached either.
    let head = node.log.head().await.unwrap();
    let full =
        node.commands.put_member(&actor(), team(1), UserId(8), Role::Member, &reached_at(ADDRESS)).await;
    assert!(matches!(full, Err(CommandError::Team(TeamRefusal::PlanLimit { .. }))), "{full:?}");
    assert_eq!((node.log.head().await.unwrap(), place.keys().await.len()), (head, 1));
}

async fn a_person_is_forgotten_in_every_team_and_may_come_back(place: Place) {
    let node = place.open().await;
    node.register(&[team(1), team(2), team(3)]).await;
    node.tell(team(1), ADDRESS).await;
    node.tell(team(2), ADDRESS).await;
    let sealed = node.contact().await.email.unwrap();
    // A team that he has left, and one that knows nothing of him.
    node.tell(team(3), ADDRESS).await;
    node.commands.remove_member(&actor(), team(3), AWA).await.unwrap();
    let before = node.log.head().await.unwrap();

    let erased = node.erase().await;
    assert_eq!(erased.0, before.0 + 2, "in both teams that can reach him");
    let said = node.said().await;
    let expected = TeamEvent::SubjectErased(SubjectErased { user_id: AWA });
    assert_eq!(said[3..], [expected.clone(), expected]);
    assert_eq!((node.read(&sealed).await, place.keys().await.len()), (None, 0));
    assert_eq!(node.erase().await, erased, "again, and there is nothing to do");

    // He is still a member, and whoever tells his address again tells something new.
    assert_eq!(node.tell(team(1), ADDRESS).await.0, erased.0 + 1);
    let anew = node.contact().await.email.unwrap();
    assert_eq!(node.read(&anew).await.as_deref(), Some(ADDRESS));
    assert_eq!(node.read(&sealed).await, None);
}

/// A crash between the two steps: the key is gone, and no history knows it.
async fn what_a_crash_left_undone_the_next_try_does(place: Place) {
    let node = place.open().await;
    node.register(&[team(1)]).await;
    let told = node.tell(team(1), ADDRESS).await;
    let sealed = node.contact().await.email.unwrap();
    place.execute("DELETE FROM state_subject_key").await;
    assert_eq!(node.read(&sealed).await, None, "he is forgotten already");
    assert_eq!(node.erase().await.0, told.0 + 1);
    assert_eq!(node.said().await.last(), Some(&TeamEvent::SubjectErased(SubjectErased { user_id: AWA })));
}

macro_rules! on_both {
    ($($property:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $property() {
                super::$property(super::Place::sqlite()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $property() {
                super::$property(super::Place::postgres().await).await;
            })*
        }
    };
}
on_both! {
    an_address_is_sealed_alike_until_its_person_is_forgotten
    whoever_makes_a_key_at_once_gets_the_same
    what_is_told_of_a_member_is_recorded_once
    a_person_is_forgotten_in_every_team_and_may_come_back
    what_a_crash_left_undone_the_next_try_does
}

/// Whoever tells an address while the person is being forgotten comes first or second: in the log, what stands before
/// the person was forgotten is noise, and what stands after it can be read. Also in teams that could not reach him yet.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_told_meanwhile_comes_before_or_after() {
    let place = Place::postgres().await;
    let nodes = [place.open().await, place.open().await];
    let teams: Vec<TeamId> = (1..=8).map(team).collect();
    nodes[0].register(&teams).await;
    let (mut seen, mut before, mut after) = (0, 0, 0);
    for round in 0..20 {
        for team in &teams[..4] {
            nodes[0].tell(*team, &format!("first.{round}@example.org")).await;
        }
        let second = format!("second.{round}@example.org");
        let tell = async {
            for team in teams.iter().rev() {
                nodes[0].tell(*team, &second).await;
            }
        };
        in_time(async { tokio::join!(tell, nodes[1].erase()) }).await;

        let said = nodes[0].said().await;
        let erased = said.iter().rposition(|event| matches!(event, TeamEvent::SubjectErased(_))).unwrap();
        for (place, event) in said.iter().enumerate().skip(seen) {
            let TeamEvent::MemberContactChanged(contact) = event else { continue };
            let read = nodes[1].read(contact.email.as_ref().unwrap()).await;
            assert_eq!(read.as_deref(), (place > erased).then_some(second.as_str()), "round {round}");
            *if place > erased { &mut after } else { &mut before } += 1;
        }
        seen = said.len();
    }
    println!("told before: {before}, after: {after}");
}

/// Every byte of the file and of what is beside it.
fn bytes(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let state = files.filter(|file| file.file_name().unwrap().to_string_lossy().starts_with("state.db"));
    state.flat_map(|file| std::fs::read(file).unwrap()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_destroyed_key_in_any_file() {
    const PERSONS: i64 = 400;
    let place = Place::sqlite();
    let Place::Sqlite(folder) = &place else { panic!() };
    let node = place.open().await;
    // Of ids in no order, so that pages are divided and their keys move.
    for n in 0..PERSONS {
        node.subjects.seal(UserId(n * 173 % PERSONS), &address(ADDRESS)).await.unwrap();
    }
    let keys = place.keys().await;
    assert_eq!(keys.len(), 400);
    let (kept, gone): (Vec<_>, Vec<_>) = (0..).zip(&keys).partition(|(user, _)| user % 8 == 0);
    for (user, _) in &gone {
        node.commands.erase_subject(&actor(), UserId(*user)).await.unwrap();
    }
    // While it runs, and after it has ended.
    let running = bytes(folder.path());
    node.close().await;
    for bytes in [running, bytes(folder.path())] {
        assert!(kept.iter().all(|(_, key)| contains(&bytes, key)));
        let left: Vec<_> = gone.iter().filter(|(_, key)| contains(&bytes, key)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_who_reads_the_file_of_keys_is_told_of() {
    let place = Place::sqlite();
    let Place::Sqlite(folder) = &place else { panic!() };
    let node = place.open().await;
    node.subjects.seal(AWA, &address(ADDRESS)).await.unwrap();
    let [key] = &place.keys().await[..] else { panic!() };
    let mut reader = beside(folder.path()).await;
    reader.execute("BEGIN; SELECT * FROM state_subject_key").await.unwrap();
    let held = node.commands.erase_subject(&actor(), AWA).await;
    assert!(matches!(held, Err(CommandError::State(StateError::Held))), "{held:?}");
    assert!(place.keys().await.is_empty() && contains(&bytes(folder.path()), key));
    reader.execute("COMMIT").await.unwrap();
    node.erase().await;
    assert!(!contains(&bytes(folder.path()), key));
}
