//! Servelink's part: it receives callbacks, and takes or refuses them as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::rig::PATIENCE;

/// A callback as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    received: watch::Receiver<Vec<Received>>,
    server: AbortHandle,
}

#[derive(Clone)]
struct Desk {
    received: Arc<watch::Sender<Vec<Received>>>,
    /// What is answered next; 200 when nothing is left.
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn status(&self) -> String {
        self.json()["status"].as_str().unwrap().to_owned()
    }
}

impl Receiver {
    /// Answers with these statuses first, then with 200.
    pub(crate) async fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/payments/callback", listener.local_addr().unwrap());
        let (sender, received) = watch::channel(vec![]);
        let desk = Desk {
            received: Arc::new(sender),
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
        };
        let router = Router::new()
            .route("/api/payments/callback", post(receive))
            .route("/elsewhere", any(|| async { "Whoever follows a redirection has delivered nothing." }))
            .with_state(desk);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }).abort_handle();
        Self { url, received, server }
    }

    /// What has arrived when there are this many.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Received> {
        let mut received = self.received.clone();
        let enough = timeout(PATIENCE, received.wait_for(|received| received.len() >= count)).await;
        match enough {
            Ok(enough) => enough.unwrap().clone(),
            Err(_) => panic!("only {:?} instead of {count}", self.so_far()),
        }
    }

    pub(crate) fn so_far(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// The statuses told, when there are this many.
    pub(crate) async fn statuses(&self, count: usize) -> Vec<String> {
        self.wait(count).await.iter().map(Received::status).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = desk.answers.lock().unwrap().pop_front().unwrap_or(200);
    desk.received.send_modify(|received| received.push(Received { headers, body }));
    // A place to go for the statuses that redirect.
    (StatusCode::from_u16(answer).unwrap(), [("location", "/elsewhere")]).into_response()
}
