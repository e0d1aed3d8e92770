//! Servelink's HTTP interface: routes, access, problem details, OpenAPI.
//!
//! | module | holds |
//! |---|---|
//! | [`app`] | [`App`]: what the routes share |
//! | [`router()`] | every route, and what is around them |
//! | `usage`, `payment`, `team` | the routes of each aggregate, one file a verb |
//! | `plans`, `health`, `openapi` | the routes that belong to none |
//! | [`auth`] | who asks, and whether he may |
//! | `params`, `body` | what a request says, read strictly |
//! | `page` | what pages for people share |
//! | `problem` | errors as RFC 9457 problem details: the one place that decides status and log level |
//! | `frame` | around every request: id, time limit, panics, headers |
//!
//! No handler writes a read model or reads the log's history.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod auth;
mod body;
mod frame;
mod health;
mod openapi;
mod page;
mod params;
mod payment;
mod plans;
mod problem;
mod router;
mod team;
mod usage;

pub use app::App;
pub use router::router;
