//! A real SMTP server, and the mail that it got. Shared with the tests of the finished program.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// One of aiosmtpd's, killed when it is dropped.
pub(crate) struct SmtpServer {
    pub(crate) port: u16,
    lines: Lines<BufReader<ChildStdout>>,
    process: Child,
}

/// A mail as the server got it.
#[derive(Debug, Deserialize)]
pub(crate) struct Got {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) encrypted: bool,
    pub(crate) user: Option<String>,
    #[serde(rename = "type")]
    pub(crate) content_type: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) defects: Vec<String>,
    pub(crate) longest_line: usize,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl SmtpServer {
    /// With these arguments of `server.py`.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_at(0, arguments).await
    }

    /// At this port, or a free one if it is 0.
    pub(crate) async fn start_at(port: u16, arguments: &[&str]) -> Self {
        let python = std::env::var_os("SERVELINK_TEST_MAIL_PYTHON")
            .expect("SERVELINK_TEST_MAIL_PYTHON must be a Python with aiosmtpd: run this with scripts/test");
        let mut process = Command::new(python)
            .args(["-c", include_str!("server.py")])
            .args(arguments)
            .env("SMTP_PORT", port.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        Self { port: port.expect("the server ended").parse().unwrap(), lines, process }
    }

    /// Ends it; what was not read of what it got is lost.
    pub(crate) async fn stop(mut self) {
        self.process.kill().await.unwrap();
    }

    /// The next one.
    pub(crate) async fn got(&mut self) -> Got {
        self.got_within(PATIENCE).await
    }

    /// The next one, for which one may wait so long.
    pub(crate) async fn got_within(&mut self, patience: Duration) -> Got {
        let line = timeout(patience, self.lines.next_line()).await.expect("no mail came").unwrap();
        serde_json::from_str(&line.expect("the server ended")).unwrap()
    }

    /// Ends it, and gives what it got and nobody has read yet.
    pub(crate) async fn rest(mut self) -> Vec<Got> {
        self.process.kill().await.unwrap();
        let mut rest = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            rest.push(serde_json::from_str(&line).unwrap());
        }
        rest
    }
}
