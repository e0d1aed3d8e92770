//! Connections. Unlike `axum::serve`, a handler can have its connection closed without any answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceExt;

/// How long a client may take to send a request's headers, and how long a connection may idle between two requests.
const HEADERS: Duration = Duration::from_secs(30);
/// Connections at the same time; more wait in the kernel's queue.
const CONNECTIONS: usize = 1_024;
/// How long to wait after an accept that failed.
const SHORT_OF_SOMETHING: Duration = Duration::from_millis(100);

/// In a response's extensions: it is not sent, and the connection is closed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("closed without an answer, as wanted")]
pub(crate) struct Unanswered;

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// Serves until it is dropped, which closes every connection.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => drop(open.spawn(connection(stream, router.clone(), place))),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(SHORT_OF_SOMETHING).await;
            }
        }
        while open.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, router: Router, _place: OwnedSemaphorePermit) {
    // Answers are written whole: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let router = router.clone();
        async move {
            let response = router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
            match response.extensions().get::<Unanswered>() {
                Some(unanswered) => Err(*unanswered),
                None => Ok(response),
            }
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
