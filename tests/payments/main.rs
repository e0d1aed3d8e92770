//! Paying, from outside: a real server, the sandbox as its backend, and whoever signs callbacks; over real HTTP.
//!
//! | module | holds |
//! |---|---|
//! | [`shop`] | a server, its payment backend and its users |
//! | [`flow`] | what should happen, for every method, currency and signature scheme |
//! | [`faults`] | a backend that loses answers, hangs, talks nonsense or is not there |
//! | [`races`] | what comes twice, at once or in the wrong order |
//! | [`callbacks`] | who may call back, and with what |
//! | [`endings`] | servers that are killed and stores that go away |
//! | [`steps`] | servers that are killed right after a step was recorded |
//!
//! Every server here logs all it can, and every test ends by looking for what no log may hold.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod callbacks;
mod endings;
mod faults;
mod flow;
mod races;
mod shop;
mod steps;
