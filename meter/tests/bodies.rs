//! What is counted of ordinary requests and responses, by a real server and hand-written requests.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
    routing::{any, get, post},
};
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use servelink_meter::MeterOptions;
use support::{body, gateway::Gateway, read_until, totals};
use tokio::io::AsyncWriteExt;

fn get_request(method: &str, path: &str, project: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\nX-Project: {project}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn bodies_of_known_size() {
    let app = Router::new().route("/", post(async |sent: Bytes| "y".repeat(sent.len() + 1345)));
    let gateway = Gateway::start(app).await;
    let head =
        "POST / HTTP/1.1\r\nHost: a\r\nX-Project: p\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n";

    let answer = gateway.exchange(&[head.as_bytes(), &[b'x'; 1000]].concat()).await;

    assert_eq!(body(&answer).len(), 2345);
    assert_eq!(gateway.finish().await, totals([("p", (1000, 2345, 1))]));
}

#[tokio::test]
async fn streams_count_both_ways_while_they_run() {
    let echo = any(async |request: Request| Body::from_stream(request.into_body().into_data_stream()));
    let gateway = Gateway::start(Router::new().route("/", echo)).await;
    let mut client = gateway.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nX-Project: p\r\nTransfer-Encoding: chunked\r\nTrailer: sum\r\n\
                Connection: close\r\n\r\n";

    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(b"a\r\n0123456789\r\n").await.unwrap();
    read_until(&mut client, b"0123456789\r\n").await;
    gateway.counted("p", (10, 10, 1)).await;

    client.write_all(format!("12c\r\n{}\r\n", "z".repeat(300)).as_bytes()).await.unwrap();
    read_until(&mut client, "z".repeat(300).as_bytes()).await;
    gateway.counted("p", (310, 310, 1)).await;

    client.write_all(b"0\r\nsum: 12345\r\n\r\n").await.unwrap();
    read_until(&mut client, b"0\r\n\r\n").await;
    assert_eq!(gateway.finish().await, totals([("p", (310, 310, 1))]));
}

#[tokio::test]
async fn trailers_of_a_response_are_not_counted() {
    let app = Router::new().route(
        "/",
        get(async || {
            let trailers =
                HeaderMap::from_iter([("sum".parse().unwrap(), HeaderValue::from_static("12345"))]);
            let frames = [Frame::data(Bytes::from_static(b"1234567")), Frame::trailers(trailers)];
            let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
            Response::builder().header("trailer", "sum").body(Body::new(body)).unwrap()
        }),
    );
    let gateway = Gateway::start(app).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Project: p\r\nTE: trailers\r\nConnection: close\r\n\r\n";

    let answer = gateway.exchange(request.as_bytes()).await;

    assert!(String::from_utf8_lossy(&answer).contains("sum: 12345"), "the trailers were sent");
    assert_eq!(gateway.finish().await, totals([("p", (0, 7, 1))]));
}

#[tokio::test]
async fn responses_that_have_no_body_on_the_wire_count_none() {
    let app = Router::new()
        .route("/page", get(async || "a page of thirty-one characters"))
        .route("/204", get(async || (StatusCode::NO_CONTENT, "never sent")))
        .route("/304", get(async || (StatusCode::NOT_MODIFIED, "never sent")));
    let gateway = Gateway::start(app).await;

    let head = gateway.exchange(get_request("HEAD", "/page", "p").as_bytes()).await;
    assert!(String::from_utf8_lossy(&head).to_lowercase().contains("content-length: 31"));
    for (method, path) in [("HEAD", "/page"), ("GET", "/204"), ("GET", "/304")] {
        let answer = gateway.exchange(get_request(method, path, "p").as_bytes()).await;
        assert!(body(&answer).is_empty(), "{method} {path}");
    }

    assert_eq!(gateway.finish().await, totals([("p", (0, 0, 4))]));
}

#[tokio::test]
async fn a_body_that_the_service_does_not_take_is_not_counted() {
    let gateway = Gateway::start(Router::new()).await;
    let head = "POST /nowhere HTTP/1.1\r\nHost: a\r\nX-Project: p\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    let answer = gateway.exchange(head.as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 404"));
    assert_eq!(gateway.finish().await, totals([("p", (0, 0, 1))]));
}

#[tokio::test]
async fn each_key_has_its_own_counts_and_no_key_has_none() {
    let app = Router::new().route("/", get(async || "0123456789"));
    let gateway = Gateway::start(app).await;
    for project in ["one", "two", "one"] {
        gateway.exchange(get_request("GET", "/", project).as_bytes()).await;
    }
    let answer = gateway.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(body(&answer), b"0123456789");

    let meter = gateway.meter.clone();
    assert_eq!(gateway.finish().await, totals([("one", (0, 20, 2)), ("two", (0, 10, 1))]));
    assert_eq!(meter.unmetered_requests(), 0, "a request without a key is not meant to be metered");
}

#[tokio::test]
async fn keys_beyond_the_bound_are_served_and_not_counted() {
    let app = Router::new().route("/", post(async |sent: Bytes| sent));
    let gateway = Gateway::start_with(MeterOptions { max_keys: 1, ..MeterOptions::default() }, app).await;
    // The first key stays in use as long as its request does.
    let mut first = gateway.connect().await;
    first
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nX-Project: one\r\nContent-Length: 2\r\nConnection: close\r\n\r\n1")
        .await
        .unwrap();
    gateway.counted("one", (1, 0, 1)).await;

    let request =
        b"POST / HTTP/1.1\r\nHost: a\r\nX-Project: two\r\nContent-Length: 3\r\nConnection: close\r\n\r\n123";
    assert_eq!(body(&gateway.exchange(request).await), b"123");
    assert_eq!(gateway.meter.unmetered_requests(), 1);

    assert_eq!(body(&support::exchange(&mut first, b"2").await), b"12");
    let meter = gateway.meter.clone();
    assert_eq!(gateway.finish().await, totals([("one", (2, 2, 1))]));
    assert_eq!(meter.unmetered_requests(), 1);
}
