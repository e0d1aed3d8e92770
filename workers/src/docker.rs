//! What all that ask a Docker engine share: its address, bounded answers over HTTP where bollard does not do, what it or
//! the socket proxy before it says when it refuses, and which labels name a project.
//!
//! No address names a version: every engine answers in its own, and `/version` is a request more for a socket proxy to
//! refuse.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use domain::ProjectId;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Deserialize;

/// Where an engine is unless told otherwise.
const USUAL_HOST: &str = "unix:///var/run/docker.sock";

/// The longest that connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// After this long without a word the other side is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Labels that name a container's project unless told otherwise: the PaaS's own, and its forks'.
pub(crate) const PROJECT_LABELS: [&str; 2] = ["devpush.project_id", "project_id"];

/// As much of a refusal's text as is told.
const LONGEST_REFUSAL: usize = 200;

/// This address, else `DOCKER_HOST`, else the usual socket.
pub(crate) fn host_or_usual(host: Option<&str>) -> String {
    host.map(str::to_owned)
        .or_else(|| std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()))
        .unwrap_or_else(|| USUAL_HOST.into())
}

/// An engine's address, and a client for it.
#[derive(Debug, Clone)]
pub(crate) struct DockerHttp {
    client: Client,
    base: Url,
}

impl DockerHttp {
    /// Nothing is asked yet. `None`: the address is of no kind that can be asked. A rustls provider must have been
    /// installed.
    pub(crate) fn new(host: &str) -> Result<Option<Self>, reqwest::Error> {
        let Some((socket, base)) = place(host) else { return Ok(None) };
        // One connection a call: what a kept one lost in between would be lost with it.
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .tcp_keepalive(KEEP_ALIVE)
            .pool_max_idle_per_host(0);
        let client = match socket {
            Some(path) => client.unix_socket(path),
            None => client,
        };
        Ok(Some(Self { client: client.build()?, base }))
    }

    /// A request for this path and query.
    pub(crate) fn get(&self, path_and_query: &str) -> RequestBuilder {
        self.client.get(format!("{}{path_and_query}", self.base.as_str().trim_end_matches('/')))
    }
}

/// The answer's body; `None` when it is longer than this.
pub(crate) async fn body(mut response: Response, longest: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// What a refusal says: an engine's `message`, or a proxy's text.
pub(crate) fn refusal(answer: &[u8]) -> String {
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

/// The project that labels name: by the first of these names that is among them. What is no project id is another
/// software's label.
pub(crate) fn labelled(names: &[String], labels: &HashMap<String, String>) -> Option<ProjectId> {
    names.iter().find_map(|name| labels.get(name))?.parse().ok()
}

/// The socket, if it is one, and what addresses begin with.
fn place(host: &str) -> Option<(Option<PathBuf>, Url)> {
    if let Some(path) = host.strip_prefix("unix://") {
        return Some((Some(path.into()), Url::parse("http://docker").ok()?));
    }
    let authority = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://"))?;
    Some((None, Url::parse(&format!("http://{authority}")).ok()?))
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

    #[test]
    fn the_first_label_counts() {
        let names = ["devpush.project_id".to_owned(), "project_id".to_owned()];
        let labels = |pairs: &[(&str, &str)]| {
            labelled(&names, &pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
        };
        let (one, other) = ("11111111111111111111111111111111", "22222222222222222222222222222222");
        assert_eq!(labels(&[("project_id", other)]), other.parse().ok());
        assert_eq!(labels(&[("project_id", other), ("devpush.project_id", one)]), one.parse().ok());
        assert_eq!(labels(&[("project_id", "7")]), None);
        assert_eq!(labels(&[]), None);
    }
}
