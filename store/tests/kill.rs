//! A process that appends is killed with SIGKILL, again and again: whatever it was told is recorded is there, once,
//! and whatever it was not told can be asked for again.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use servelink_store::postgres::PostgresLog;
use servelink_store::sqlite::SqliteLog;
use servelink_store::testing::requests::{event, history, request};
use servelink_store::testing::{Harness, PostgresStorage, SqliteStorage};
use servelink_store::{Append, EventLog, Expected, KeyId, Position};
use sqlx::ConnectOptions;

/// Says to this program, started anew, that it is the one to be killed: the log's address and the round.
const CHILD: &str = "SERVELINK_TEST_KILL";
const WRITERS: usize = 4;

/// The same request in parent and child: one to three events.
fn numbered(round: usize, writer: usize, n: usize) -> (String, Append) {
    let name = format!("{round}-{writer}-{n}");
    let mut append = request(&name, &format!("{}", n % 5), Expected::Any);
    append.streams[0].events = vec![event("TeamRenamed", &name); 1 + n % 3];
    (name, append)
}

/// Not a test of its own: what the child runs. In the parent it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child_appends_until_it_is_killed() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (round, address) = task.split_once(' ').unwrap();
    let round = round.parse().unwrap();
    let log: Arc<dyn EventLog> = match address.strip_prefix("file:") {
        Some(file) => Arc::new(SqliteLog::open(file.as_ref()).await.unwrap()),
        None => Arc::new(PostgresLog::open(address.parse().unwrap()).await.unwrap()),
    };
    let writers = (0..WRITERS).map(|writer| {
        let log = log.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let (name, append) = numbered(round, writer, n);
                let position = log.append(append).await.unwrap().position;
                writeln!(std::io::stdout().lock(), "\nrecorded {name} {position} .").unwrap();
            }
        })
    });
    futures::future::join_all(writers).await;
}

/// Runs the child, kills it after so many answers, and returns all that it said were recorded.
fn run_and_kill(address: &str, round: usize, answers: usize) -> HashMap<String, Position> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child_appends_until_it_is_killed", "--nocapture"])
        .env(CHILD, format!("{round} {address}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut recorded = HashMap::new();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // A line without its full stop was cut off by the kill: then it was not said.
    for line in lines.map_while(Result::ok) {
        if let ["recorded", name, position, "."] = line.split(' ').collect::<Vec<_>>()[..] {
            recorded.insert(name.to_owned(), Position(position.parse().unwrap()));
        }
        if recorded.len() == answers {
            // SIGKILL. What it wrote before is still in the pipe.
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(!status.success() && recorded.len() >= answers, "{status}: it ended by itself");
    recorded
}

async fn survives(storage: &dyn Harness, address: &str, rounds: usize) {
    let mut recorded = HashMap::new();
    for round in 0..rounds {
        // As good as any: the child is anywhere in its work when the signal comes.
        let answers = 1 + usize::from(KeyId::of(&[&round.to_string()]).0[0] % 24);
        let told = run_and_kill(address, round, answers);
        let log = storage.open().await;
        check(&*log, &told).await;
        for writer in 0..WRITERS {
            // All that it was told of, and the one that was under way.
            for n in 0.. {
                let (name, append) = numbered(round, writer, n);
                let again = log.append(append).await.unwrap();
                let Some(position) = told.get(&name) else { break };
                assert_eq!(again.position, *position, "{name} gets its first answer again");
                assert!(again.earlier.is_some());
            }
        }
        recorded.extend(told);
        check(&*log, &recorded).await;
        log.close().await;
    }
}

/// Everything that was said to be recorded is there, and of no request there is a part or more than one.
async fn check(log: &dyn EventLog, told: &HashMap<String, Position>) {
    let mut found: HashMap<String, Vec<u64>> = HashMap::new();
    for event in history(log).await {
        let payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap();
        let name = payload["TeamRenamed"]["request"].as_str().unwrap().to_owned();
        found.entry(name).or_default().push(event.position.0);
    }
    for (name, position) in told {
        assert_eq!(found.get(name).and_then(|at| at.last()), Some(&position.0), "{name}");
    }
    for (name, at) in found {
        let n: usize = name.rsplit('-').next().unwrap().parse().unwrap();
        let first = at[0];
        assert_eq!(at, (first..=first + n as u64 % 3).collect::<Vec<_>>(), "{name} is whole");
    }
}

#[tokio::test]
async fn sqlite_keeps_its_word() {
    let storage = SqliteStorage::new();
    survives(&storage, &format!("file:{}", storage.file().display()), 50).await;
}

#[tokio::test]
async fn postgres_keeps_its_word() {
    let storage = PostgresStorage::create().await;
    survives(&storage, storage.options().to_url_lossy().as_str(), 10).await;
}
