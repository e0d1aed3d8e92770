//! What a monitoring system (Prometheus) is told: `/metrics`, on a listener of its own, so that what faces the world need
//! not show it. Nothing of teams, projects or persons is in it.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::TimeDelta;
use projections::deliveries::Channel;
use projections::runner::State as Generation;
use projections::{DeliveryCounts, FlaggedCounts, ProjectorStatus, QueryError, ReadModels};
use store::known::Known;
use store::state::jobs::JobState;
use store::state::{State, StateError};
use store::{Clock, EventLog, Position, ReadError};

/// Prometheus' text format, which OpenMetrics' readers take too.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long a delivery that was given up is counted, so that an alarm about it ends.
const GIVEN_UP_WITHIN: TimeDelta = TimeDelta::days(7);

/// Where numbers come from. All are read when somebody asks.
pub(crate) struct Metrics {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) reads: ReadModels,
    pub(crate) state: State,
    pub(crate) known: Arc<Known>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Why there are none now.
#[derive(Debug, thiserror::Error)]
enum MetricsError {
    #[error("the event log cannot be read")]
    Log(#[from] ReadError),
    #[error("the read models cannot be read")]
    Reads(#[from] QueryError),
    #[error("the state of jobs cannot be read")]
    State(#[from] StateError),
}

/// Answers `/metrics`.
pub(crate) fn router(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(read)).with_state(Arc::new(metrics))
}

async fn read(Shared(metrics): Shared<Arc<Metrics>>) -> Response {
    match metrics.text().await {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        // Some numbers without the others would look like all of them. Prometheus notes that nothing came.
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "metrics cannot be told");
            (StatusCode::SERVICE_UNAVAILABLE, "not available; the log says why\n").into_response()
        }
    }
}

impl Metrics {
    async fn text(&self) -> Result<String, MetricsError> {
        let deliveries = match self.reads.delivery_counts(self.clock.now() - GIVEN_UP_WITHIN).await {
            // At the first start there is nothing to count yet, and the rest is there.
            Err(QueryError::Building) => None,
            counts => Some(counts?),
        };
        let flagged = match self.reads.flagged_payment_counts().await {
            Err(QueryError::Building) => None,
            counts => Some(counts?),
        };
        let jobs = self.state.jobs().await?;
        let statuses = self.reads.statuses().await?;
        // Read last, so that no read model is ahead of it.
        let head = self.log.head().await?;
        let unmatched = self.known.facts().unmatched_at(self.clock.now()).count();
        Ok(render(head, &statuses, deliveries, flagged, unmatched, &jobs))
    }
}

fn render(
    head: Position,
    statuses: &[ProjectorStatus],
    deliveries: Option<DeliveryCounts>,
    flagged: Option<FlaggedCounts>,
    unmatched: usize,
    jobs: &[JobState],
) -> String {
    let mut text = Text::default();
    text.family("servelink_log_position", "gauge", "Where the event log ends.");
    text.sample(&[], head.0);

    text.family(
        "servelink_projection_behind_events",
        "gauge",
        "Events that a read model has not taken in yet.",
    );
    for projector in projections::all() {
        let name = projector.name();
        let active = |status: &&ProjectorStatus| status.name == name && status.state == Generation::Active;
        // One that was never built has taken in nothing.
        let position = statuses.iter().find(active).map_or(0, |status| status.position.0);
        text.sample(&[("projection", name)], head.0.saturating_sub(position));
    }

    text.family(
        "servelink_deliveries",
        "gauge",
        "Mails and webhooks that failed and are tried again (delayed), or were given up in the last 7 days (given_up).",
    );
    if let Some(counts) = deliveries {
        for (channel, of) in [(Channel::Mail, counts.mail), (Channel::Webhook, counts.webhook)] {
            for (state, count) in [("delayed", of.delayed), ("given_up", of.given_up)] {
                text.sample(&[("channel", channel.as_str()), ("state", state)], count);
            }
        }
    }

    text.family(
        "servelink_payments_flagged",
        "gauge",
        "Payments whose money a person has to decide about, or had to: what was captured does not match, or pays for nothing.",
    );
    if let Some(counts) = flagged {
        text.sample(&[("flag", "conflicted")], counts.conflicted);
        text.sample(&[("flag", "refund_due")], counts.refund_due);
    }

    text.family(
        "servelink_payments_unmatched",
        "gauge",
        "Payments that the payment backend said in the last 8 days were paid, and that nobody here knows.",
    );
    text.sample(&[], unmatched);

    text.family("servelink_job_runs_total", "counter", "Runs of a job that were noted, on any node.");
    for job in jobs {
        text.sample(&[("job", &job.name)], job.runs);
    }
    let ran = || jobs.iter().filter_map(|job| Some((&*job.name, job.last.as_ref()?)));
    text.family(
        "servelink_job_last_run_timestamp_seconds",
        "gauge",
        "When the last run of a job ended, on any node.",
    );
    for (job, last) in ran() {
        text.sample(&[("job", job)], last.finished_at.timestamp());
    }
    text.family("servelink_job_failed", "gauge", "Whether the last run of a job failed: 1 if so.");
    for (job, last) in ran() {
        text.sample(&[("job", job)], u8::from(last.failed));
    }
    text.lines
}

