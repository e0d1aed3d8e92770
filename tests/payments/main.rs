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
//! | [`brake`] | a store that comes no further than to one event |
//! | [`steps`] | servers that are killed right before each step of a payment is recorded |
//! | [`review`] | what the operator is told of money that a person has to decide about |
//! | [`settling`] | servers that are killed while money becomes a plan or a refund |
//!
//! Every server here logs all it can, and every test ends by looking for what no log may hold; [`planted`] shows that
//! `scripts/test`, which looks through the logs of all tests, would find it.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod brake;
mod callbacks;
mod endings;
mod faults;
mod flow;
mod planted;
mod races;
mod review;
mod settling;
mod shop;
mod steps;
