//! `GET /api/usage/projects/{project_id}/sources`: what each way of counting saw of a project's traffic in a month.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use domain::{ByteCount, Month, ProjectId, TrafficSource};
use projections::SeenTraffic;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Member;
use crate::params::{MonthQuery, ReadAfter, ReadMonth, named};
use crate::problem::{Problem, ReadProblems};

/// What each way of counting saw of a project's traffic in a UTC month. One of them bills; the others are recorded beside
/// it. They count different things: Traefik the bodies that it passed on, Docker every byte at the containers' network
/// interfaces (with headers, TLS, websockets, and what containers say to each other), samples what their sender counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectSources)]
pub(crate) struct Answer {
    project_id: String,
    /// The number of the month: 1 is January.
    #[schema(minimum = 1, maximum = 12)]
    month: u8,
    year: u16,
    /// The way that bills the project now; null when everything that comes in is billed.
    billing_source: Option<Way>,
    /// The ways that saw anything, by name.
    sources: Vec<Source>,
    /// How far the other ways are from the one that bills now; null when that one, or every other, saw nothing in the
    /// month.
    drift: Option<Drifts>,
}

/// A way to count traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TrafficWay)]
pub(crate) enum Way {
    /// Bodies that Traefik passed on.
    Traefik,
    /// Bytes at the containers' network interfaces.
    Docker,
    /// Samples that were sent to `POST /api/usage/traffic`.
    Ingest,
    /// History from before it was told how traffic was counted.
    Unknown,
}

impl From<TrafficSource> for Way {
    fn from(source: TrafficSource) -> Self {
        match source {
            TrafficSource::Traefik => Self::Traefik,
            TrafficSource::Docker => Self::Docker,
            TrafficSource::Ingest => Self::Ingest,
        }
    }
}

/// What one way of counting saw.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectSource)]
pub(crate) struct Source {
    source: Way,
    /// Of `traffic_bytes`, those that were billed.
    billed_bytes: u64,
    /// Bytes that clients sent.
    ingress_bytes: u64,
    /// Bytes that the project sent.
    egress_bytes: u64,
    /// Ingress plus egress.
    traffic_bytes: u64,
    /// Requests answered; 0 where this way does not count them.
    requests: u64,
    /// The time of the month's first sample.
    first_at: DateTime<Utc>,
    /// The time of the month's last sample.
    last_at: DateTime<Utc>,
}

impl From<&SeenTraffic> for Source {
    fn from(seen: &SeenTraffic) -> Self {
        Self {
            source: seen.source.map_or(Way::Unknown, Way::from),
            billed_bytes: seen.billed.get(),
            ingress_bytes: seen.ingress.get(),
            egress_bytes: seen.egress.get(),
            traffic_bytes: seen.traffic().get(),
            requests: seen.requests,
            first_at: seen.first_at,
            last_at: seen.last_at,
        }
    }
}

/// How far the other ways of counting are from the one that bills: null for that one, and for one that saw nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceDrifts)]
pub(crate) struct Drifts {
    traefik: Option<Drift>,
    docker: Option<Drift>,
    ingest: Option<Drift>,
}

/// How far one way of counting is from the one that bills.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceDrift)]
pub(crate) struct Drift {
    /// How many bytes more it saw, or less.
    bytes: i64,
    /// The same in per cent of what the way that bills saw, to 1 decimal; null when that is nothing.
    #[schema(value_type = Option<f64>, example = 4.2)]
    per_cent: Option<Box<RawValue>>,
}

impl Drift {
    fn between(billing: ByteCount, other: ByteCount) -> Self {
        let bytes = other.to_sql() - billing.to_sql();
        Self { bytes, per_cent: per_cent(bytes, billing).and_then(|text| RawValue::from_string(text).ok()) }
    }
}

/// In tenths, and those in whole numbers: halves are rounded away from nought.
fn per_cent(part: i64, of: ByteCount) -> Option<String> {
    let of = u128::from(of.get());
    let tenths = (u128::from(part.unsigned_abs()) * 2_000 + of).checked_div(2 * of)?;
    let sign = if part < 0 && tenths > 0 { "-" } else { "" };
    Some(format!("{sign}{}.{}", tenths / 10, tenths % 10))
}

