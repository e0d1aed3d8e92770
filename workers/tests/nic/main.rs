//! Network counters of containers, by an engine that the tests play and by a real one.
#![allow(clippy::unwrap_used, missing_docs)]

mod ends;
#[path = "../storage/engine.rs"]
#[allow(dead_code, reason = "the tests of storage use more of it")]
mod engine;
mod fake;
mod faults;
mod figures;
mod real;
mod scene;
mod sender;
