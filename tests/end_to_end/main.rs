//! The finished program, the whole way: what is typed and sent, and what is seen of it afterwards.
//!
//! | module | shows |
//! |---|---|
//! | `alerts` | limits that are come near to are told within seconds, each once |
//! | `contacts` | a member's address is kept so that nobody reads it, and forgotten for good |
//! | `usage` | directory and samples become exactly the usage that was sent, and stay so |
//! | `keys` | service keys work at once and stop at once, whether or not a server runs |
//! | `endings` | whatever ends a server under load, what was acknowledged is counted, once |
//! | `frozen` | a node that was frozen does and tells nothing twice |
//! | `storage` | what a real Docker engine tells is in the usage |
//! | `nic` | what containers send is read from a real Docker engine, and billed where that was chosen |
//! | `metrics` | Prometheus is told numbers, and nothing of anybody |
//! | `news` | members and the PaaS are told of alerts, each once, whatever is down meanwhile |
//! | `dead_letter` | a mail that is refused for good is given up, counted and named nowhere |
//! | `nodes` | several servers share one Postgres, with all roles or some |
#![allow(clippy::unwrap_used, missing_docs)]

mod alerts;
#[path = "../common/mod.rs"]
mod common;
mod contacts;
mod dead_letter;
mod endings;
mod engine;
mod frozen;
mod keys;
mod metrics;
mod news;
mod nic;
mod nodes;
#[path = "../../workers/tests/nic/sender.rs"]
mod sender;
mod storage;
mod usage;
