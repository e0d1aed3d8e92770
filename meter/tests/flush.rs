//! The flusher against a sink that fails, refuses and hangs; time is simulated.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::{
    collections::HashSet,
    convert::Infallible,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use servelink_meter::{Meter, MeterLayer, MeterOptions, MeteredBody};
use support::{Answer, Recorder, totals};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt, service_fn};

const INTERVAL: Duration = Duration::from_secs(1);

fn start(meter: &Meter, recorder: &Recorder) -> (JoinHandle<()>, CancellationToken) {
    let stop = CancellationToken::new();
    (tokio::spawn(meter.clone().run(recorder.clone(), INTERVAL, stop.clone())), stop)
}

async fn take(request: Request<MeteredBody<Full<Bytes>>>) -> Result<Response<Empty<Bytes>>, Infallible> {
    request.into_body().collect().await?;
    Ok(Response::new(Empty::new()))
}

/// One request for the key `p` whose body has this many bytes.
async fn upload(meter: &Meter, bytes: usize) {
    let layer = MeterLayer::new(|_: &http::request::Parts| Some("p".to_owned()), meter.clone());
    layer.layer(service_fn(take)).oneshot(Request::new(Full::from(vec![0; bytes]))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_not_taken_comes_again_as_it_was() {
    let meter = Meter::new(MeterOptions::default());
    let recorder = Recorder::answering([Answer::TryAgain, Answer::TryAgain, Answer::TryAgain]);
    let (flusher, stop) = start(&meter, &recorder);
    upload(&meter, 100).await;
    recorder.wait_until("tried", |recorder| recorder.attempts().len() == 1).await;
    upload(&meter, 20).await;
    recorder.wait_until("recovered", |recorder| recorder.taken().len() == 2).await;
    upload(&meter, 3).await;
    stop.cancel();
    flusher.await.unwrap();

    let attempts = recorder.attempts();
    assert!(attempts[1..4].iter().all(|again| *again == attempts[0]), "{attempts:?}");
    let ids: HashSet<_> = attempts.iter().map(|batch| &batch.batch_id).collect();
    assert_eq!((attempts.len(), ids.len()), (6, 3));
    let taken: Vec<_> = recorder.taken().iter().map(|batch| batch.samples[0].ingress_bytes).collect();
    assert_eq!(taken, [100, 20, 3]);
    assert_eq!(recorder.totals(), totals([("p", (123, 0, 3))]));
}

#[tokio::test(start_paused = true)]
async fn waits_grow_up_to_the_longest() {
    let options = MeterOptions { longest_retry: Duration::from_secs(3), ..MeterOptions::default() };
    let meter = Meter::new(options);
    let recorder = Recorder::answering([Answer::TryAgain; 5]);
    let begun = Instant::now();
    let (flusher, stop) = start(&meter, &recorder);
    upload(&meter, 1).await;
    recorder.wait_until("taken", |recorder| recorder.taken().len() == 1).await;
    let expected = INTERVAL + Duration::from_millis(500 + 1000 + 2000 + 3000 + 3000);
    let waited = begun.elapsed();
    assert!((expected..expected + Duration::from_millis(50)).contains(&waited), "{waited:?}");
    stop.cancel();
    flusher.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_does_not_hold_up_the_next() {
    let meter = Meter::new(MeterOptions::default());
    let recorder = Recorder::answering([Answer::Refuse]);
    let (flusher, stop) = start(&meter, &recorder);
    upload(&meter, 100).await;
    recorder.wait_until("refused", |recorder| recorder.attempts().len() == 1).await;
    upload(&meter, 20).await;
    recorder.wait_until("taken", |recorder| recorder.taken().len() == 1).await;
    stop.cancel();
    flusher.await.unwrap();
    assert_eq!(recorder.attempts().len(), 2);
    assert_eq!(recorder.totals(), totals([("p", (20, 0, 1))]));
}

#[tokio::test(start_paused = true)]
async fn shutdown_hands_over_the_failed_batch_and_the_rest_at_once() {
    let meter =
        Meter::new(MeterOptions { first_retry: Duration::from_secs(3600), ..MeterOptions::default() });
    let recorder = Recorder::answering([Answer::TryAgain]);
    let (flusher, stop) = start(&meter, &recorder);
    upload(&meter, 100).await;
    recorder.wait_until("tried", |recorder| recorder.attempts().len() == 1).await;
    upload(&meter, 20).await;
    let asked = Instant::now();
    stop.cancel();
    flusher.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(recorder.totals(), totals([("p", (120, 0, 2))]));
    assert_eq!(recorder.taken()[0], recorder.attempts()[0]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_has_a_time_limit_and_keeps_what_is_left() {
    let limit = Duration::from_secs(4);
    let meter = Meter::new(MeterOptions { shutdown_limit: limit, ..MeterOptions::default() });
    for down in [vec![Answer::Never], vec![Answer::TryAgain; 100]] {
        let recorder = Recorder::answering(down);
        let (flusher, stop) = start(&meter, &recorder);
        upload(&meter, 10).await;
        let asked = Instant::now();
        stop.cancel();
        flusher.await.unwrap();
        let took = asked.elapsed();
        assert!((limit..limit + Duration::from_millis(50)).contains(&took), "{took:?}");
        assert!(recorder.taken().is_empty());
    }

    let recorder = Recorder::default();
    let (flusher, stop) = start(&meter, &recorder);
    stop.cancel();
    flusher.await.unwrap();
    assert_eq!(recorder.totals(), totals([("p", (20, 0, 2))]));
}

#[tokio::test(start_paused = true)]
async fn a_flusher_that_was_aborted_is_replaced_without_loss() {
    let meter = Meter::new(MeterOptions::default());
    let hanging = Recorder::answering([Answer::Never]);
    let (flusher, _) = start(&meter, &hanging);
    upload(&meter, 100).await;
    hanging.wait_until("tried", |recorder| recorder.attempts().len() == 1).await;
    flusher.abort();
    assert!(flusher.await.unwrap_err().is_cancelled());

    let recorder = Recorder::default();
    let (flusher, stop) = start(&meter, &recorder);
    upload(&meter, 20).await;
    stop.cancel();
    flusher.await.unwrap();
    assert_eq!(recorder.taken()[0], hanging.attempts()[0]);
    assert_eq!(recorder.totals(), totals([("p", (120, 0, 2))]));
}

#[tokio::test(start_paused = true)]
async fn samples_have_the_time_of_the_drain_and_silence_makes_no_batch() {
    let (epoch, begun) = (SystemTime::UNIX_EPOCH, Instant::now());
    let meter = Meter::with_clock(MeterOptions::default(), move || epoch + begun.elapsed());
    let recorder = Recorder::default();
    let (flusher, stop) = start(&meter, &recorder);
    // Three rounds with nothing to tell.
    tokio::time::advance(INTERVAL).await;
    tokio::time::sleep(2 * INTERVAL + INTERVAL / 2).await;
    assert!(recorder.attempts().is_empty());
    upload(&meter, 1).await;
    stop.cancel();
    flusher.await.unwrap();
    assert_eq!(recorder.taken()[0].samples[0].at, epoch + begun.elapsed());
}
