//! The whole way from a request to the log, without the routes: what is answered, and what is recorded.

use std::sync::Arc;

use axum::extract::Request;
use domain::{ProjectId, TeamId};
use http::header::CONTENT_TYPE;
use store::commands::{Actor, Commands};
use store::ingest::{Ingest, RejectCode};
use store::known::Known;
use store::memory::{MemoryDisk, MemoryLog};
use store::subjects::Subjects;
use store::{Clock, EventLog, Filter, Position};

use super::*;
use crate::usage::traffic::answer::TrafficAnswer;
use crate::usage::traffic::budget::Budget;
use crate::usage::traffic::record::take;

const PROJECT: &str = "0123456789abcdef0123456789abcdef";

struct Setup {
    log: Arc<dyn EventLog>,
    ingest: Arc<Ingest>,
    budget: Budget,
}

/// One project is registered, and it is noon on 2026-11-23.
async fn setup() -> Setup {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::open(&MemoryDisk::default()));
    let known = Known::open(Arc::clone(&log)).await.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(|| "2026-11-23T12:00:00Z".parse().unwrap());
    let subjects = Subjects::in_memory().await.unwrap();
    let commands =
        Commands::new(Arc::clone(&log), Arc::clone(&known), Arc::default(), Arc::clone(&clock), subjects);
    let (actor, team) = (Actor("test".into()), TeamId::from_bytes([1; 16]));
    commands.put_team(&actor, team, "Team", &"team".parse().unwrap()).await.unwrap();
    let project: ProjectId = PROJECT.parse().unwrap();
    commands.put_project(&actor, project, team, "Project").await.unwrap();
    let ingest = Ingest::start(Arc::clone(&log), known, clock);
    Setup { log, ingest, budget: Budget::of(1 << 20) }
}

impl Setup {
    async fn send(&self, content_type: &str, uri: &str, body: &str) -> Result<TrafficAnswer, Problem> {
        let request =
            Request::post(uri).header(CONTENT_TYPE, content_type).body(body.to_owned().into()).unwrap();
        let answer = take(&self.ingest, &self.budget, &Actor("key".into()), request).await;
        assert_eq!(self.budget.left(), 1 << 20, "all that was held is given back");
        answer
    }

