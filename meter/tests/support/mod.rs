//! What the tests share: a sink that remembers, a gateway on a free port, and a client that writes bytes by hand.

#![allow(dead_code)] // each test file uses a part

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use servelink_meter::{MeteredBatch, Sink, SinkError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    time::timeout,
};

#[cfg(feature = "axum")]
pub(crate) mod gateway;
#[cfg(feature = "ingest")]
pub(crate) mod servelink;

/// How long a test waits for what must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Ingress bytes, egress bytes and requests.
pub(crate) type Total = (u64, u64, u64);

/// What the sink shall answer next; when nothing is left, `Take`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Take,
    TryAgain,
    Refuse,
    Never,
}

/// A sink in memory: remembers every attempt, and which of them it took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<VecDeque<Answer>>,
    attempts: Mutex<Vec<MeteredBatch>>,
    taken: Mutex<Vec<MeteredBatch>>,
    changed: Notify,
}

impl Sink for Recorder {
    async fn record(&self, batch: &MeteredBatch) -> Result<(), SinkError> {
        let answer = self.shared.answers.lock().unwrap().pop_front().unwrap_or(Answer::Take);
        self.shared.attempts.lock().unwrap().push(batch.clone());
        self.shared.changed.notify_waiters();
        match answer {
            Answer::Take => {
                self.shared.taken.lock().unwrap().push(batch.clone());
                self.shared.changed.notify_waiters();
                Ok(())
            }
            Answer::TryAgain => Err(SinkError::unavailable("down")),
            Answer::Refuse => Err(SinkError::refused("unknown project")),
            Answer::Never => std::future::pending().await,
        }
    }
}

impl Recorder {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let recorder = Self::default();
        recorder.shared.answers.lock().unwrap().extend(answers);
        recorder
    }

    pub(crate) fn attempts(&self) -> Vec<MeteredBatch> {
        self.shared.attempts.lock().unwrap().clone()
    }

    pub(crate) fn taken(&self) -> Vec<MeteredBatch> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// What was taken, added up per key.
    pub(crate) fn totals(&self) -> BTreeMap<String, Total> {
        let mut totals = BTreeMap::<String, Total>::new();
        for sample in self.taken().iter().flat_map(|batch| &batch.samples) {
            let total = totals.entry(sample.key.to_string()).or_default();
            total.0 += sample.ingress_bytes;
            total.1 += sample.egress_bytes;
            total.2 += sample.requests;
        }
        totals
    }

    pub(crate) async fn wait_until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                if reached(self) {
                    return;
                }
                changed.await;
            }
        };
        if timeout(LIMIT, wait).await.is_err() {
            panic!("never {what}; attempts {:?}, taken {:?}", self.attempts(), self.totals());
        }
    }
}

/// Totals as the recorder gives them, to compare with.
pub(crate) fn totals<const N: usize>(totals: [(&str, Total); N]) -> BTreeMap<String, Total> {
    totals.into_iter().map(|(key, total)| (key.to_owned(), total)).collect()
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request).await?;
        stream.read_to_end(&mut answer).await
    };
    timeout(LIMIT, exchange).await.expect("the server did not close").unwrap();
    answer
}

/// Reads up to and including `end`, and not a byte more.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        while !read.ends_with(end) {
            read.push(stream.read_u8().await.unwrap());
        }
    };
    if timeout(LIMIT, reading).await.is_err() {
        panic!("{:?} did not come after {:?}", String::from_utf8_lossy(end), String::from_utf8_lossy(&read));
    }
    read
}

/// The response's body, where it is not chunked.
pub(crate) fn body(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").expect("a head");
    &answer[end + 4..]
}
