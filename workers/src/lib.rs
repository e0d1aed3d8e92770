//! What Servelink does by itself, at intervals: each job reads something outside and gives commands to the log.
//!
//! | module | holds |
//! |---|---|
//! | [`job`] | what a job is, and the runner that all of them share |
//! | [`trouble`] | a trouble that lasts is logged when it begins and when it ends |
//! | [`mail`] | what a mail says, and how it is handed to an SMTP server |
//! | [`payment_backend`] | asks the payment backend over HTTP, patiently but not for ever |
//! | [`limits`] | holds what teams use against their plans, and has alerts raised |
//! | [`payments`] | settles captured payments, asks the backend about open ones, reminds of renewals |
//! | [`storage`] | measures each project's disk against a Docker engine |
//! | [`traefik`] | reads Traefik's counters and has the difference counted |
//!
//! A job has a file or folder of its own: named limits on top, its configuration, a small `run`, and the parts of it
//! that can be checked without a network as plain functions. Flags are not here: the binary fills the configuration.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod job;
pub mod limits;
pub mod mail;
pub mod payment_backend;
pub mod payments;
pub mod storage;
pub mod traefik;
pub mod trouble;
