//! The one task of a node that appends: it drains a bounded queue, locks the head, checks every request against what
//! is recorded, inserts with set-based statements, commits once, and answers every waiter.
//!
//! What is the same for all backends lives here; a backend only knows its statements (`backend.rs`). The verdict
//! over each request is a pure function (`plan.rs`) of what the backend looked up and of what this node remembers
//! from its own commits (`tail.rs`).

mod backend;
mod plan;
mod tail;

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) use backend::{Backend, BackendError, KeyRow, Row};
use plan::Plan;
use tail::Tail;

use crate::log::{Append, AppendError, Appended, Position};

/// Requests that may wait. Beyond it a request is told to come back, so that memory stays bounded.
const QUEUE: usize = 4_096;
/// Requests that one transaction takes at most.
const GROUP: usize = 1_024;
/// How long one transaction may take. A store that is silent for longer is taken for gone.
const TIME_LIMIT: Duration = Duration::from_secs(30);

type Answer = Result<Appended, AppendError>;

struct Waiting {
    append: Append,
    answer: oneshot::Sender<Answer>,
}

/// A handle on the writer's task.
pub(crate) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the task. It tells `head` of every commit.
    pub(crate) fn start(backend: impl Backend, head: watch::Sender<Position>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(backend, receiver, head));
        Self { queue: Mutex::new(Some(sender)), task: tokio::sync::Mutex::new(Some(task)) }
    }

    pub(crate) async fn append(&self, append: Append) -> Answer {
        let queue = self.queue.lock().map_err(|_| AppendError::Closed)?.clone().ok_or(AppendError::Closed)?;
        let (answer, answered) = oneshot::channel();
        queue.try_send(Waiting { append, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AppendError::Busy,
            mpsc::error::TrySendError::Closed(_) => AppendError::Closed,
        })?;
        drop(queue);
        // The task answers whatever it takes: if it did not, nobody knows how far it came.
        answered.await.unwrap_or_else(|_| Err(AppendError::Uncertain("the writer ended abnormally".into())))
    }

    /// Takes no more, finishes what waits.
    pub(crate) async fn close(&self) {
        if let Ok(mut queue) = self.queue.lock() {
            queue.take();
        }
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the event log's writer ended abnormally");
        }
    }
}

async fn run(mut backend: impl Backend, mut queue: mpsc::Receiver<Waiting>, head: watch::Sender<Position>) {
    let mut tail = Tail::default();
    let mut waiting = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut waiting, GROUP).await > 0 {
        let (appends, answers): (Vec<_>, Vec<_>) =
            waiting.drain(..).map(|waiting| (waiting.append, waiting.answer)).unzip();
        let committed = tokio::time::timeout(TIME_LIMIT, commit(&mut backend, &mut tail, &appends)).await;
        let committed =
            committed.unwrap_or_else(|_| Err(AppendError::Uncertain(BackendError::TimedOut.to_string())));
        let verdicts = match committed {
            Ok(verdicts) => {
                crate::head::advance(&head, tail.head());
                verdicts
            }
            Err(error) => {
                tracing::error!(%error, requests = appends.len(), "the event log's store refused a commit");
                backend.abandon().await;
                tail = Tail::default();
                appends.iter().map(|_| Err(error.clone())).collect()
            }
        };
        for (answer, verdict) in answers.into_iter().zip(verdicts) {
            // Whoever has gone away asks again with the same id and gets the same answer.
            let _ = answer.send(verdict);
        }
    }
    backend.abandon().await;
}

/// One transaction for the whole group. An error says that the store failed, for all of them alike.
async fn commit(
    backend: &mut impl Backend,
    tail: &mut Tail,
    appends: &[Append],
) -> Result<Vec<Answer>, AppendError> {
    let unavailable = |error: BackendError| AppendError::Unavailable(error.to_string());
    let head = backend.begin().await.map_err(unavailable)?;
    if head != tail.head() {
        let recent = match tail.can_follow(head) {
            true => Some(backend.types_after(tail.head()).await.map_err(unavailable)?),
            false => None,
        };
        tail.others_appended(head, recent);
    }
    let keys: Vec<_> = appends.iter().flat_map(|append| append.keys.iter().map(|key| key.id)).collect();
    let recorded = backend.key_records(&keys).await.map_err(unavailable)?;
    let unknown = tail.unknown_streams(appends);
    if !unknown.is_empty() {
        let sequences = backend.sequences(&unknown).await.map_err(unavailable)?;
        tail.learn(&unknown, sequences);
    }

    let Plan { verdicts, rows, keys, tail: draft } = plan::plan(appends, tail, recorded);
    if rows.is_empty() && keys.is_empty() {
        backend.rollback().await.map_err(unavailable)?;
    } else {
        backend.insert(&rows, &keys, draft.head()).await.map_err(unavailable)?;
        backend.commit().await.map_err(|error| AppendError::Uncertain(error.to_string()))?;
        let memory = draft.into_memory();
        tail.remember(memory);
    }
    Ok(verdicts)
}

#[cfg(test)]
mod tests;
