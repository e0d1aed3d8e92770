//! The bodies, for the OpenAPI document only: they are read without these types.

use chrono::{DateTime, Utc};
use utoipa::{IntoParams, ToSchema};

/// NDJSON for the document.
pub(super) const LINES: &str = concat!(
    r#"{"project_id":"0123456789abcdef0123456789abcdef","ingress_bytes":512,"egress_bytes":20480,"requests":3,"at":"2026-11-23T18:30:00Z"}"#,
    "\n",
    r#"{"project_id":"0123456789abcdef0123456789abcdef","ingress_bytes":0,"egress_bytes":77,"at":"2026-11-23T18:30:01Z"}"#,
    "\n"
);

/// Samples that come and count together.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct TrafficBatch {
    /// The batch's id. The source never uses it for other samples.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[A-Za-z0-9._:/@-]+$",
        example = "gateway-1:2026-11-23T18:30"
    )]
    batch_id: String,
    /// Where the samples come from.
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9._:/@-]+$", example = "gateway-1")]
    source: String,
    /// The samples.
    #[schema(min_items = 1, max_items = 50_000)]
    samples: Vec<TrafficSample>,
}

/// What one project's traffic was, at one time.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct TrafficSample {
    /// The project.
    #[schema(pattern = "^[0-9a-f]{32}$", example = "0123456789abcdef0123456789abcdef")]
    project_id: String,
    /// Bytes that clients sent.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_u64, example = 512)]
    ingress_bytes: u64,
    /// Bytes that the project sent.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_u64, example = 20480)]
    egress_bytes: u64,
    /// Requests answered.
    #[schema(default = 0, minimum = 0, maximum = 9_223_372_036_854_775_807_u64, example = 3)]
    requests: Option<u64>,
    /// When, in RFC 3339; it decides the month. At most 5 minutes ahead of the server's clock.
    at: DateTime<Utc>,
}

/// A sample as a CloudEvent 1.0. Extension attributes are taken and not looked at.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct TrafficEvent {
    /// The version of CloudEvents.
    #[schema(pattern = "^1\\.0$", example = "1.0")]
    specversion: String,
    /// What kind of event it is.
    #[schema(pattern = "^servelink\\.traffic$", example = "servelink.traffic")]
    r#type: String,
    /// Where it comes from.
    #[schema(min_length = 1, max_length = 128, example = "/gateways/1")]
    source: String,
    /// Its id. The source never uses it for another event.
    #[schema(min_length = 1, max_length = 128, example = "A234-1234-1234")]
    id: String,
    /// When; stands in for a sample without `at`.
    time: Option<DateTime<Utc>>,
    /// What `data` is written in.
    #[schema(example = "application/json")]
    datacontenttype: Option<String>,
    /// The sample.
    data: TrafficSample,
}

/// What NDJSON has no place for. No other content type takes these.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
pub(crate) struct LinesQuery {
    /// NDJSON only, and required there: the batch's id.
    #[param(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9._:/@-]+$")]
    batch_id: Option<String>,
    /// NDJSON only, and required there: where the samples come from.
    #[param(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9._:/@-]+$")]
    source: Option<String>,
}
