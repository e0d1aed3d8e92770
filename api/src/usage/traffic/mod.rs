//! `POST /api/usage/traffic`: traffic samples in, durable before the answer.
//!
//! | file | does |
//! |---|---|
//! | `record.rs` | the route: puts the rest together |
//! | `format.rs` | what the headers and the query say of the body |
//! | `body.rs`, `budget.rs` | receives and decompresses it, within limits |
//! | `batch.rs`, `event.rs` | reads it as JSON, NDJSON or CloudEvents |
//! | `sample.rs`, `time.rs` | reads one sample |
//! | `json.rs`, `fault.rs` | reads JSON, says where it is wrong |
//! | `answer.rs` | adds up what became of the samples |
//! | `schema.rs` | the bodies in the OpenAPI document |
//!
//! What is wrong is of two kinds. A **fault** (`fault.rs`) means that the request is not understood: broken JSON, an
//! unknown or repeated field, no batch id. Nothing of it is recorded. A **rejection** concerns one sample: a wrong
//! value, an unknown project, a time in the future. The other samples are recorded; when there are no others, nothing
//! is, and the answer is an error.

mod answer;
mod batch;
mod body;
mod budget;
mod event;
mod fault;
mod format;
mod json;
mod record;
mod sample;
mod schema;
mod time;

#[cfg(test)]
mod tests;

pub(crate) use record::{__path_record, record};
