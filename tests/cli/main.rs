//! The command line, as people and scripts type it.
//!
//! | module | shows |
//! |---|---|
//! | `settings` | help, wrong values, and where a setting may come from |
//! | `secrets` | what is secret is never printed, and its files are their owner's alone |
//! | `store` | one owner for each data folder; what a killed server leaves behind |
//! | `demo` | the first thing that anybody types |
//! | `sandbox` | a payment backend to try payments with |
//! | `jobs` | which jobs there are, and having one run at once |
//! | `mail` | every letter, written into a folder |
//! | `projections` | status and rebuilding, with a server running or not |
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
mod demo;
mod jobs;
mod mail;
mod projections;
mod sandbox;
mod secrets;
mod settings;
mod store;