impl Drifts {
    fn from(billing: TrafficSource, seen: &[SeenTraffic]) -> Option<Self> {
        let by = |source| seen.iter().find(|seen| seen.source == Some(source)).map(SeenTraffic::traffic);
        let by_billing = by(billing)?;
        let drift = |source: TrafficSource| {
            let other = by(source).filter(|_| source != billing)?;
            Some(Drift::between(by_billing, other))
        };
        let [traefik, docker, ingest] =
            [TrafficSource::Traefik, TrafficSource::Docker, TrafficSource::Ingest].map(drift);
        let any = traefik.is_some() || docker.is_some() || ingest.is_some();
        any.then_some(Self { traefik, docker, ingest })
    }
}

impl Answer {
    fn new(project: ProjectId, month: Month, billing: Option<TrafficSource>, seen: &[SeenTraffic]) -> Self {
        Self {
            project_id: project.to_string(),
            month: month.number(),
            year: month.year(),
            billing_source: billing.map(Way::from),
            sources: seen.iter().map(Source::from).collect(),
            drift: billing.and_then(|billing| Drifts::from(billing, seen)),
        }
    }
}

/// What each way of counting saw of a project's traffic in a month
///
/// Samples that come after their month is closed are billed in another one, and are not among these.
#[utoipa::path(
    get,
    path = "/api/usage/projects/{project_id}/sources",
    operation_id = "read_project_sources",
    tag = "usage",
    params(("project_id" = String, Path, description = "32 lower-case hexadecimal characters"), ReadMonth, ReadAfter),
    responses((status = 200, body = Answer), ReadProblems),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(project): Path<String>,
    query: MonthQuery,
) -> Result<Json<Answer>, Problem> {
    let project = named(&project)?;
    let month = query.ready(&app).await?;
    let seen = app.reads.traffic_sources(user, project, month).await?.ok_or_else(Problem::not_found)?;
    // What was chosen a moment ago counts already.
    app.known.catch_up().await?;
    let billing = app.known.facts().billing_source(project);
    Ok(Json(Answer::new(project, month, billing, &seen)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(source: Option<TrafficSource>, egress: u64) -> SeenTraffic {
        let at = "2026-11-23T12:00:00Z".parse().unwrap();
        SeenTraffic {
            source,
            ingress: ByteCount::ZERO,
            egress: egress.try_into().unwrap(),
            requests: 0,
            billed: ByteCount::ZERO,
            first_at: at,
            last_at: at,
        }
    }

    fn drift(billing: Option<TrafficSource>, seen: &[SeenTraffic]) -> Value {
        let (project, month) = (ProjectId::from_bytes([1; 16]), "2026-11".parse().unwrap());
        serde_json::to_value(Answer::new(project, month, billing, seen)).unwrap()["drift"].clone()
    }

    #[test]
    fn every_other_way_is_held_against_the_one_that_bills() {
        use TrafficSource::{Docker, Ingest, Traefik};
        let all =
            [seen(Some(Docker), 1_100), seen(Some(Ingest), 999), seen(Some(Traefik), 1_000), seen(None, 5)];
        assert_eq!(
            drift(Some(Traefik), &all),
            json!({
                "traefik": null,
                "docker": { "bytes": 100, "per_cent": 10.0 },
                "ingest": { "bytes": -1, "per_cent": -0.1 },
            })
        );
        assert_eq!(drift(None, &all), Value::Null, "everything bills");
        assert_eq!(drift(Some(Traefik), &all[..2]), Value::Null, "it saw nothing");
        assert_eq!(drift(Some(Traefik), &all[2..]), Value::Null, "nobody else did");
        let nothing = [seen(Some(Docker), 7), seen(Some(Traefik), 0)];
        assert_eq!(drift(Some(Traefik), &nothing)["docker"], json!({ "bytes": 7, "per_cent": null }));
    }

    #[test]
    fn per_cents_are_exact_whatever_their_size() {
        let of = |part: i64, whole: u64| per_cent(part, whole.try_into().unwrap()).unwrap();
        assert_eq!((of(1, 3), of(2, 3), of(-1, 3), of(0, 3)), tuple(["33.3", "66.7", "-33.3", "0.0"]));
        assert_eq!(
            (of(1, 2_000), of(-1, 2_000), of(-1, 2_001), of(5, 1)),
            tuple(["0.1", "-0.1", "0.0", "500.0"])
        );
        assert_eq!(of(i64::MAX, 1), "922337203685477580700.0");
        assert_eq!(per_cent(1, ByteCount::ZERO), None);
    }

    fn tuple(of: [&str; 4]) -> (String, String, String, String) {
        of.map(str::to_owned).into()
    }
}
