//! What each way of counting saw, and which of them bills a project.

use domain::source::{ReadCounters, Reading, Totals};
use domain::{ProjectId, TrafficSource};
use serde_json::{Value, json};
use store::commands::Actor;

use crate::support::{NO_PROJECT, OTHER_TEAM, PROJECT, Server, TEAM, errors};

/// A counter of the project stands at this many bytes out.
async fn count(server: &Server, kind: TrafficSource, egress: u32) {
    let totals = Totals { egress_bytes: egress.into(), ..Totals::ZERO };
    let project_id: ProjectId = PROJECT.parse().unwrap();
    let reading = Reading { service: "service".into(), totals, project_id: Some(project_id) };
    let (at, started_at) = (server.now(), "2026-11-01T00:00:00Z".parse().unwrap());
    let read = ReadCounters { kind, at, started_at, readings: vec![reading], unread: vec![] };
    server.app.commands.read_counters(&Actor("test".into()), kind.as_str(), &read).await.unwrap();
}

async fn send(server: &Server, batch: &str, at: &str, egress: u64) {
    let sample =
        json!({ "project_id": PROJECT, "ingress_bytes": 0, "egress_bytes": egress, "requests": 3, "at": at });
    let body = json!({ "batch_id": batch, "source": "gateway", "samples": [sample] });
    server.post("/api/usage/traffic", body).await.ok();
}

async fn sources(server: &Server, query: &str) -> Value {
    server.caught_up().await;
    server.get(&format!("/api/usage/projects/{PROJECT}/sources{query}")).await.ok()
}

async fn choose(server: &Server, team: &str, source: &Value) -> u64 {
    let body = json!({ "team_id": team, "name": "Project ferme", "traffic_source": source });
    server.put(&format!("/api/projects/{PROJECT}"), body).await.position()
}

#[tokio::test]
async fn every_way_stands_beside_the_one_that_bills() {
    let server = Server::with_two_teams().await;
    server.app.known.set_traffic_source(Some(TrafficSource::Traefik));
    count(&server, TrafficSource::Traefik, 1_000).await;
    count(&server, TrafficSource::Docker, 1_042).await;
    send(&server, "a", "2026-11-02T10:00:00Z", 700).await;
    send(&server, "b", "2026-11-03T10:00:00Z", 299).await;
    send(&server, "c", "2026-10-31T10:00:00Z", 5).await;
    let noon = "2026-11-23T12:00:00Z";
    let seen = |source: &str, egress: u64, requests: u64, billed: u64, first: &str, last: &str| {
        json!({ "source": source, "billed_bytes": billed, "ingress_bytes": 0, "egress_bytes": egress,
            "traffic_bytes": egress, "requests": requests, "first_at": first, "last_at": last })
    };
    assert_eq!(
        sources(&server, "?month=2026-11").await,
        json!({
            "project_id": PROJECT, "month": 11, "year": 2026, "billing_source": "traefik",
            "sources": [
                seen("docker", 1_042, 0, 0, noon, noon),
                seen("ingest", 999, 6, 0, "2026-11-02T10:00:00Z", "2026-11-03T10:00:00Z"),
                seen("traefik", 1_000, 0, 1_000, noon, noon),
            ],
            "drift": {
                "traefik": null,
                "docker": { "bytes": 42, "per_cent": 4.2 },
                "ingest": { "bytes": -1, "per_cent": -0.1 },
            },
        })
    );
    let october = sources(&server, "?month=2026-10").await;
    assert_eq!((october["sources"].as_array().unwrap().len(), &october["drift"]), (1, &Value::Null));
    let usage = server.get(&format!("/api/usage/projects/{PROJECT}")).await.ok();
    assert_eq!(usage["traffic_bytes"], 1_000, "one way bills");
}

#[tokio::test]
async fn without_a_setting_everything_bills_and_nothing_drifts() {
    let server = Server::with_two_teams().await;
    let nothing = sources(&server, "").await;
    assert_eq!((&nothing["sources"], &nothing["billing_source"]), (&json!([]), &Value::Null));
    count(&server, TrafficSource::Docker, 7).await;
    send(&server, "a", "2026-11-02T10:00:00Z", 5).await;
    let answer = sources(&server, "").await;
    assert_eq!(answer["drift"], Value::Null);
    let billed: Vec<_> =
        answer["sources"].as_array().unwrap().iter().map(|one| &one["billed_bytes"]).collect();
    assert_eq!(billed, [7, 5]);
}

#[tokio::test]
async fn a_project_chooses_what_bills_it() {
    let server = Server::with_two_teams().await;
    server.app.known.set_traffic_source(Some(TrafficSource::Ingest));
    let billing = async || sources(&server, "").await["billing_source"].clone();
    assert_eq!(billing().await, "ingest");
    let chosen = choose(&server, TEAM, &json!("docker")).await;
    assert_eq!(billing().await, "docker");
    // Said again, or not said, nothing changes.
    assert_eq!(choose(&server, TEAM, &json!("docker")).await, chosen);
    server.put(&format!("/api/projects/{PROJECT}"), json!({ "team_id": TEAM, "name": "Renamed" })).await.ok();
    assert_eq!(billing().await, "docker");
    send(&server, "a", "2026-11-02T10:00:00Z", 5).await;
    count(&server, TrafficSource::Docker, 7).await;
    let usage = async || {
        server.caught_up().await;
        server.get(&format!("/api/usage/projects/{PROJECT}")).await.ok()["traffic_bytes"].clone()
    };
    assert_eq!(usage().await, 7);
    choose(&server, TEAM, &Value::Null).await;
    assert_eq!(billing().await, "ingest");
    send(&server, "b", "2026-11-02T10:00:00Z", 5).await;
    assert_eq!(usage().await, 12);

    // What moves has chosen nothing where it comes to.
    choose(&server, TEAM, &json!("traefik")).await;
    let moved = json!({ "team_id": OTHER_TEAM, "name": "moved" });
    server.put(&format!("/api/projects/{PROJECT}"), moved).await.ok();
    server.app.known.catch_up().await.unwrap();
    let facts = server.app.known.facts();
    assert_eq!(facts.billing_source(PROJECT.parse().unwrap()), Some(TrafficSource::Ingest));
}

#[tokio::test]
async fn mistakes_name_the_field_and_change_nothing() {
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap();
    for bad in [json!("nginx"), json!("Docker"), json!(""), json!(1), json!(["docker"])] {
        let body = json!({ "team_id": TEAM, "name": "Project ferme", "traffic_source": bad });
        let problem = server.put(&format!("/api/projects/{PROJECT}"), body).await.problem(422, "invalid");
        assert_eq!(errors(&problem), [(Some("traffic_source"), "invalid")], "{problem}");
    }
    assert_eq!(server.app.log.head().await.unwrap(), head);
    let path = |query: &str| format!("/api/usage/projects/{PROJECT}/sources{query}");
    server.get(&path("?month=2026-13")).await.problem(422, "invalid");
    server.get(&path("?source=docker")).await.problem(422, "invalid");
    server.get(&format!("/api/usage/projects/{NO_PROJECT}/sources")).await.problem(404, "not-found");
}
