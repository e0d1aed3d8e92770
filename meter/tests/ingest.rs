//! From a real server by way of the ingestion into an event log: what clients sent and received, once each.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, Once, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{Router, body::Bytes, routing::post};
use servelink_meter::{
    Meter, MeterOptions, MeteredBatch, MeteredSample, Sink, SinkError, ingest::IngestSink,
};
use store::{
    memory::{MemoryDisk, MemoryLog},
    sqlite::SqliteLog,
};
use support::{LIMIT, Total, body, gateway::Server, servelink::Servelink, totals};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

const SHOP: &str = "0123456789abcdef0123456789abcdef";
const BLOG: &str = "fedcba9876543210fedcba9876543210";
const INTERVAL: Duration = Duration::from_millis(5);

/// Answers with twice what it was sent, and one byte more.
fn app() -> Router {
    Router::new().route("/", post(async |sent: Bytes| "y".repeat(sent.len() * 2 + 1)))
}

/// A client, and what it has sent and received.
#[derive(Default)]
struct Client {
    totals: BTreeMap<String, Total>,
}

impl Client {
    async fn upload(&mut self, server: &Server, project: &str, bytes: usize) {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nX-Project: {project}\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n"
        );
        let answer = server.exchange(&[head.as_bytes(), &vec![b'x'; bytes]].concat()).await;
        assert!(answer.starts_with(b"HTTP/1.1 200"), "the gateway serves whatever the store does");
        let total = self.totals.entry(project.to_owned()).or_default();
        total.0 += bytes as u64;
        total.1 += body(&answer).len() as u64;
        total.2 += 1;
    }
}

fn flush(meter: &Meter, sink: impl Sink + 'static) -> (JoinHandle<()>, CancellationToken) {
    let stop = CancellationToken::new();
    (tokio::spawn(meter.clone().run(sink, INTERVAL, stop.clone())), stop)
}

async fn end((flusher, stop): (JoinHandle<()>, CancellationToken)) {
    stop.cancel();
    timeout(LIMIT, flusher).await.expect("the flusher goes on").unwrap();
}

#[tokio::test]
async fn what_clients_sent_and_received_is_recorded() {
    let servelink = Servelink::start(MemoryLog::open(&MemoryDisk::default())).await;
    servelink.register(&[SHOP, BLOG]).await;
    let meter = Meter::new(MeterOptions::default());
    let flusher = flush(&meter, servelink.sink());
    let server = Server::start(app(), &meter).await;

    let mut client = Client::default();
    for bytes in [1000, 0, 70_000] {
        client.upload(&server, SHOP, bytes).await;
        client.upload(&server, BLOG, bytes + 1).await;
    }
    server.finish().await;
    end(flusher).await;

    assert_eq!(client.totals[SHOP], (71_000, 142_003, 3));
    assert_eq!(servelink.totals().await, client.totals);
    servelink.close().await;
}

/// Hands on, and tells the test whether it went well; the meter hears of failures only.
struct LosesAnswers {
    sink: IngestSink,
    recorded: mpsc::UnboundedSender<bool>,
}

impl Sink for LosesAnswers {
    async fn record(&self, batch: &MeteredBatch) -> Result<(), SinkError> {
        let answer = self.sink.record(batch).await;
        assert!(!matches!(answer, Err(SinkError::Refused(_))), "{answer:?}");
        let _ = self.recorded.send(answer.is_ok());
        Err(SinkError::unavailable("the answer got lost"))
    }
}

#[tokio::test]
async fn a_store_that_is_closed_and_opened_again_loses_nothing_and_counts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.sqlite");
    let servelink = Servelink::start(SqliteLog::open(&file).await.unwrap()).await;
    servelink.register(&[SHOP, BLOG]).await;
    let meter = Meter::new(MeterOptions {
        first_retry: INTERVAL,
        longest_retry: INTERVAL,
        ..MeterOptions::default()
    });
    let (recorded, mut answers) = mpsc::unbounded_channel();
    let sink = LosesAnswers { sink: servelink.sink(), recorded };
    let (flusher, _) = flush(&meter, sink);
    let server = Server::start(app(), &meter).await;
    let mut client = Client::default();

    // Recorded, and again and again: the meter never hears of it.
    client.upload(&server, SHOP, 1000).await;
    let mut answer = async || timeout(LIMIT, answers.recv()).await.unwrap().unwrap();
    for _ in 0..3 {
        assert!(answer().await, "recorded, and then known as a repetition");
    }
    client.upload(&server, BLOG, 300).await;
    let before = servelink.totals().await;
    servelink.close().await;
    while answer().await {}
    client.upload(&server, SHOP, 20).await;
    assert!(!answer().await, "a closed store takes nothing");
    flusher.abort();
    assert!(flusher.await.unwrap_err().is_cancelled());

    let servelink = Servelink::start(SqliteLog::open(&file).await.unwrap()).await;
    assert_eq!(servelink.totals().await, before);
    let flusher = flush(&meter, servelink.sink());
    client.upload(&server, BLOG, 4).await;
    server.finish().await;
    end(flusher).await;

    assert!(before.values().all(|total| total.2 == 1) && before.contains_key(SHOP), "{before:?}");
    assert_eq!(client.totals[SHOP], (1020, 2042, 2));
    assert_eq!(servelink.totals().await, client.totals);
    servelink.close().await;
}

