//! An engine that the test plays: it says what it is told to say, in the shapes of engine 20.10.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::ProjectId;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A container.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) mode: &'static str,
    pub(crate) started_at: &'static str,
    pub(crate) running: bool,
    /// Bytes in and out by interface.
    pub(crate) interfaces: Vec<(&'static str, u64, u64)>,
    /// What is answered instead of its counters.
    pub(crate) fault: Option<Fault>,
    /// How often its counters were asked for.
    pub(crate) asked: usize,
    /// What it is as soon as its counters have been told.
    pub(crate) then: Option<Box<Container>>,
}

/// What is answered instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Status(u16),
    Silence,
}

#[derive(Default)]
struct Shown {
    containers: BTreeMap<String, Container>,
    list_fault: Option<Fault>,
    events_fault: Option<Fault>,
    /// Whoever follows events.
    followers: Vec<mpsc::UnboundedSender<String>>,
    /// How often events were asked for.
    follows: usize,
}

pub(crate) struct Fake {
    pub(crate) host: String,
    shown: Arc<Mutex<Shown>>,
    server: JoinHandle<()>,
}

impl Container {
    /// One that runs, with one interface.
    pub(crate) fn of(project: ProjectId, bytes_in: u64, bytes_out: u64) -> Self {
        Self {
            labels: vec![("devpush.project_id", project.to_string())],
            mode: "devpush_runner",
            started_at: "2026-11-20T08:00:00.123456789Z",
            running: true,
            interfaces: vec![("eth0", bytes_in, bytes_out)],
            fault: None,
            asked: 0,
            then: None,
        }
    }

    /// The same, started anew.
    pub(crate) fn again(&self, started_at: &'static str, bytes_in: u64, bytes_out: u64) -> Self {
        Self { started_at, interfaces: vec![("eth0", bytes_in, bytes_out)], ..self.clone() }
    }

    fn summary(&self, id: &str) -> Value {
        let labels: HashMap<_, _> = self.labels.iter().cloned().collect();
        json!({ "Id": id, "Names": ["/runner"], "State": "running", "Labels": labels,
            "HostConfig": { "NetworkMode": self.mode } })
    }

    fn stats(&self) -> Value {
        if !self.running {
            return json!({ "read": "0001-01-01T00:00:00Z", "pids_stats": {}, "networks": null });
        }
        let interfaces = self.interfaces.iter().map(|(name, bytes_in, bytes_out)| {
            let counted =
                json!({ "rx_bytes": bytes_in, "rx_packets": 9, "tx_bytes": bytes_out, "tx_packets": 9 });
            ((*name).to_owned(), counted)
        });
        let networks: serde_json::Map<_, _> = interfaces.collect();
        let mut stats = json!({ "read": "2026-11-24T12:00:00.5Z", "memory_stats": { "limit": u64::MAX } });
        if !networks.is_empty() {
            stats["networks"] = networks.into();
        }
        stats
    }
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let shown = Arc::<Mutex<Shown>>::default();
        let app = Router::new()
            .route("/containers/json", get(list))
            .route("/containers/{id}/json", get(inspect))
            .route("/containers/{id}/stats", get(stats))
            .route("/events", get(events))
            .with_state(Arc::clone(&shown));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { host, shown, server }
    }

    /// From now on it does not answer.
    pub(crate) async fn kill(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
    }

    /// It has this container now.
    pub(crate) fn has(&self, id: &str, container: Container) {
        self.shown.lock().unwrap().containers.insert(long(id), container);
    }

    /// This container is gone.
    pub(crate) fn remove(&self, id: &str) {
        self.shown.lock().unwrap().containers.remove(&long(id)).unwrap();
    }

    /// Changes a container.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Container)) {
        change(self.shown.lock().unwrap().containers.get_mut(&long(id)).unwrap());
    }

    pub(crate) fn asked(&self, id: &str) -> usize {
        self.shown.lock().unwrap().containers[&long(id)].asked
    }

    pub(crate) fn list_fault(&self, fault: Option<Fault>) {
        self.shown.lock().unwrap().list_fault = fault;
    }

    /// What is answered instead of events from now on; streams that are there end.
    pub(crate) fn events_fault(&self, fault: Option<Fault>) {
        let mut shown = self.shown.lock().unwrap();
        shown.events_fault = fault;
        shown.followers.clear();
    }

    /// How often events were asked for.
    pub(crate) fn follows(&self) -> usize {
        self.shown.lock().unwrap().follows
    }

    /// Whether somebody follows events now.
    pub(crate) fn is_followed(&self) -> bool {
        !self.shown.lock().unwrap().followers.is_empty()
    }

    /// Tells of a signal to this container.
    pub(crate) fn signal(&self, id: &str) {
        let shown = self.shown.lock().unwrap();
        let mut attributes: HashMap<_, _> = shown.containers[&long(id)].labels.iter().cloned().collect();
        attributes.insert("signal", "15".into());
        let event = json!({ "status": "kill", "id": long(id), "Type": "container", "Action": "kill",
            "Actor": { "ID": long(id), "Attributes": attributes }, "scope": "local", "time": 1 });
        for follower in &shown.followers {
            // In two pieces, as they may come.
            let text = format!("{event}\n");
            let (one, other) = text.split_at(20);
            follower.send(one.into()).unwrap();
            follower.send(other.into()).unwrap();
        }
    }
}

