//! Asks a Docker engine, or the socket proxy before it, for running containers, their network counters and their ends.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::docker::{DockerHttp, body, host_or_usual, refusal};

/// The longest that the list may take.
const LIST_LIMIT: Duration = Duration::from_secs(10);

/// The longest that a question about one container may take. Engines before 20.10 take two seconds for its counters.
const CONTAINER_LIMIT: Duration = Duration::from_secs(5);

/// The longest answers that are taken, in bytes: for all containers, and for one.
const LONGEST_LIST: usize = 64 << 20;
const LONGEST_ANSWER: usize = 1 << 20;

const LIST: &str = "/containers/json";
const INSPECT: &str = "/containers/ID/json";
const STATS: &str = "/containers/ID/stats";
pub(super) const EVENTS: &str = "/events";

/// `{"type":["container"],"event":["kill"]}`. Not by label: of several labels an engine wants all.
const KILLS: &str = "filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22kill%22%5D%7D";

/// Why an engine did not tell something. Messages do not name the container: one that lasts is told once.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Its address is of no kind that can be asked.
    #[error("Docker's address must begin with unix://, tcp:// or http://")]
    Host,
    /// The HTTP client cannot be made.
    #[error("the client for Docker cannot be made")]
    Client(#[source] reqwest::Error),
    /// It is not there, or goes away.
    #[error("Docker did not answer {call}")]
    Http {
        /// What was asked.
        call: &'static str,
        /// Why.
        source: reqwest::Error,
    },
    /// It, or the proxy before it, refuses.
    #[error("Docker answered {call} with status {status}: {message}")]
    Refused {
        /// What was asked.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// It takes too long.
    #[error("Docker did not answer {call} within {limit:?}")]
    Slow {
        /// What was asked.
        call: &'static str,
        /// For how long it was waited.
        limit: Duration,
    },
    /// An answer that cannot be read.
    #[error("Docker's answer to {call} cannot be read")]
    Answer {
        /// What was asked.
        call: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// An answer that is too long.
    #[error("Docker's answer to {call} is over {limit} bytes")]
    TooLong {
        /// What was asked.
        call: &'static str,
        /// How long it may be.
        limit: usize,
    },
}

/// A running container, as the list has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Container {
    pub(super) id: String,
    #[serde(default)]
    pub(super) labels: Option<HashMap<String, String>>,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    network_mode: String,
}

impl Container {
    /// Whether it has interfaces of its own: not the host's, not another container's, which count there, and not none.
    pub(super) fn has_network(&self) -> bool {
        let mode = self.host_config.network_mode.as_str();
        !matches!(mode, "host" | "none") && !mode.starts_with("container:")
    }
}

/// A container's interfaces: bytes in and bytes out since each was made.
pub(super) type Interfaces = BTreeMap<String, Bytes>;

/// What an interface has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Bytes {
    pub(super) rx_bytes: u64,
    pub(super) tx_bytes: u64,
}

#[derive(Deserialize)]
struct Stats {
    /// The year 1 for a container that does not run.
    read: DateTime<Utc>,
    #[serde(default)]
    networks: Option<Interfaces>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    started_at: DateTime<Utc>,
}

/// An engine. Nothing is asked before it is needed, so that one which is away is found out by each call.
pub(super) struct Engine {
    http: DockerHttp,
}

impl Engine {
    /// The engine at this address, else at `DOCKER_HOST`, else at the usual socket.
    pub(super) fn new(host: Option<&str>) -> Result<Self, EngineError> {
        let http = DockerHttp::new(&host_or_usual(host)).map_err(EngineError::Client)?;
        Ok(Self { http: http.ok_or(EngineError::Host)? })
    }

    /// All running containers.
    pub(super) async fn containers(&self) -> Result<Vec<Container>, EngineError> {
        let asked = async {
            let response = good(LIST, self.send(LIST, LIST).await?).await?;
            read(LIST, response, LONGEST_LIST).await
        };
        limited(LIST, LIST_LIMIT, asked).await
    }

