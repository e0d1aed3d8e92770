//! What is around every request: its id, a time limit, a net for panics, headers that keep browsers from guessing,
//! and the last touch to errors. One layer, so that their order is in one place and can be read.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tracing::Instrument;
use uuid::Uuid;

use crate::openapi;
use crate::page::{self, IsPage};
use crate::problem::{self, Kind, Problem};

/// How long an answer may take, the reading of the request's body included.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Answers are data: nothing in them is ever run, framed or fetched.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// They are somebody's, and of this moment.
const CACHING: HeaderValue = HeaderValue::from_static("no-store");
/// The documentation page is the same for all until the next version.
const PAGE_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=3600");
/// The documentation page runs its own scripts and nobody else's.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
);

/// The layer itself, for `axum::middleware::from_fn`.
pub(crate) async fn frame(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let shown = id.to_str().unwrap_or_default();
    let begun = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // The path only: a query may hold what belongs in no log, and headers hold credentials.
    let path = uri.path();
    let span = tracing::debug_span!("request", id = shown, %method, path);

    let answer = AssertUnwindSafe(next.run(request).instrument(span)).catch_unwind();
    let response = match tokio::time::timeout(TIME_LIMIT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(panic.as_ref()).into_response(),
        Err(_) => too_slow(&method).into_response(),
    };

    let mut response = problem::finish(response, shown);
    let is_documentation = openapi::is_page(path) && response.status().is_success();
    let (policy, caching) = match response.extensions().get::<IsPage>() {
        _ if is_documentation => (PAGE_POLICY, PAGE_CACHING),
        Some(IsPage) => (page::POLICY, CACHING),
        None => (POLICY, CACHING),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CACHE_CONTROL, caching);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let status = response.status().as_u16();
    tracing::debug!(id = shown, %method, path, status, took = ?begun.elapsed(), "answered");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// What was appended stays in the writer's queue when nobody waits for it any more.
fn too_slow(method: &Method) -> Problem {
    let outcome = if method.is_safe() {
        "nothing was changed"
    } else {
        "it may have been recorded all the same, and sending the same again is safe: it counts once"
    };
    let detail = format!("this took over {} seconds; {outcome}", TIME_LIMIT.as_secs());
    Problem::new(Kind::TimeLimit, detail).retry_after(5)
}

/// The caller's own id when it is one that can go into a log as it is; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
    let fit = |id: &&HeaderValue| (1..=64).contains(&id.len()) && id.as_bytes().iter().all(allowed);
    if let Some(theirs) = headers.get(REQUEST_ID).filter(fit) {
        return theirs.clone();
    }
    // The thread's own generator: `Uuid::new_v4` asks the kernel every time.
    let new = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
    // Hexadecimal digits and hyphens always fit.
    HeaderValue::from_str(new.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
        .unwrap_or(HeaderValue::from_static("-"))
}

/// The panic's own message goes into the log: it may hold anything.
fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let message = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    #[derive(Debug, thiserror::Error)]
    #[error("a handler panicked: {0}")]
    struct Panicked(String);
    Problem::internal(&Panicked(message.unwrap_or_else(|| "without a message".into())))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::{get, put};
    use http::StatusCode;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    async fn slow() {
        std::future::pending::<()>().await;
    }

    async fn faulty() {
        panic!("the secret is 42");
    }

    async fn call(path: &str, request_id: &str) -> (StatusCode, HeaderMap, Value) {
        let router = Router::new()
            .route("/slow", get(slow))
            .route("/faulty", get(faulty))
            .route("/fine", get(|| async {}))
            .layer(from_fn(frame));
        let request = Request::get(path).header(REQUEST_ID, request_id).body(Body::empty()).unwrap();
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_answers_is_given_up() {
        let (status, headers, body) = call("/slow", "a").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["type"], "/problems/time-limit");
        assert_eq!(headers["retry-after"], "5");
        assert!(body["detail"].as_str().unwrap().ends_with("nothing was changed"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_was_given_up_may_be_sent_again() {
        let router = Router::new().route("/slow", put(slow)).layer(from_fn(frame));
        let response = router.oneshot(Request::put("/slow").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let detail = serde_json::from_slice::<Value>(&body).unwrap()["detail"].to_string();
        assert!(detail.contains("may have been recorded") && detail.contains("again is safe"), "{detail}");
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing() {
        let (status, _, body) = call("/faulty", "a").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!((&body["type"], &body["instance"]), (&json!("/problems/internal"), &json!("a")));
        assert!(!body.to_string().contains("42"));
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_are_problems() {
        let (status, _, body) = call("/nowhere", "a").await;
        assert_eq!((status, &body["type"]), (StatusCode::NOT_FOUND, &json!("/problems/not-found")));
        assert_eq!(body["detail"], "there is nothing at this address");
        let router = Router::new().route("/fine", get(|| async {})).layer(from_fn(frame));
        let response = router.oneshot(Request::put("/fine").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET,HEAD");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }

    #[tokio::test]
    async fn a_request_id_is_kept_only_when_it_is_harmless() {
        assert_eq!(call("/fine", "job_7-A").await.1[REQUEST_ID], "job_7-A");
        for bad in ["", "a b", "a\tb", "../x", &"x".repeat(65)] {
            let given = call("/fine", bad).await.1[REQUEST_ID].to_str().unwrap().to_owned();
            assert!(Uuid::parse_str(&given).is_ok(), "{bad:?} gave {given}");
        }
    }

    #[tokio::test]
    async fn answers_say_that_they_are_only_data() {
        let (_, headers, _) = call("/fine", "a").await;
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    }
}
