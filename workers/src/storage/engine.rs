//! Asks a Docker engine, or the socket proxy before it, for its containers, images and volumes.
//!
//! Containers and images are listed through bollard. `/system/df` is not: bollard 0.21 reads only the shape that engines
//! have from API 1.52 on, and of an older one makes an answer without anything in it and without an error.

use std::future::Future;
use std::time::Duration;

use bollard::models::ContainerSummary;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};
use bollard::{Docker, errors};
use tokio::time::timeout;

use super::disk_usage::{DiskUsage, Image};
use super::progress::told;
use crate::docker::{DockerHttp, body, host_or_usual, refusal};
use crate::trouble::in_one_line;

/// `verbose` makes engines from API 1.52 on list the single things; older ones always do, and know no such word.
/// `type` spares engines from API 1.42 on what is not asked for.
const DISK_USAGE: &str = "/system/df?type=image&type=volume&verbose=true";

/// The longest answer to `/system/df` that is taken, in bytes.
const LONGEST_ANSWER: usize = 64 << 20;

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
    raw: DockerHttp,
    limit: Duration,
}

impl Engine {
    /// The engine at this address, else at `DOCKER_HOST`, else at the usual socket. `limit` is for each call.
    pub(super) fn new(host: Option<&str>, limit: Duration) -> Result<Self, EngineError> {
        let host = host_or_usual(host);
        let raw = DockerHttp::new(&host)?.ok_or(EngineError::Host)?;
        Ok(Self { host, raw, limit })
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
        let response = self.raw.get(DISK_USAGE).send().await?;
        let status = response.status();
        let answer = body(response, LONGEST_ANSWER).await?.ok_or(EngineError::TooLong)?;
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