/// Names of containers are 64 characters long, and the first 12 tell them apart.
fn long(id: &str) -> String {
    format!("{id:0<64}")
}

async fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Status(status) => {
            (StatusCode::from_u16(status).unwrap(), "<html><body>403 Forbidden</body></html>").into_response()
        }
        Fault::Silence => std::future::pending().await,
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "message": "No such container" }))).into_response()
}

async fn list(State(shown): State<Arc<Mutex<Shown>>>) -> Response {
    let (instead, containers) = {
        let shown = shown.lock().unwrap();
        let running = shown.containers.iter().filter(|(_, container)| container.running);
        let containers: Vec<_> = running.map(|(id, container)| container.summary(id)).collect();
        (shown.list_fault, containers)
    };
    match instead {
        Some(instead) => fault(instead).await,
        None => Json(containers).into_response(),
    }
}

async fn inspect(State(shown): State<Arc<Mutex<Shown>>>, Path(id): Path<String>) -> Response {
    match shown.lock().unwrap().containers.get(&id) {
        Some(container) => {
            let state = json!({ "Running": container.running, "StartedAt": container.started_at });
            Json(json!({ "Id": id, "State": state })).into_response()
        }
        None => missing(),
    }
}

async fn stats(
    State(shown): State<Arc<Mutex<Shown>>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    assert_eq!((query["stream"].as_str(), query["one-shot"].as_str()), ("false", "true"));
    let (instead, stats) = {
        let mut shown = shown.lock().unwrap();
        let Some(container) = shown.containers.get_mut(&id) else { return missing() };
        container.asked += 1;
        let told = (container.fault, container.stats());
        if let Some(then) = container.then.take() {
            *container = Container { asked: container.asked, ..*then };
        }
        told
    };
    match instead {
        Some(instead) => fault(instead).await,
        None => Json(stats).into_response(),
    }
}

async fn events(
    State(shown): State<Arc<Mutex<Shown>>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    assert_eq!(query["filters"], r#"{"type":["container"],"event":["kill"]}"#);
    let (sender, receiver) = mpsc::unbounded_channel();
    let instead = {
        let mut shown = shown.lock().unwrap();
        shown.follows += 1;
        if shown.events_fault.is_none() {
            shown.followers.push(sender);
        }
        shown.events_fault
    };
    match instead {
        Some(instead) => fault(instead).await,
        None => {
            let pieces = futures::stream::unfold(receiver, async |mut receiver| {
                let piece = receiver.recv().await?;
                Some((Ok::<_, std::convert::Infallible>(piece), receiver))
            });
            axum::body::Body::from_stream(pieces).into_response()
        }
    }
}
