//! A server that answers what a test says, well-formed or not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::deployment;

/// What it answers from now on.
#[derive(Clone)]
pub(crate) enum Answer {
    /// These bytes, and then the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing, for a long time.
    Nothing,
}

pub(crate) struct MetricsServer {
    pub(crate) url: String,
    answer: Arc<Mutex<Answer>>,
}

impl MetricsServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(Answer::Nothing));
        let answers = Arc::clone(&answer);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let answer = answers.lock().unwrap().clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        match connection.read_u8().await {
                            Ok(byte) => request.push(byte),
                            Err(_) => return,
                        }
                    }
                    match answer {
                        // The client may have hung up: a test of that sees it at its own end.
                        Answer::Bytes(bytes) => drop(connection.write_all(&bytes).await),
                        Answer::Nothing => tokio::time::sleep(Duration::from_secs(600)).await,
                    }
                });
            }
        });
        Self { url, answer }
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn answers_text(&self, status: &str, headers: &str, body: &str) {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n");
        self.answers(Answer::Bytes((head + body).into_bytes()));
    }

    /// Metrics of a process that was started then, served at that time by its clock.
    pub(crate) fn shows(&self, metrics: &Metrics) {
        let body = metrics.text();
        let headers = format!(
            "Content-Type: text/plain; version=0.0.4\r\nDate: {}\r\nContent-Length: {}\r\n",
            metrics.served_at.format("%a, %d %b %Y %H:%M:%S GMT"),
            body.len()
        );
        self.answers_text("200 OK", &headers, &body);
    }
}

/// The metrics of a process.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) served_at: DateTime<Utc>,
    /// Response bytes by deployment.
    pub(crate) egress: Vec<(u8, u64)>,
}

impl Metrics {
    /// Of a process that is that old.
    pub(crate) fn aged(age: Duration, egress: &[(u8, u64)]) -> Self {
        let now = Utc::now();
        Self { started_at: now - age, served_at: now, egress: egress.to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        let micros = self.started_at.timestamp_micros();
        let mut text =
            format!("process_start_time_seconds {}.{:06}\n", micros / 1_000_000, micros % 1_000_000);
        for (byte, count) in &self.egress {
            let service = format!("deployment-{}@docker", deployment(*byte));
            text += &format!("traefik_service_requests_total{{code=\"200\",service=\"{service}\"}} 1\n");
            text += &format!(
                "traefik_service_responses_bytes_total{{code=\"200\",service=\"{service}\"}} {count}\n"
            );
        }
        text
    }
}
