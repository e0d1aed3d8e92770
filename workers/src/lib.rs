//! What Servelink does by itself, at intervals: each job reads something outside and gives commands to the log.
//!
//! | module | holds |
//! |---|---|
//! | [`job`] | what a job is, and the runner that all of them share |
//! | [`jobs`] | every job there is, in one place |
//! | [`trouble`] | a trouble that lasts is logged when it begins and when it ends |
//! | [`deliver`] | the outbox's worker: sends mails and webhooks that are due, and records what came of it |
//! | [`mail`] | what a mail says, and how it is handed to an SMTP server |
//! | [`payment_backend`] | asks the payment backend over HTTP, patiently but not for ever |
//! | [`limits`] | holds what teams use against their plans, and has alerts raised |
//! | [`months`] | closes months whose grace is over |
//! | [`payments`] | settles captured payments, asks the backend about open ones, reminds of renewals |
//! | [`storage`] | measures each project's disk against a Docker engine |
//! | [`nic`] | reads the counters of containers' network interfaces and has the difference counted |
//! | [`traefik`] | reads Traefik's counters and has the difference counted |
//! | [`webhook`] | tells the PaaS of alerts and plan changes, signed |
//!
//! A job has a file or folder of its own: named limits on top, its configuration, a small `run`, and the parts of it
//! that can be checked without a network as plain functions. Flags are not here: the binary fills the configuration.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod deliver;
mod docker;
pub mod job;
pub mod jobs;
pub mod limits;
pub mod mail;
pub mod months;
pub mod nic;
pub mod payment_backend;
pub mod payments;
pub mod storage;
pub mod traefik;
pub mod trouble;
pub mod webhook;
