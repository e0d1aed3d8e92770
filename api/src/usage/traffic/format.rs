//! What a request says of its body before the body: its content type, its content coding, and the names that NDJSON
//! has beside it.

use axum::extract::Query;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Uri};

use super::batch::{NAME, is_name};
use crate::body::shortened;
use crate::problem::{Kind, Problem};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const EVENT: &str = "application/cloudevents+json";
const EVENTS: &str = "application/cloudevents-batch+json";

/// How the samples are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// One object.
    Json,
    /// A sample on each line.
    Lines {
        /// The batch's id.
        batch_id: String,
        /// The source.
        source: String,
    },
    /// One CloudEvent.
    Event,
    /// An array of CloudEvents.
    Events,
}

/// How the body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Format {
    /// The format that these headers and this address name.
    pub(super) fn of(headers: &HeaderMap, uri: &Uri) -> Result<Self, Problem> {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut parts = media_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name.eq_ignore_ascii_case("charset") && !value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            {
                return Err(unsupported("the charset is not taken: JSON is written in UTF-8"));
            }
        }
        let is = |known: &str| essence.eq_ignore_ascii_case(known);
        if is(NDJSON) {
            return Self::lines(uri);
        }
        let format = match essence {
            _ if is(JSON) => Self::Json,
            _ if is(EVENT) => Self::Event,
            _ if is(EVENTS) => Self::Events,
            "" => return Err(unsupported("the request has no Content-Type")),
            _ => return Err(unsupported("this Content-Type is not taken here")),
        };
        // A batch_id that would be overlooked is worse than one that is refused.
        match pairs(uri)?.into_iter().next() {
            None => Ok(format),
            Some((name, _)) => {
                let name = shortened(&name);
                Err(Problem::field(name, "unknown_field", "only application/x-ndjson takes query parameters"))
            }
        }
    }

    fn lines(uri: &Uri) -> Result<Self, Problem> {
        let (mut batch_id, mut source) = (None, None);
        for (name, value) in pairs(uri)? {
            let (name, slot) = match name.as_str() {
                "batch_id" => ("batch_id", &mut batch_id),
                "source" => ("source", &mut source),
                _ => {
                    let name = shortened(&name);
                    return Err(Problem::field(name, "unknown_field", "there is no such parameter here"));
                }
            };
            if slot.is_some() {
                return Err(Problem::field(name, "duplicate_field", "comes twice in the query"));
            }
            if !is_name(&value) {
                return Err(Problem::field(name, "invalid", NAME));
            }
            *slot = Some(value);
        }
        let missing =
            |name: &'static str| move || Problem::field(name, "missing_field", "is missing in the query");
        Ok(Self::Lines {
            batch_id: batch_id.ok_or_else(missing("batch_id"))?,
            source: source.ok_or_else(missing("source"))?,
        })
    }
}

impl Coding {
    /// The coding that these headers name.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let Some(coding) = codings.next() else { return Ok(Self::Identity) };
        let coding = coding.as_bytes().trim_ascii().to_ascii_lowercase();
        match (coding.as_slice(), codings.next()) {
            (b"" | b"identity", None) => Ok(Self::Identity),
            // RFC 9110, section 8.4.1.3: x-gzip is gzip.
            (b"gzip" | b"x-gzip", None) => Ok(Self::Gzip),
            (b"zstd", None) => Ok(Self::Zstd),
            _ => {
                let detail = "this Content-Encoding is not taken here: one of gzip, zstd and identity is";
                let supported = ["gzip", "zstd", "identity"].map(serde_json::Value::from);
                Err(Problem::new(Kind::UnsupportedMediaType, detail).member("supported", supported.to_vec()))
            }
        }
    }
}

fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let pairs = Query::try_from_uri(uri).map_err(|_| {
        Problem::new(Kind::BadRequest, "the query is not of the form `name=value&name=value`")
    })?;
    Ok(pairs.0)
}

fn unsupported(detail: &str) -> Problem {
    let supported = [JSON, NDJSON, EVENT, EVENTS];
    let detail = format!("{detail}; taken are {}", supported.join(", "));
    Problem::new(Kind::UnsupportedMediaType, detail)
        .member("supported", supported.map(serde_json::Value::from).to_vec())
}