/// Prometheus' text format, version 0.0.4.
#[derive(Default)]
struct Text {
    lines: String,
    family: &'static str,
}

impl Text {
    /// Begins a family: what follows are its samples.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        // Writing to a string cannot fail.
        let _ = write!(self.lines, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.lines, "{}{labels} {value}", self.family);
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use projections::deliveries::ChannelCounts;
    use store::state::jobs::{Epoch, LastRun};

    use super::*;

    fn job(name: &str, last: Option<(&str, bool)>) -> JobState {
        let last = last.map(|(finished_at, failed)| LastRun {
            started_at: "2026-11-10T00:00:00Z".parse().unwrap(),
            finished_at: finished_at.parse().unwrap(),
            failed,
            report: "a report is for people".into(),
        });
        let (every, done_slot, requested_at, holder) = (None, None, None, Some("paas-9f3a".into()));
        JobState { name: name.into(), epoch: Epoch(3), holder, every, done_slot, requested_at, last, runs: 7 }
    }

    #[test]
    fn a_line_for_each_number() {
        let status = |name: &str, state| ProjectorStatus {
            name: name.into(),
            generation: 1,
            version: 1,
            position: Position(40),
            state,
            stopped: None,
        };
        let statuses = [status("directory", Generation::Building), status("alerts", Generation::Active)];
        let mail = ChannelCounts { delayed: 2, given_up: 1 };
        let counts = DeliveryCounts { mail, ..DeliveryCounts::default() };
        let jobs = [job("limits", Some(("2026-11-10T00:00:01.5Z", true))), job("months", None)];
        let flagged = FlaggedCounts { conflicted: 5, refund_due: 0 };
        let text = render(Position(42), &statuses, Some(counts), Some(flagged), 3, &jobs);
        for line in [
            "servelink_log_position 42",
            "servelink_projection_behind_events{projection=\"alerts\"} 2",
            "servelink_projection_behind_events{projection=\"directory\"} 42",
            "servelink_deliveries{channel=\"mail\",state=\"delayed\"} 2",
            "servelink_deliveries{channel=\"mail\",state=\"given_up\"} 1",
            "servelink_deliveries{channel=\"webhook\",state=\"given_up\"} 0",
            "servelink_payments_flagged{flag=\"conflicted\"} 5",
            "servelink_payments_flagged{flag=\"refund_due\"} 0",
            "servelink_payments_unmatched 3",
            "servelink_job_runs_total{job=\"months\"} 7",
            "servelink_job_last_run_timestamp_seconds{job=\"limits\"} 1794268801",
            "servelink_job_failed{job=\"limits\"} 1",
            "# TYPE servelink_job_failed gauge",
        ] {
            assert!(text.lines().any(|its| its == line), "no {line} in\n{text}");
        }
        assert!(!text.contains("servelink_job_failed{job=\"months\"}"), "it never ran");
        assert!(text.ends_with('\n') && !text.contains("for people") && !text.contains("paas-9f3a"));
    }

    #[test]
    fn a_label_may_hold_anything() {
        let mut text = Text::default();
        text.family("x", "gauge", "X.");
        text.sample(&[("a", "\\ \" \n")], 1);
        assert_eq!(text.lines.lines().last().unwrap(), r#"x{a="\\ \" \n"} 1"#);
    }
}
