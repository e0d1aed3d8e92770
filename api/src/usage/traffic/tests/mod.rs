//! What is read from which body, and what is refused how. The tests of the route as a whole are in
//! `api/tests/traffic.rs`.

mod any_bytes;
mod batches;
mod bodies;
mod events;
mod formats;
mod recording;
mod samples;
mod times;

use store::ingest::{Rejection, Sample};

use super::format::Format;
use super::record::Content;
use crate::problem::{Kind, Problem};

/// A good sample.
const GOOD: &str = r#"{"project_id":"0123456789abcdef0123456789abcdef","ingress_bytes":1,"egress_bytes":2,"requests":3,"at":"2026-11-23T12:00:00Z"}"#;

fn lines() -> Format {
    Format::Lines { batch_id: "b".into(), source: "s".into() }
}

fn batch(samples: &str) -> String {
    format!(r#"{{"batch_id":"b","source":"s","samples":[{samples}]}}"#)
}

fn read(format: Format, body: &[u8]) -> Result<Content, Problem> {
    Content::of(format, body)
}

/// What each sample of a body became.
fn samples(content: &Content) -> Vec<Result<Sample, Rejection>> {
    content.batches.iter().flat_map(|batch| batch.samples.iter().cloned()).collect()
}

/// What the caller is told of a body that is refused: the kind, the field, the code and the detail.
fn refused(format: Format, body: &[u8]) -> (Kind, String, String, String) {
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    let Err(problem) = read(format, body) else { panic!("this was taken: {shown}") };
    let item = problem.errors().first();
    let field = item.and_then(|item| item.field.clone()).unwrap_or_default();
    let code = item.map(|item| item.code.clone()).unwrap_or_default();
    (problem.kind(), field.into_owned(), code.into_owned(), problem.to_string())
}
