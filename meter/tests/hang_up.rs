//! Clients that leave: what has passed by then counts, and the request does in any case.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::header::CONTENT_LENGTH,
    response::Response,
    routing::{get, post},
};
use futures::{SinkExt, StreamExt, channel::mpsc};
use http_body_util::BodyExt;
use support::{LIMIT, gateway::Gateway, read_until, totals};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    time::timeout,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nX-Project: p\r\n\r\n";

#[tokio::test]
async fn in_the_middle_of_a_streamed_response() {
    let (mut chunks, source) = mpsc::channel::<Bytes>(0);
    let source = Arc::new(Mutex::new(Some(source)));
    let taken = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&taken);
    let handler = move || {
        let source = source.lock().unwrap().take().unwrap();
        let counted = source.map(move |chunk| {
            counting.fetch_add(chunk.len() as u64, SeqCst);
            Ok::<_, std::io::Error>(chunk)
        });
        let response = Response::builder().header(CONTENT_LENGTH, 1_000_000);
        std::future::ready(response.body(Body::from_stream(counted)).unwrap())
    };
    let app = Router::new().route("/", get(handler));
    let gateway = Gateway::start(app).await;
    let mut client = gateway.connect().await;
    client.write_all(GET).await.unwrap();
    chunks.send(Bytes::from(vec![b'x'; 1000])).await.unwrap();
    read_until(&mut client, &[b'x'; 1000]).await;
    gateway.counted("p", (0, 1000, 1)).await;

    drop(client);
    let until_closed = async { while chunks.send(Bytes::from_static(b"more")).await.is_ok() {} };
    timeout(LIMIT, until_closed).await.expect("the server did not notice");

    let passed = taken.load(SeqCst);
    assert!((1000..1_000_000).contains(&passed), "{passed}");
    assert_eq!(gateway.finish().await, totals([("p", (0, passed, 1))]));
}

#[tokio::test]
async fn in_the_middle_of_a_response_held_in_memory() {
    const LENGTH: u64 = 256 * 1024 * 1024;
    let page = Bytes::from(vec![0; usize::try_from(LENGTH).unwrap()]);
    let app = Router::new().route("/", get(async move || page));
    let gateway = Gateway::start(app).await;
    let mut client = gateway.connect().await;
    client.write_all(GET).await.unwrap();
    read_until(&mut client, b"\r\n\r\n").await;
    client.read_exact(&mut [0; 5000]).await.unwrap();
    drop(client);

    let counted = gateway.finish().await["p"];
    // Beyond the 5,000 there is only what the buffers on the way hold: megabytes, on a loopback.
    assert!((5000..LENGTH / 4).contains(&counted.1), "{counted:?}");
    assert_eq!((counted.0, counted.2), (0, 1));
}

#[tokio::test]
async fn in_the_middle_of_an_upload() {
    let app =
        Router::new().route("/", post(async |request: Request| drop(request.into_body().collect().await)));
    let gateway = Gateway::start(app).await;
    let mut client = gateway.connect().await;
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nX-Project: p\r\nContent-Length: 1000\r\n\r\n")
        .await
        .unwrap();
    client.write_all(&[b'x'; 400]).await.unwrap();
    drop(client);
    gateway.counted("p", (400, 0, 1)).await;
    assert_eq!(gateway.finish().await, totals([("p", (400, 0, 1))]));
}

#[tokio::test]
async fn before_the_response() {
    let arrived = Arc::new(Notify::new());
    let arriving = Arc::clone(&arrived);
    let handler = move || async move {
        arriving.notify_one();
        std::future::pending::<()>().await;
    };
    let app = Router::new().route("/", get(handler));
    let gateway = Gateway::start(app).await;
    let mut client = gateway.connect().await;
    client.write_all(GET).await.unwrap();
    timeout(LIMIT, arrived.notified()).await.expect("the request did not arrive");
    drop(client);
    assert_eq!(gateway.finish().await, totals([("p", (0, 0, 1))]));
}
