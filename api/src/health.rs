//! `/healthz` and `/readyz`: whether the process lives, and whether it can do its work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::TimeDelta;
use http::StatusCode;
use projections::deliveries::ChannelCounts;
use projections::runner::State as Generation;
use projections::{DeliveryCounts, ProjectorStatus};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// How long a delivery that was given up is counted: nothing takes it back, and nobody wants to see it for ever.
const GIVEN_UP_WITHIN: TimeDelta = TimeDelta::days(7);

/// The process lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the process lives
///
/// Asks nothing of the stores: a store that is away is no reason to restart this process.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "read_health",
    tag = "operations",
    responses((status = 200, body = Health)),
    security(()),
)]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// What the process needs for its work.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether all of it is there.
    ready: bool,
    log: LogState,
    read_models: ReadModelsState,
    /// What did not get to its readers; null while that cannot be read. It says nothing of this process's work: an address
    /// that does not exist, or a mail server that is down, must not take a node out of service.
    deliveries: Option<DeliveriesState>,
}

/// Mails and webhooks that did not get there.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveriesState {
    mail: ChannelState,
    webhook: ChannelState,
}

/// How many of them.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChannelState {
    /// They failed, and are tried again.
    delayed: u64,
    /// They were given up in the last 7 days.
    given_up: u64,
}

/// The event log.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogState {
    /// Whether it can be read.
    readable: bool,
    /// Where it ends.
    position: Option<u64>,
}

/// The read models.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadModelsState {
    /// Whether they can be read.
    readable: bool,
    /// Read models that were never built, and so cannot be read.
    missing: Vec<String>,
    /// Every generation of every read model.
    generations: Vec<GenerationState>,
}

/// A generation of a read model.
#[derive(Serialize, ToSchema)]
pub(crate) struct GenerationState {
    name: String,
    generation: i64,
    /// The version of the projector that makes it.
    version: i64,
    /// Whether this is the one that is read.
    active: bool,
    /// Everything up to here is in it.
    position: u64,
    /// Why it goes no further: an event that it cannot take in.
    stopped: Option<String>,
}

impl From<DeliveryCounts> for DeliveriesState {
    fn from(counts: DeliveryCounts) -> Self {
        let channel = |of: ChannelCounts| ChannelState { delayed: of.delayed, given_up: of.given_up };
        Self { mail: channel(counts.mail), webhook: channel(counts.webhook) }
    }
}

/// Whether the process can do its work
///
/// 200 when the event log and the read models can be read and no read model that is read has stopped; 503 with the
/// same body otherwise.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "read_readiness",
    tag = "operations",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)),
    security(()),
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Readiness>) {
    let head = app.log.head().await.inspect_err(|error| tracing::warn!(%error, "not ready: the event log"));
    let statuses =
        app.reads.statuses().await.inspect_err(|error| tracing::warn!(%error, "not ready: the read models"));
    let log = LogState { readable: head.is_ok(), position: head.ok().map(|head| head.0) };
    let read_models = ReadModelsState::of(statuses.ok());
    let ready = log.readable && read_models.ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let counts = app.reads.delivery_counts(app.clock.now() - GIVEN_UP_WITHIN).await;
    let deliveries = counts.inspect_err(|error| tracing::debug!(%error, "deliveries cannot be counted"));
    // It is not in `ready`, and not meant to be.
    let deliveries = deliveries.ok().map(DeliveriesState::from);
    (status, Json(Readiness { ready, log, read_models, deliveries }))
}

impl ReadModelsState {
    fn of(statuses: Option<Vec<ProjectorStatus>>) -> Self {
        let readable = statuses.is_some();
        let generations: Vec<GenerationState> =
            statuses.unwrap_or_default().into_iter().map(GenerationState::from).collect();
        let built =
            |name: &str| generations.iter().any(|generation| generation.active && generation.name == name);
        let projectors = projections::all();
        let missing =
            projectors.iter().map(|projector| projector.name()).filter(|name| readable && !built(name));
        Self { readable, missing: missing.map(str::to_owned).collect(), generations }
    }

    fn ready(&self) -> bool {
        let stopped = |generation: &GenerationState| generation.active && generation.stopped.is_some();
        self.readable && self.missing.is_empty() && !self.generations.iter().any(stopped)
    }
}

impl From<ProjectorStatus> for GenerationState {
    fn from(status: ProjectorStatus) -> Self {
        let active = match status.state {
            Generation::Active => true,
            Generation::Building => false,
        };
        Self {
            name: status.name,
            generation: status.generation,
            version: status.version,
            active,
            position: status.position.0,
            stopped: status.stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use store::Position;

    use super::*;

    fn built() -> Vec<ProjectorStatus> {
        let status = |name: &str| ProjectorStatus {
            name: name.to_owned(),
            generation: 1,
            version: 1,
            position: Position(7),
            state: Generation::Active,
            stopped: None,
        };
        projections::all().iter().map(|projector| status(projector.name())).collect()
    }

    #[test]
    fn ready_when_everything_is_built_and_goes_on() {
        assert!(ReadModelsState::of(Some(built())).ready());
    }

    #[test]
    fn a_read_model_that_is_missing_or_stopped_is_named() {
        assert!(!ReadModelsState::of(None).ready());
        let mut statuses = built();
        let missing = statuses.pop().unwrap().name;
        let state = ReadModelsState::of(Some(statuses));
        assert!(!state.ready());
        assert_eq!(state.missing, [missing]);
        let mut statuses = built();
        statuses[0].stopped = Some("no such event".into());
        assert!(!ReadModelsState::of(Some(statuses)).ready());
    }

    #[test]
    fn a_generation_that_is_only_being_built_does_not_count() {
        let mut statuses = built();
        let building =
            ProjectorStatus { state: Generation::Building, stopped: Some("x".into()), ..statuses[0].clone() };
        statuses.push(building);
        assert!(ReadModelsState::of(Some(statuses)).ready());
    }
}
