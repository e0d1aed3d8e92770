//! The layer around services that need no server, and the bound on keys.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use servelink_meter::{MAX_KEY_BYTES, Meter, MeterLayer, MeterOptions, MeteredBody, by_header, by_host};
use support::{LIMIT, Recorder, totals};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt, service_fn};

/// Everything counted so far, by way of a run that only does its last flush.
async fn drained(meter: &Meter) -> Recorder {
    let (recorder, stop) = (Recorder::default(), CancellationToken::new());
    stop.cancel();
    let run = meter.clone().run(recorder.clone(), Duration::from_secs(60), stop);
    timeout(LIMIT, run).await.expect("the last flush did not end");
    recorder
}

fn request(project: &str) -> Request<Full<Bytes>> {
    Request::builder().header("x-project", project).body(Full::from("hello")).unwrap()
}

async fn echo(request: Request<MeteredBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(request.into_body().collect().await?.to_bytes())))
}

async fn fail(request: Request<MeteredBody<Full<Bytes>>>) -> io::Result<Response<Empty<Bytes>>> {
    request.into_body().collect().await.unwrap();
    Err(io::Error::other("upstream is gone"))
}

async fn pass(meter: &Meter, project: &str) {
    let layer = MeterLayer::new(by_header(HeaderName::from_static("x-project")), meter.clone());
    let response = layer.layer(service_fn(echo)).oneshot(request(project)).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
}

#[tokio::test]
async fn a_request_whose_service_fails_is_a_request() {
    let meter = Meter::new(MeterOptions::default());
    let layer = MeterLayer::new(by_host([("shop.example", "shop")]), meter.clone());
    let request = Request::builder().header("host", "shop.example").body(Full::from("hello")).unwrap();

    let error = layer.layer(service_fn(fail)).oneshot(request).await.unwrap_err();

    assert_eq!(error.to_string(), "upstream is gone");
    assert_eq!(drained(&meter).await.totals(), totals([("shop", (5, 0, 1))]));
}

#[tokio::test]
async fn a_key_of_no_further_use_makes_room_for_another() {
    let meter = Meter::new(MeterOptions { max_keys: 2, ..MeterOptions::default() });
    for project in ["one", "two", "three", "two"] {
        pass(&meter, project).await;
    }
    assert_eq!((meter.keys(), meter.unmetered_requests()), (2, 1));
    assert_eq!(drained(&meter).await.totals(), totals([("one", (5, 5, 1)), ("two", (10, 10, 2))]));

    assert_eq!(meter.keys(), 0);
    pass(&meter, "three").await;
    assert_eq!(drained(&meter).await.totals(), totals([("three", (5, 5, 1))]));
    assert_eq!(meter.unmetered_requests(), 1);
}

#[tokio::test]
async fn a_key_stays_while_something_of_it_is_open() {
    let meter = Meter::new(MeterOptions { max_keys: 1, ..MeterOptions::default() });
    let layer = MeterLayer::new(by_header(HeaderName::from_static("x-project")), meter.clone());
    let open = layer.layer(service_fn(echo)).oneshot(request("one")).await.unwrap();
    assert_eq!(drained(&meter).await.totals(), totals([("one", (5, 0, 1))]));

    pass(&meter, "two").await;
    assert_eq!((meter.keys(), meter.unmetered_requests()), (1, 1));

    open.into_body().collect().await.unwrap();
    assert_eq!(drained(&meter).await.totals(), totals([("one", (0, 5, 0))]));
    assert_eq!(meter.keys(), 0);
}

#[tokio::test]
async fn a_key_as_long_as_a_client_likes_is_not_kept() {
    let meter = Meter::new(MeterOptions::default());
    let longest = "k".repeat(MAX_KEY_BYTES);
    pass(&meter, &longest).await;
    pass(&meter, &format!("{longest}k")).await;
    assert_eq!(meter.unmetered_requests(), 1);
    assert_eq!(drained(&meter).await.totals(), totals([(&longest, (5, 5, 1))]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn drains_in_between_lose_nothing_and_double_nothing() {
    const TASKS: u64 = 4;
    const EACH: u64 = 3000;
    let meter = Meter::new(MeterOptions::default());
    let (recorder, stop) = (Recorder::default(), CancellationToken::new());
    let flusher = tokio::spawn(meter.clone().run(recorder.clone(), Duration::ZERO, stop.clone()));
    let clients: Vec<_> = (0..TASKS)
        .map(|_| {
            let meter = meter.clone();
            tokio::spawn(async move {
                for turn in 0..EACH {
                    pass(&meter, ["one", "two", "three"][usize::try_from(turn % 3).unwrap()]).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    stop.cancel();
    timeout(LIMIT, flusher).await.expect("the flusher goes on").unwrap();

    let each = TASKS * EACH / 3;
    let expected = ["one", "two", "three"].map(|key| (key, (5 * each, 5 * each, each)));
    assert_eq!(recorder.totals(), totals(expected));
    assert!(recorder.taken().len() > 1, "there was no drain in between");
}
