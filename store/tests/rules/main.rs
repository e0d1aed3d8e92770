//! What commands and ingestion promise, whichever backend: here it is memory, which restarts and has several nodes
//! at no cost. That memory keeps the log's contract like the others is `tests/memory.rs`.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod backend;
mod bank;
mod comparisons;
mod counters;
mod deliveries;
mod directory;
mod duplicates;
mod links;
mod meanwhile;
mod money;
mod months;
mod names;
mod payments;
mod repository;
mod samples;
mod shop;
mod steps;
mod witness;
mod world;
