//! Where the log ends, as far as this process has heard: the writer tells of its own commits, and a slow poll finds
//! those of others (another node, a stock cqrs-es repository).

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::log::Position;

/// How late the commit of another process may be noticed where nothing tells of it sooner.
const POLL: Duration = Duration::from_millis(250);

/// Tells waiters where the log ends. Stops polling when dropped.
pub(crate) struct HeadWatch {
    sender: watch::Sender<Position>,
    poll: AbortHandle,
}

impl HeadWatch {
    /// Reads the head once, and from then on again and again.
    pub(crate) async fn start<Read, Reading>(read: Read) -> Result<Self, sqlx::Error>
    where
        Read: Fn() -> Reading + Send + Sync + 'static,
        Reading: Future<Output = Result<Position, sqlx::Error>> + Send,
    {
        let sender = watch::Sender::new(read().await?);
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
        Ok(Self { sender, poll: poll.abort_handle() })
    }

    pub(crate) fn sender(&self) -> watch::Sender<Position> {
        self.sender.clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Position> {
        self.sender.subscribe()
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
        self.poll.abort();
    }
}
