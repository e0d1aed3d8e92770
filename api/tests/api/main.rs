//! The interface as a caller sees it, over a real log and real read models in SQLite.
#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod contacts;
mod directory;
mod document;
mod notifications;
mod operations;
mod payments;
mod sources;
mod storage;
mod support;
mod usage;
