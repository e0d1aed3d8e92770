//! The runner and the read models on real stores, each test on both: `scripts/test -p servelink-projections`.
#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod common;
mod deliveries;
mod once;
mod payments;
mod rebuild;
mod sources;
mod stops;
mod subscriptions;
mod sums;
mod waiting;
