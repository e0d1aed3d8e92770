//! Follows Docker's events: a container that is sent a signal may end, and its counters with it. It is looked at at once
//! and again every second until it has ended, and what was seen last is kept for the next turn.
//!
//! Of a container that ends by itself, or is killed outright, only what the turns see is counted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::ProjectId;
use reqwest::Response;
use serde::Deserialize;
use store::Clock;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

use super::engine::{EVENTS, Engine, EngineError, broken};
use super::seen::Seen;
use super::sight::Sight;
use crate::docker::labelled;
use crate::trouble::{Trouble, in_one_line};

/// For how long a container that was sent a signal is looked at. Docker itself gives it ten seconds to end.
const FOLLOWED: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// As many containers as are followed at the same time; more are left to the turns.
const MAX_FOLLOWED: usize = 256;

/// When the stream of events has ended, it is asked for again after this long, then after twice as long and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A stream that has lasted this long was a good one.
const GOOD: Duration = Duration::from_secs(10);

/// The longest event, in bytes: it holds all labels of a container.
const LONGEST_EVENT: usize = 1 << 20;

/// What follows events until it is dropped.
pub(super) struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    pub(super) fn start(
        engine: Arc<Engine>,
        labels: Vec<String>,
        seen: Arc<Seen>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (followed, ids, begun) = (JoinSet::new(), HashSet::new(), Vec::new());
        let follower = Follower { engine, labels, seen, clock, followed, ids, begun };
        Self(tokio::spawn(follower.run()).abort_handle())
    }
}

/// Why a stream of events has ended.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("Docker's {EVENTS} has an event of over {LONGEST_EVENT} bytes")]
    TooLong,
}

/// What happened to a container.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    action: String,
    actor: Actor,
}

#[derive(Debug, Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    /// Labels are among them.
    #[serde(rename = "Attributes", default)]
    attributes: HashMap<String, String>,
}

struct Follower {
    engine: Arc<Engine>,
    labels: Vec<String>,
    seen: Arc<Seen>,
    clock: Arc<dyn Clock>,
    followed: JoinSet<String>,
    /// Those in `followed`.
    ids: HashSet<String>,
    /// Of an event whose end has not come yet.
    begun: Vec<u8>,
}

impl Follower {
    async fn run(mut self) {
        let mut trouble = Trouble::new("Docker's events");
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            let ended = self.once(&mut trouble).await.err().map(|error| in_one_line(&error));
            if begun.elapsed() < GOOD {
                self.seen.set_events_trouble(ended.clone());
                if ended.is_some() {
                    trouble.note(ended);
                }
            } else {
                // Proxies end a stream on which nothing happens for a while. Should the engine be gone, the next try
                // tells it.
                pause = FIRST_PAUSE;
            }
            let again = Instant::now() + pause;
            while timeout_at(again, self.one_done()).await.is_ok() {}
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Until the stream ends. Only one that lasts ends a trouble: else each try of many would be told.
    async fn once(&mut self, trouble: &mut Trouble) -> Result<(), StreamError> {
        self.begun.clear();
        let mut stream = self.engine.kills().await?;
        self.seen.set_events_trouble(None);
        if let Ok(ended) = timeout_at(Instant::now() + GOOD, self.events(&mut stream)).await {
            return ended;
        }
        trouble.note(None);
        self.events(&mut stream).await
    }

    async fn events(&mut self, stream: &mut Response) -> Result<(), StreamError> {
        loop {
            let chunk = tokio::select! {
                chunk = stream.chunk() => chunk.map_err(|error| broken(EVENTS, error))?,
                () = self.one_done() => continue,
            };
            let Some(chunk) = chunk else { return Ok(()) };
            self.begun.extend_from_slice(&chunk);
            while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                if let Some((id, project)) = killed(&line, &self.labels) {
                    self.follow(id, project);
                }
            }
            if self.begun.len() > LONGEST_EVENT {
                return Err(StreamError::TooLong);
            }
        }
    }

    fn follow(&mut self, id: String, project: ProjectId) {
        if self.followed.len() >= MAX_FOLLOWED || !self.ids.insert(id.clone()) {
            return;
        }
        let (engine, seen, clock) =
            (Arc::clone(&self.engine), Arc::clone(&self.seen), Arc::clone(&self.clock));
        self.followed.spawn(async move {
            to_its_end(&engine, &seen, &*clock, &id, project).await;
            id
        });
    }

    /// Until one of the followed is done; for ever while there is none.
    async fn one_done(&mut self) {
        match self.followed.join_next().await {
            Some(Ok(id)) => {
                self.ids.remove(&id);
            }
            Some(Err(error)) => tracing::error!(%error, "following a container ended abnormally"),
            None => std::future::pending().await,
        }
    }
}

/// The container of a project that this event is about, when it was sent a signal.
fn killed(line: &[u8], labels: &[String]) -> Option<(String, ProjectId)> {
    let Event { r#type, action, actor } = serde_json::from_slice(line).ok()?;
    let plain_id = !actor.id.is_empty() && actor.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if r#type != "container" || action != "kill" || !plain_id {
        return None;
    }
    let project = labelled(labels, &actor.attributes)?;
    Some((actor.id, project))
}

async fn to_its_end(engine: &Engine, seen: &Seen, clock: &dyn Clock, id: &str, project: ProjectId) {
    let end = Instant::now() + FOLLOWED;
    while Instant::now() < end {
        let at = clock.now();
        match Sight::of(engine, id, project, seen.start_of(id)).await {
            Ok(Some(sight)) => seen.keep(at, sight),
            Ok(None) => return,
            // The turns tell of it, if it lasts.
            Err(error) => {
                tracing::debug!(error = %in_one_line(&error), id, "a container that may end cannot be read")
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "11111111111111111111111111111111";

    fn event(text: &str) -> Option<(String, ProjectId)> {
        killed(text.as_bytes(), &["devpush.project_id".into(), "project_id".into()])
    }

    #[test]
    fn only_signals_to_containers_of_projects_are_followed() {
        let of = |kind: &str, action: &str, id: &str, label: &str| {
            event(&format!(
                r#"{{"status":"{action}","Type":"{kind}","Action":"{action}","Actor":{{"ID":"{id}","Attributes":{{"{label}":"{PROJECT}","signal":"15"}}}},"time":1}}"#
            ))
        };
        let expected = Some(("c1".to_owned(), PROJECT.parse().unwrap()));
        assert_eq!(of("container", "kill", "c1", "devpush.project_id"), expected);
        assert_eq!(of("container", "kill", "c1", "project_id"), expected);
        assert_eq!(of("container", "kill", "c1", "team_id"), None);
        assert_eq!(of("container", "die", "c1", "project_id"), None);
        assert_eq!(of("network", "kill", "c1", "project_id"), None);
        for id in ["", "../images", "a?b"] {
            assert_eq!(of("container", "kill", id, "project_id"), None, "{id}");
        }
        assert_eq!(event("{"), None);
        assert_eq!(event(r#"{"Type":"container","Action":"kill","Actor":{"ID":"c1"}}"#), None);
    }
}
