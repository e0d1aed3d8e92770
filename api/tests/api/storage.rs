//! Storage measurements in.

use axum::body::Body;
use chrono::TimeDelta;
use http::Request;
use serde_json::{Value, json};

use crate::support::{NO_PROJECT, OTHER_PROJECT, PROJECT, Server, errors};

const PATH: &str = "/api/usage/storage";

fn measured(project: &str, bytes: u64) -> Value {
    json!({ "project_id": project, "volumes_bytes": bytes, "images_bytes": 0, "layers_bytes": 0 })
}

#[tokio::test]
async fn one_measurement_is_seen_by_a_read_that_waits() {
    let server = Server::with_two_teams().await;
    let one = json!({
        "project_id": PROJECT, "volumes_bytes": 1_048_576, "images_bytes": 524_288, "layers_bytes": 1,
        "measured_at": "2026-11-22T10:00:00+01:00", "source": "docker",
    });
    let answer = server.post(PATH, one).await.ok();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(1), &json!([])));
    let usage =
        server.get(&format!("/api/usage/projects/{PROJECT}?min_position={}", answer["position"])).await.ok();
    assert_eq!(usage["storage_bytes"], 1_572_865);
    assert_eq!(usage["storage_mb"], 1.500_001);
    let days = server.get(&format!("/api/usage/projects/{PROJECT}/days")).await.ok();
    assert_eq!(days["days"][0]["date"], "2026-11-22");
    assert_eq!(days["days"][0]["storage_bytes"], 1_572_865);
}

#[tokio::test]
async fn the_good_ones_of_many_are_recorded_and_the_bad_ones_named() {
    let server = Server::with_two_teams().await;
    let late = (server.now() + TimeDelta::minutes(6)).to_rfc3339();
    let mut tomorrow = measured(PROJECT, 5);
    tomorrow["measured_at"] = json!(late);
    let mut unknown_field = measured(PROJECT, 5);
    unknown_field["cpu"] = json!(1);
    let mut old = measured(OTHER_PROJECT, 5);
    old["measured_at"] = json!("1999-01-01T00:00:00Z");
    let mut nameless = measured(OTHER_PROJECT, 5);
    nameless["source"] = json!("");
    let huge =
        json!({ "project_id": PROJECT, "volumes_bytes": i64::MAX, "images_bytes": 1, "layers_bytes": 0 });
    let body = json!([
        measured(PROJECT, 7),
        measured(NO_PROJECT, 1),
        tomorrow,
        unknown_field,
        old,
        nameless,
        huge,
        measured(PROJECT, 1 << 63),
        json!({ "project_id": PROJECT }),
        json!(7),
        measured(OTHER_PROJECT, 9),
    ]);
    let answer = server.post(PATH, body).await.ok();
    assert_eq!(answer["accepted"], 2);
    let rejected: Vec<(u64, &str, Option<&str>)> = answer["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["index"].as_u64().unwrap(), item["code"].as_str().unwrap(), item["field"].as_str()))
        .collect();
    assert_eq!(
        rejected,
        [
            (1, "unknown_project", Some("project_id")),
            (2, "in_the_future", Some("measured_at")),
            (3, "unknown_field", Some("cpu")),
            (4, "outside_months", Some("measured_at")),
            (5, "invalid", Some("source")),
            (6, "too_large", None),
            (7, "invalid", Some("volumes_bytes")),
            (8, "missing_field", Some("volumes_bytes")),
            (9, "invalid", None),
        ]
    );
    assert!(answer["rejected"][6]["detail"].as_str().unwrap().contains("9223372036854775807"), "{answer}");
}

#[tokio::test]
async fn the_same_again_records_nothing_and_an_older_one_is_refused() {
    let server = Server::with_two_teams().await;
    let first = server.post(PATH, measured(PROJECT, 7)).await.position();
    server.post(PATH, measured(PROJECT, 7)).await.ok();
    assert_eq!(server.app.log.head().await.unwrap().0, first);
    let mut older = measured(PROJECT, 8);
    older["measured_at"] = json!("2026-11-20T00:00:00Z");
    let problem = server.post(PATH, older).await.problem(422, "invalid");
    assert_eq!(errors(&problem), [(Some("measured_at"), "older_measurement")]);
}

#[tokio::test]
async fn a_thousand_are_taken_and_no_more() {
    let server = Server::with_two_teams().await;
    let many = |count: usize| Value::Array((0..count).map(|_| measured(PROJECT, 7)).collect());
    assert_eq!(server.post(PATH, many(1_000)).await.ok()["accepted"], 1_000);
    server.post(PATH, many(1_001)).await.problem(422, "invalid");
    server.post(PATH, many(0)).await.problem(422, "invalid");
}

#[tokio::test]
async fn what_is_no_measurement_changes_nothing() {
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap();
    let post = |content_type: &str, body: &'static str| {
        let request = Request::post(PATH).header("authorization", format!("Bearer {}", server.key));
        request.header("content-type", content_type).body(Body::from(body)).unwrap()
    };
    for broken in ["", "[", "[{}", "{\"project_id\":", "[1,]", "{} {}"] {
        server.send(post("application/json", broken)).await.problem(400, "malformed-body");
    }
    for other in ["7", "null", "\"x\"", "{}", "[[]]"] {
        server.send(post("application/json", other)).await.problem(422, "invalid");
    }
    server.send(post("text/csv", "{}")).await.problem(415, "unsupported-media-type");
    let twice =
        "{\"project_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"volumes_bytes\":1,\"volumes_bytes\":1}";
    let problem = server.send(post("application/json", twice)).await.problem(422, "invalid");
    assert_eq!(errors(&problem), [(Some("volumes_bytes"), "duplicate_field")]);
    assert_eq!(server.app.log.head().await.unwrap(), head);
}

#[tokio::test]
async fn a_failure_among_several_says_that_some_may_be_recorded() {
    let server = Server::with_two_teams().await;
    server.app.log.close().await;
    let several = json!([measured(PROJECT, 7), measured(OTHER_PROJECT, 9)]);
    let problem = server.post(PATH, several).await.problem(503, "unavailable");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("some may be") && detail.contains("again is safe"), "{detail}");
    let problem = server.post(PATH, measured(PROJECT, 7)).await.problem(503, "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("nothing was"), "{problem}");
}
