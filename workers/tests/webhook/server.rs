//! A receiver that answers what a test says, and keeps what it was sent.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// Of an endless answer, one piece.
const PIECE: [u8; 4096] = [b'x'; 4096];

/// What it answers, every time.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Status, one more header, and a page that is a secret.
    Status(u16, Option<(&'static str, String)>),
    /// Nothing, ever.
    Hang,
    /// A status, and a body that begins and never goes on.
    HangingBody(u16),
    /// A status, and a body without end.
    Endless(u16),
}

impl Reply {
    pub(crate) const fn status(status: u16) -> Self {
        Self::Status(status, None)
    }

    pub(crate) fn with(status: u16, header: &'static str, value: impl Into<String>) -> Self {
        Self::Status(status, Some((header, value.into())))
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

#[derive(Debug)]
struct Seen {
    reply: Reply,
    received: Mutex<Vec<Received>>,
    pieces: AtomicUsize,
}

pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    pub(crate) port: u16,
    seen: Arc<Seen>,
}

impl Server {
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen { reply, received: Mutex::default(), pieces: AtomicUsize::new(0) });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url: format!("http://127.0.0.1:{port}"), port, seen }
    }

    /// What it was sent so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.seen.received.lock().unwrap().clone()
    }

    /// All that it was sent: one request.
    pub(crate) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received[0].clone()
    }

    /// How many bytes of an endless answer were taken off it.
    pub(crate) fn given(&self) -> usize {
        self.seen.pieces.load(Ordering::Relaxed) * PIECE.len()
    }
}

async fn answer(State(seen): State<Arc<Seen>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    seen.received.lock().unwrap().push(Received { uri, headers, body });
    let status = |status| StatusCode::from_u16(status).unwrap();
    match seen.reply.clone() {
        Reply::Status(code, None) => (status(code), "canary-page").into_response(),
        Reply::Status(code, Some(header)) => (status(code), [header], "canary-page").into_response(),
        Reply::Hang => std::future::pending().await,
        Reply::HangingBody(code) => {
            let begun = futures::stream::once(async { Ok::<_, Infallible>("canary-page") });
            let body = Body::from_stream(futures::StreamExt::chain(begun, futures::stream::pending()));
            (status(code), body).into_response()
        }
        Reply::Endless(code) => {
            let pieces = futures::stream::repeat_with(move || {
                seen.pieces.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Bytes::from_static(&PIECE))
            });
            (status(code), Body::from_stream(pieces)).into_response()
        }
    }
}