    /// When the container was started last. `None`: there is no such container any more.
    pub(super) async fn started_at(&self, id: &str) -> Result<Option<DateTime<Utc>>, EngineError> {
        let inspected: Option<Inspected> = self.one(INSPECT, &format!("/containers/{id}/json")).await?;
        Ok(inspected.map(|inspected| inspected.state.started_at))
    }

    /// What its interfaces have counted. `None`: it does not run any more.
    pub(super) async fn interfaces(&self, id: &str) -> Result<Option<Interfaces>, EngineError> {
        // Neither a second look, which takes a second, nor one every second for ever.
        let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
        let stats: Option<Stats> = self.one(STATS, &path).await?;
        let running = stats.filter(|stats| stats.read.year() > 1);
        Ok(running.map(|stats| stats.networks.unwrap_or_default()))
    }

    /// The signals that containers are sent from now on, one JSON object a line, without an end.
    pub(super) async fn kills(&self) -> Result<Response, EngineError> {
        let asked = async { good(EVENTS, self.send(EVENTS, &format!("{EVENTS}?{KILLS}")).await?).await };
        limited(EVENTS, LIST_LIMIT, asked).await
    }

    /// About one container. `None`: it is not there.
    async fn one<T: DeserializeOwned>(
        &self,
        call: &'static str,
        path: &str,
    ) -> Result<Option<T>, EngineError> {
        let asked = async {
            let response = self.send(call, path).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            read(call, good(call, response).await?, LONGEST_ANSWER).await.map(Some)
        };
        limited(call, CONTAINER_LIMIT, asked).await
    }

    async fn send(&self, call: &'static str, path: &str) -> Result<Response, EngineError> {
        self.http.get(path).send().await.map_err(|error| broken(call, error))
    }
}

/// An answer that is none of refusal.
async fn good(call: &'static str, response: Response) -> Result<Response, EngineError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let message = match body(response, LONGEST_ANSWER).await {
        Ok(text) => refusal(&text.unwrap_or_default()),
        Err(error) => return Err(broken(call, error)),
    };
    Err(EngineError::Refused { call, status: status.as_u16(), message })
}

async fn read<T: DeserializeOwned>(
    call: &'static str,
    response: Response,
    limit: usize,
) -> Result<T, EngineError> {
    let text = body(response, limit).await.map_err(|error| broken(call, error))?;
    let text = text.ok_or(EngineError::TooLong { call, limit })?;
    serde_json::from_slice(&text).map_err(|source| EngineError::Answer { call, source })
}

/// Without the address: it names the container.
pub(super) fn broken(call: &'static str, error: reqwest::Error) -> EngineError {
    EngineError::Http { call, source: error.without_url() }
}

async fn limited<T>(
    call: &'static str,
    limit: Duration,
    asked: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    timeout(limit, asked).await.map_err(|_| EngineError::Slow { call, limit })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_interfaces_of_one_s_own_count() {
        let with = |mode: &str| {
            let text = format!(r#"{{"Id":"1","Labels":null,"HostConfig":{{"NetworkMode":"{mode}"}}}}"#);
            serde_json::from_str::<Container>(&text).unwrap().has_network()
        };
        assert!(with("default") && with("bridge") && with("devpush_runner"));
        assert!(!with("host") && !with("none") && !with("container:0123"));
        assert!(serde_json::from_str::<Container>(r#"{"Id":"1"}"#).unwrap().has_network());
    }

    #[test]
    fn stats_of_a_container_that_does_not_run_are_none() {
        let stats: Stats =
            serde_json::from_str(r#"{"read":"0001-01-01T00:00:00Z","pids_stats":{}}"#).unwrap();
        assert!(stats.read.year() <= 1 && stats.networks.is_none());
    }
}
