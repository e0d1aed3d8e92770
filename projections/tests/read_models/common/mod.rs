//! What the tests share: stores ([`Place`]), a log made by hand ([`ScriptedLog`]), histories, and the model that
//! says what they add up to.

pub(crate) mod deliveries;
pub(crate) mod history;
pub(crate) mod model;
mod paid;
mod payments;
pub(crate) mod place;
pub(crate) mod scripted;

pub(crate) use history::{Author, random_history};
pub(crate) use model::Model;
pub(crate) use place::{Kind, Place, both};
pub(crate) use scripted::ScriptedLog;
pub(crate) use store::testing::in_time;

use std::sync::Arc;
use std::time::Duration;

use servelink_projections::{Db, Projector, ReadModels, Runner};
use store::{EventLog, Filter, Position, Recorded};
use tokio::task::JoinHandle;

/// A runner of every read model that reports to nobody.
pub(crate) fn runner(log: &Arc<dyn EventLog>, db: &Db) -> Runner {
    runner_of(log, db, servelink_projections::all())
}

pub(crate) fn runner_of(log: &Arc<dyn EventLog>, db: &Db, projectors: Vec<Arc<dyn Projector>>) -> Runner {
    Runner::new(Arc::clone(log), db.clone(), projectors, tokio::sync::watch::Sender::new(Position(0)))
}

/// A running runner, which is aborted when it is dropped.
pub(crate) struct Running(JoinHandle<()>);

impl Running {
    pub(crate) fn start(runner: Runner) -> Self {
        Self(tokio::spawn(runner.run()))
    }

    /// Aborts it wherever it is, and waits until nothing of it is left.
    pub(crate) async fn kill(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The read models of a history.
pub(crate) async fn reads(kind: Kind, author: &Author) -> (Place, ReadModels) {
    let place = Place::new(kind).await;
    let db = place.db().await;
    let log: Arc<dyn EventLog> = Arc::new(ScriptedLog::with(&author.events, 3, 1));
    runner(&log, &db).rebuild(None, &mut |_| {}).await.unwrap();
    (place, ReadModels::new(db))
}

/// Waits until every read model is at the log's head.
pub(crate) async fn until_caught_up(log: &dyn EventLog, db: &Db) {
    let head = log.head().await.unwrap();
    ReadModels::new(db.clone()).wait_for(head, Duration::from_secs(120)).await.unwrap();
}

/// Waits until this is so.
pub(crate) async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    in_time(async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// The whole log.
pub(crate) async fn all_events(log: &dyn EventLog) -> Vec<Recorded> {
    log.read_after(Position(0), usize::MAX, Filter::All).await.unwrap()
}
