//! Where the log ends, as far as this process has heard: the writer tells of its own commits, and a slow poll finds
//! those of others (another node, a stock cqrs-es repository).

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::log::Position;

/// How late the commit of another process may be noticed where nothing tells of it sooner.
const POLL: Duration = Duration::from_millis(250);

/// Tells waiters where the log ends. Once the log is closed (or dropped) nobody is left who could tell, and waiters
/// hear that too: their receiver is at its end.
pub(crate) struct HeadWatch {
    receiver: watch::Receiver<Position>,
    poll: AbortHandle,
}

impl HeadWatch {
    /// Polls from now on. The sender is for whoever hears of appends sooner; it must not outlive the open log.
    pub(crate) fn start<Read, Reading, Failure>(head: Position, read: Read) -> (Self, watch::Sender<Position>)
    where
        Read: Fn() -> Reading + Send + Sync + 'static,
        Reading: Future<Output = Result<Position, Failure>> + Send,
        Failure: fmt::Display + Send,
    {
        let (sender, receiver) = watch::channel(head);
        let told = sender.clone();
        let poll = tokio::spawn(async move {
            loop {
                tokio::time::sleep(POLL).await;
                match read().await {
                    Ok(head) => advance(&told, head),
                    Err(error) => tracing::warn!(%error, "cannot read the event log's head"),
                }
            }
        });
        (Self { receiver, poll: poll.abort_handle() }, sender)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Position> {
        let mut receiver = self.receiver.clone();
        receiver.mark_unchanged();
        receiver
    }

    /// Stops polling.
    pub(crate) fn stop(&self) {
        self.poll.abort();
    }
}

/// Tells of a head that is further than the one told before.
pub(crate) fn advance(sender: &watch::Sender<Position>, head: Position) {
    sender.send_if_modified(|told| {
        let further = *told < head;
        *told = head.max(*told);
        further
    });
}

impl Drop for HeadWatch {
    fn drop(&mut self) {
        self.stop();
    }
}
