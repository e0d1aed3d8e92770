//! Projects by the labels of containers, from an engine that a test plays on a socket of its own.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use support::metrics_server::{Metrics, MetricsServer};
use support::{Store, deployment, project, run, with_docker};
use tokio::net::UnixListener;

/// An old engine: it refuses addresses of every other version, and knows of no other page, as behind a socket proxy.
const API: &str = "1.41";

/// The containers that it lists; without any list it answers 500.
type Containers = Arc<Mutex<Option<Vec<Value>>>>;

async fn engine(socket: &Path) -> Containers {
    let containers = Containers::default();
    let refused = |uri: axum::http::Uri| async move {
        (StatusCode::BAD_REQUEST, Json(json!({ "message": format!("client version is too new: {uri}") })))
    };
    let app = Router::new()
        .route("/containers/json", get(list))
        .route(&format!("/v{API}/containers/json"), get(list))
        .fallback(refused)
        .with_state(Arc::clone(&containers));
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    containers
}

async fn list(State(containers): State<Containers>, Query(query): Query<Vec<(String, String)>>) -> Response {
    assert!(query.contains(&("all".into(), "true".into())), "stopped containers count too: {query:?}");
    match containers.lock().unwrap().clone() {
        Some(containers) => Json(containers).into_response(),
        None => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "message": "no" }))).into_response(),
    }
}

fn container(prefix: &str, deployed: u8, of: u8) -> Value {
    json!({ "Id": "0", "Names": ["/runner"], "State": "exited", "Labels": {
        format!("{prefix}deployment_id"): deployment(deployed).to_string(),
        format!("{prefix}project_id"): project(of).to_string(),
        "traefik.enable": "true",
    }})
}

#[tokio::test]
async fn labels_name_the_project_and_are_remembered_while_docker_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let store = Store::in_memory().await;
    store.register(&[project(1), project(2)]).await;
    let traefik = MetricsServer::start().await;
    let mut job = store.job(with_docker(&traefik.url, format!("unix://{}", socket.display())));
    let egress =
        async |byte| store.recorded().await.get(&project(byte)).map_or(0, |totals| totals.egress_bytes.get());
    let age = Duration::from_secs(3_600);
    let mut metrics = Metrics::aged(age, &[(1, 100), (2, 10)]);

    traefik.shows(&metrics);
    let report = run(&mut job).await;
    assert_eq!(
        (report.unmapped_services, report.map_troubles.len()),
        (2, 1),
        "no Docker, yet the reading is recorded"
    );

    let containers = engine(&socket).await;
    *containers.lock().unwrap() =
        Some(vec![container("devpush.", 1, 1), container("", 2, 2), json!({ "Id": "1" })]);
    let report = run(&mut job).await;
    assert_eq!((report.unmapped_services, report.map_troubles), (0, vec![]));
    assert_eq!((egress(1).await, egress(2).await), (100, 10));

    // The first container is removed; Traefik shows its last bytes. Docker fails, and a third deployment is new.
    *containers.lock().unwrap() = Some(vec![container("", 2, 2)]);
    metrics.egress = vec![(1, 150), (2, 10)];
    traefik.shows(&metrics);
    run(&mut job).await;
    assert_eq!(egress(1).await, 150);
    *containers.lock().unwrap() = None;
    metrics.egress = vec![(1, 160), (2, 20), (3, 5)];
    traefik.shows(&metrics);
    let report = run(&mut job).await;
    assert_eq!((report.unmapped_services, report.map_troubles.len()), (1, 1));
    assert_eq!((egress(1).await, egress(2).await), (160, 20));

    *containers.lock().unwrap() = Some(vec![container("devpush.", 3, 2)]);
    run(&mut job).await;
    assert_eq!(egress(2).await, 25, "what waited is counted");
}
