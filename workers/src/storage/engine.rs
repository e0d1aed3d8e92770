//! Asks a Docker engine, or the socket proxy before it, for its containers, images and volumes.
//!
//! Containers and images are listed through bollard. `/system/df` is not: bollard 0.21 reads only the shape that engines
//! have from API 1.52 on, and of an older one makes an answer without anything in it and without an error. No address
//! names a version: every engine answers in its own, and `/version` is a request more for a socket proxy to refuse.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use bollard::models::ContainerSummary;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};
use bollard::{Docker, errors};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::time::timeout;

use super::disk_usage::{DiskUsage, Image};
use super::progress::told;
use crate::trouble::in_one_line;

/// Where an engine is unless told otherwise.
const USUAL_HOST: &str = "unix:///var/run/docker.sock";

/// `verbose` makes engines from API 1.52 on list the single things; older ones always do, and know no such word.
/// `type` spares engines from API 1.42 on what is not asked for.
const DISK_USAGE: &str = "/system/df?type=image&type=volume&verbose=true";

/// The longest that connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The longest answer to `/system/df` that is taken, in bytes.
const LONGEST_ANSWER: usize = 64 << 20;

/// As much of a refusal's text as is told.
const LONGEST_REFUSAL: usize = 200;

/// Before engine 23 a second `/system/df` at the same time was answered with an error that says so. It is asked again
/// after a while: a monitor that asks every minute must not cost a day's measurement.
const BUSY: &str = "already running";
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// Why an engine did not tell something.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Its address is of no kind that can be asked.
    #[error("Docker's address must begin with unix://, tcp:// or http://")]
    Host,
    /// It is not there, refuses, or goes away.
    #[error("Docker did not answer")]
    List(#[from] errors::Error),
    /// The same for `/system/df`.
    #[error("Docker did not answer /system/df")]
    Http(#[from] reqwest::Error),
    /// It, or the proxy before it, refuses.
    #[error("Docker answered /system/df with status {status}: {message}")]
    Refused {
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
    #[error("Docker's answer to /system/df cannot be read")]
    Answer(#[from] serde_json::Error),
    /// An answer over 64 MiB.
    #[error("Docker's answer to /system/df is over {LONGEST_ANSWER} bytes")]
    TooLong,
    /// An answer that leaves out what was asked for.
    #[error("Docker's answer to /system/df names no {0}")]
    LeftOut(&'static str),
}

/// An engine. Nothing is asked before it is needed, so that one which is away is found out by each call.
pub(super) struct Engine {
    host: String,
    raw: Client,
    base: Url,
    limit: Duration,
}

impl Engine {
    /// The engine at this address, else at `DOCKER_HOST`, else at the usual socket. `limit` is for each call.
    pub(super) fn new(host: Option<&str>, limit: Duration) -> Result<Self, EngineError> {
        let host = host
            .map(str::to_owned)
            .or_else(|| std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()))
            .unwrap_or_else(|| USUAL_HOST.into());
        let (socket, base) = place(&host).ok_or(EngineError::Host)?;
        // One connection a call: what a kept one lost in between would be lost with it.
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .pool_max_idle_per_host(0);
        let client = match socket {
            Some(path) => client.unix_socket(path),
            None => client,
        };
        Ok(Self { host, raw: client.build()?, base, limit })
    }

    /// All containers, stopped ones too, with the size of their writable layers.
    pub(super) async fn containers(&self) -> Result<Vec<ContainerSummary>, EngineError> {
        let options = ListContainersOptionsBuilder::default().all(true).size(true).build();
        self.limited("/containers/json", async { Ok(self.lists()?.list_containers(Some(options)).await?) })
            .await
    }

    /// All images but those that only others are made of.
    pub(super) async fn images(&self) -> Result<Vec<Image>, EngineError> {
        let options = ListImagesOptionsBuilder::default().build();
        let listed = self
            .limited("/images/json", async { Ok(self.lists()?.list_images(Some(options)).await?) })
            .await?;
        Ok(listed.into_iter().map(Image::from).collect())
    }

    /// What `/system/df` says of images and volumes.
    pub(super) async fn disk_usage(&self) -> Result<DiskUsage, EngineError> {
        let answer = async {
            loop {
                match self.ask_disk_usage().await {
                    Err(EngineError::Refused { message, .. }) if message.contains(BUSY) => {
                        tokio::time::sleep(BUSY_PAUSE).await;
                    }
                    done => return done,
                }
            }
        };
        Ok(serde_json::from_slice(&self.limited("/system/df", answer).await?)?)
    }

    async fn ask_disk_usage(&self) -> Result<Vec<u8>, EngineError> {
        let url = format!("{}{DISK_USAGE}", self.base.as_str().trim_end_matches('/'));
        let mut response = self.raw.get(url).send().await?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len() + chunk.len() > LONGEST_ANSWER {
                return Err(EngineError::TooLong);
            }
            answer.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(EngineError::Refused { status: status.as_u16(), message: refusal(&answer) });
        }
        Ok(answer)
    }

    fn lists(&self) -> Result<Docker, errors::Error> {
        Ok(Docker::connect_with_host(&self.host)?.with_timeout(self.limit))
    }

    async fn limited<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let slow = |_| EngineError::Slow { call, limit: self.limit };
        timeout(self.limit, told(call, None, work)).await.map_err(slow)?
    }
}

impl EngineError {
    /// In one line, with all that caused it.
    pub(super) fn line(&self) -> String {
        in_one_line(self)
    }
}

/// The socket, if it is one, and what addresses begin with.
fn place(host: &str) -> Option<(Option<PathBuf>, Url)> {
    if let Some(path) = host.strip_prefix("unix://") {
        return Some((Some(path.into()), Url::parse("http://docker").ok()?));
    }
    let authority = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://"))?;
    Some((None, Url::parse(&format!("http://{authority}")).ok()?))
}

/// What a refusal says: an engine's `message`, or a proxy's text.
fn refusal(answer: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let text = match serde_json::from_slice::<Message>(answer) {
        Ok(Message { message }) => message,
        Err(_) => String::from_utf8_lossy(answer).into_owned(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST_REFUSAL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let (socket, _) = place("unix:///run/docker.sock").unwrap();
        assert_eq!(socket, Some("/run/docker.sock".into()));
        for host in ["tcp://proxy:2375", "http://proxy:2375"] {
            let (socket, base) = place(host).unwrap();
            assert_eq!((socket, base.as_str()), (None, "http://proxy:2375/"));
        }
        for bad in ["", "/run/docker.sock", "ssh://host", "https://host"] {
            assert!(place(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_one_short_line() {
        assert_eq!(refusal(br#"{"message":"no such thing"}"#), "no such thing");
        assert_eq!(refusal(b"<html>\n<body>403 Forbidden\n"), "<html> <body>403 Forbidden");
        assert_eq!(refusal(&[b'x'; 1_000]).len(), LONGEST_REFUSAL);
    }
}
