//! A lease that is lost in the middle of a run, on a real Postgres: whoever had the job takes not one further step of it.
//!
//! | module | shows |
//! |---|---|
//! | `lost` | how a node finds out: by its own clocks when it was held up, else from the database |
//! | `node` | a node with one job, whose steps are on record |
#![allow(clippy::unwrap_used, missing_docs)]

mod lost;
mod node;