    async fn json(&self, batch_id: &str, samples: &[String]) -> Result<TrafficAnswer, Problem> {
        let body = format!(r#"{{"batch_id":"{batch_id}","source":"s","samples":[{}]}}"#, samples.join(","));
        self.send("application/json", "/", &body).await
    }

    async fn events(&self, events: &[String]) -> Result<TrafficAnswer, Problem> {
        self.send("application/cloudevents-batch+json", "/", &format!("[{}]", events.join(","))).await
    }

    /// Ingress bytes that are recorded, over all events.
    async fn recorded(&self) -> u64 {
        let events = self.log.read_after(Position::default(), 1_000, Filter::All).await.unwrap();
        let payloads =
            events.iter().map(|event| serde_json::from_str::<serde_json::Value>(&event.payload).unwrap());
        payloads.filter_map(|payload| payload["TrafficRecorded"]["ingress_bytes"].as_u64()).sum()
    }
}

fn sample(ingress: i64) -> String {
    format!(
        r#"{{"project_id":"{PROJECT}","ingress_bytes":{ingress},"egress_bytes":0,"at":"2026-11-23T11:00:00Z"}}"#
    )
}

fn event(id: &str, data: &str) -> String {
    format!(r#"{{"specversion":"1.0","type":"servelink.traffic","source":"s","id":"{id}","data":{data}}}"#)
}

/// What counts in an answer: accepted, duplicates, and which are rejected why.
fn summary(answer: &TrafficAnswer) -> (u64, u64, Vec<(u64, RejectCode)>) {
    let rejected = answer.rejected.iter().map(|rejected| (rejected.index, rejected.code)).collect();
    (answer.accepted, answer.duplicates, rejected)
}

#[tokio::test]
async fn a_batch_counts_once_however_often_and_in_whatever_format_it_comes() {
    let setup = setup().await;
    let batch = [sample(1), sample(2), sample(-1)];
    let bad = vec![(2, RejectCode::Invalid)];
    let first = setup.json("b", &batch).await.unwrap();
    assert_eq!(summary(&first), (2, 0, bad.clone()));
    let again = setup.json("b", &batch).await.unwrap();
    assert_eq!((summary(&again), again.position), ((0, 2, bad.clone()), first.position));
    let lines = setup.send("application/x-ndjson", "/?batch_id=b&source=s", &batch.join("\n")).await.unwrap();
    assert_eq!((summary(&lines), lines.position), ((0, 2, bad), first.position));
    assert_eq!(setup.recorded().await, 3);
}

#[tokio::test]
async fn an_id_that_stands_for_other_samples_is_refused() {
    let setup = setup().await;
    setup.json("b", &[sample(1)]).await.unwrap();
    let refused = setup.json("b", &[sample(2)]).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::IdReused);
    assert_eq!(refused.errors()[0].field.as_deref(), Some("batch_id"));
    assert_eq!(setup.recorded().await, 1);
}

#[tokio::test]
async fn each_bad_sample_is_named_and_the_others_count() {
    let setup = setup().await;
    let samples = [
        sample(1).replace("2026-11-23T11", "2026-11-23T13"),
        sample(1).replace(PROJECT, &"f".repeat(32)),
        sample(1).replace("2026-11", "1999-11"),
        sample(7),
        "[]".into(),
    ];
    let answer = setup.json("b", &samples).await.unwrap();
    let rejected = vec![
        (0, RejectCode::InTheFuture),
        (1, RejectCode::UnknownProject),
        (2, RejectCode::OutsideMonths),
        (4, RejectCode::Invalid),
    ];
    assert_eq!(summary(&answer), (1, 0, rejected));
    assert_eq!(setup.recorded().await, 7);
}

#[tokio::test]
async fn without_a_good_sample_nothing_is_recorded_and_the_id_is_free() {
    let setup = setup().await;
    let head = setup.log.head().await.unwrap();
    let refused =
        setup.json("b", &[sample(-1), sample(1).replace(PROJECT, &"f".repeat(32))]).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
    let errors: Vec<_> =
        refused.errors().iter().map(|item| (item.index.unwrap(), item.code.to_string())).collect();
    assert_eq!(errors, [(0, "invalid".to_owned()), (1, "unknown_project".to_owned())]);
    let refused = setup.events(&[event("e", "{}"), "7".into()]).await.unwrap_err();
    assert_eq!((refused.kind(), refused.errors().len()), (Kind::Invalid, 2));
    assert_eq!(setup.log.head().await.unwrap(), head);
    assert_eq!(summary(&setup.json("b", &[sample(1)]).await.unwrap()).0, 1);
}

#[tokio::test]
async fn what_is_not_understood_changes_nothing() {
    let setup = setup().await;
    let head = setup.log.head().await.unwrap();
    let (good, json) = (sample(1), "application/json");
    for (content_type, uri, body) in [
        (json, "/", batch(&good) + "}"),
        (json, "/", batch(&good).replace("\"source\":\"s\",", "")),
        (json, "/", batch(&format!("{good},{}", good.replace("{", "{\"at\":1,")))),
        (json, "/", batch(&format!("{good},{{\"bytes\":1}}"))),
        (json, "/?batch_id=b", batch(&good)),
        ("application/x-ndjson", "/?batch_id=b&source=s", format!("{good}\n{{")),
        ("application/x-ndjson", "/?batch_id=b", good.clone()),
        ("application/cloudevents-batch+json", "/", format!("[{},{{\"ID\":1}}]", event("e", &good))),
        ("text/plain", "/", batch(&good)),
        (json, "/", " ".repeat(9 << 20)),
    ] {
        let refused = setup.send(content_type, uri, &body).await;
        assert!(refused.is_err(), "{body}");
    }
    assert_eq!(setup.log.head().await.unwrap(), head);
}

#[tokio::test]
async fn each_event_has_its_own_fate() {
    let setup = setup().await;
    let first = setup.events(&[event("1", &sample(1)), event("2", &sample(2))]).await.unwrap();
    assert_eq!(summary(&first), (2, 0, vec![]));
    let events = [
        event("2", &sample(2)),
        event("1", &sample(9)),
        event("3", &sample(4)),
        event("4", &sample(-4)),
        event("3", &sample(4)),
        event("5", &sample(1).replace(PROJECT, &"f".repeat(32))),
    ];
    let second = setup.events(&events).await.unwrap();
    let rejected = vec![(1, RejectCode::IdReused), (3, RejectCode::Invalid), (5, RejectCode::UnknownProject)];
    assert_eq!(summary(&second), (1, 2, rejected));
    assert!(second.position > first.position);
    assert_eq!(setup.recorded().await, 7);
    let refused = setup.events(&[event("1", &sample(9))]).await.unwrap_err();
    assert_eq!((refused.kind(), &*refused.errors()[0].code), (Kind::Invalid, "id_reused"));
    let one = setup.send("application/cloudevents+json", "/", &event("1", &sample(1))).await.unwrap();
    assert_eq!((summary(&one), one.position), ((0, 1, vec![]), first.position));
}

#[tokio::test]
async fn a_long_body_is_read_as_a_short_one() {
    let mut setup = setup().await;
    setup.budget = Budget::of(1 << 20);
    let spaced = format!("{}{}", batch(&sample(5)), " ".repeat(1 << 20));
    assert_eq!(setup.send("application/json", "/", &spaced).await.unwrap_err().kind(), Kind::Busy);
    setup.budget = Budget::of(2 << 20);
    let request = Request::post("/").header(CONTENT_TYPE, "application/json").body(spaced.into()).unwrap();
    let answer = take(&setup.ingest, &setup.budget, &Actor("key".into()), request).await.unwrap();
    assert_eq!(summary(&answer), (1, 0, vec![]));
}