#[tokio::test]
async fn a_key_that_is_no_registered_project_is_logged_and_keeps_no_other_from_being_recorded() {
    let unknown = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    listen();
    let servelink = Servelink::start(MemoryLog::open(&MemoryDisk::default())).await;
    servelink.register(&[SHOP]).await;
    let meter = Meter::new(MeterOptions::default());
    let server = Server::start(app(), &meter).await;
    let mut client = Client::default();
    for (project, bytes) in [(SHOP, 10), ("not-a-project", 21), (unknown, 32)] {
        client.upload(&server, project, bytes).await;
    }
    server.finish().await;
    // One batch holds all three.
    end(flush(&meter, servelink.sink())).await;

    assert_eq!(servelink.totals().await, totals([(SHOP, (10, 21, 1))]));
    let no_id = logged("project=not-a-project");
    for part in ["32 lower-case hexadecimal", "ingress_bytes=21", "egress_bytes=43", "requests=1"] {
        assert!(no_id.contains(part), "{part}: {no_id}");
    }
    let line = logged(&format!("project={unknown}"));
    for part in ["UnknownProject", "is registered", "ingress_bytes=32", "egress_bytes=65"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    servelink.close().await;
}

fn sample(key: &str, at: SystemTime) -> MeteredSample {
    MeteredSample { key: key.into(), ingress_bytes: 1, egress_bytes: 2, requests: 1, at }
}

fn batch<const N: usize>(id: &str, samples: [MeteredSample; N]) -> MeteredBatch {
    MeteredBatch { batch_id: id.to_owned(), samples: samples.into() }
}

#[tokio::test]
async fn samples_that_cannot_be_held_are_rejected_for_good() {
    listen();
    let servelink = Servelink::start(MemoryLog::open(&MemoryDisk::default())).await;
    servelink.register(&[SHOP]).await;
    let head = servelink.log.head().await.unwrap();
    let now = SystemTime::now();
    let (too_large, second) = (1_u64 << 63, Duration::from_secs(1));
    let bad = [
        sample(SHOP, SystemTime::UNIX_EPOCH - second),
        sample(SHOP, SystemTime::UNIX_EPOCH + second * 1_000_000_000 * 10_000),
        MeteredSample { ingress_bytes: too_large, ..sample(SHOP, now) },
        MeteredSample { egress_bytes: too_large, ..sample(SHOP, now) },
        MeteredSample { requests: too_large, ..sample(SHOP, now) },
    ];
    servelink.sink().record(&batch("bad", bad)).await.unwrap();

    assert_eq!(servelink.log.head().await.unwrap(), head, "nothing is recorded");
    let lines = logged("batch_id=bad");
    assert_eq!(lines.lines().count(), 5, "{lines}");
    for reason in ["reason=at: ", "reason=ingress_bytes: ", "reason=egress_bytes: ", "reason=requests: "] {
        assert!(lines.contains(reason), "{reason}: {lines}");
    }
    servelink.close().await;
}

#[tokio::test]
async fn an_id_with_other_samples_is_refused_and_with_the_same_it_is_fine() {
    let servelink = Servelink::start(MemoryLog::open(&MemoryDisk::default())).await;
    servelink.register(&[SHOP, BLOG]).await;
    let (sink, now) = (servelink.sink(), SystemTime::now());
    for _ in 0..2 {
        sink.record(&batch("one", [sample(SHOP, now)])).await.unwrap();
    }
    let answer = sink.record(&batch("one", [sample(BLOG, now)])).await;
    assert!(matches!(answer, Err(SinkError::Refused(_))), "{answer:?}");
    assert_eq!(servelink.totals().await, totals([(SHOP, (1, 2, 1))]));
    servelink.close().await;
}

#[tokio::test]
async fn an_ingestion_that_is_closed_may_be_asked_again() {
    let servelink = Servelink::start(MemoryLog::open(&MemoryDisk::default())).await;
    servelink.register(&[SHOP]).await;
    let sink = servelink.sink();
    servelink.close().await;
    let answer = sink.record(&batch("one", [sample(SHOP, SystemTime::now())])).await;
    assert!(matches!(answer, Err(SinkError::Unavailable(_))), "{answer:?}");
}

/// What all tests of this process log: a subscriber of one thread would miss lines that another thread met first.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log).init());
}

/// The lines that contain this; there must be some.
fn logged(part: &str) -> String {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = String::from_utf8_lossy(&log);
    let found: Vec<&str> = lines.lines().filter(|line| line.contains(part)).collect();
    assert!(!found.is_empty(), "{part} is not in:\n{lines}");
    found.join("\n")
}
