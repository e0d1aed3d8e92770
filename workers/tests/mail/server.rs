//! A real SMTP server, and the mail that it got.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use servelink_workers::mail::sample::sample;
use servelink_workers::mail::{Language, Links, MailConfig, Mailer, Recipient, Rendered, SendError, render};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use uuid::Uuid;

/// The longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const EVENT: Uuid = Uuid::from_u128(0x0192_f0c1_2b3c_7d4e_8f50_6172_8394_0a5b);

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
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/server.py");
        let mut process = Command::new(python)
            .arg(program)
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
    #[allow(dead_code, reason = "the tests of the outbox stop it")]
    pub(crate) async fn stop(mut self) {
        self.process.kill().await.unwrap();
    }

    pub(crate) async fn got(&mut self) -> Got {
        let line = timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap();
        serde_json::from_str(&line.expect("the server ended")).unwrap()
    }

    /// Without TLS.
    pub(crate) fn mailer(&self) -> Mailer {
        mailer(&format!("smtp://127.0.0.1:{}?starttls=never", self.port))
    }
}

pub(crate) fn config(url: &str) -> MailConfig {
    MailConfig::new(&url.into(), "Servelink à Dakar <usage@example.org>").unwrap()
}

pub(crate) fn mailer(url: &str) -> Mailer {
    Mailer::new(&config(url)).unwrap()
}

/// The sample with this name.
pub(crate) fn letter(name: &str, language: Language) -> Rendered {
    let (_, letter) = sample().into_iter().find(|(its, _)| *its == name).unwrap();
    render(&letter, language, &Links::new("https://usage.example", &letter.team().slug).unwrap())
}

/// Sends it to this address.
pub(crate) async fn send(mailer: &Mailer, to: &str, letter: &Rendered) -> Result<(), SendError> {
    mailer.send(&to.parse::<Recipient>().unwrap(), EVENT, at(), letter).await
}

fn at() -> DateTime<Utc> {
    "2026-11-23T09:30:00Z".parse().unwrap()
}
