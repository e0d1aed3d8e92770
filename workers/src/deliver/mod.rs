//! The outbox's worker: sends what the read model of deliveries says is still to be told, and records what came of it.
//!
//! ```text
//!   read model of deliveries ──▶ is it its time? ──▶ the log: still to be sent? ──▶ transport
//!        ▲                        (retry)                                               │
//!        └── runner ◀── log ◀── delivered, delayed at the first failure, given up ◀─────┘
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`engine`] | [`DeliverJob`]: one run, for any transport |
//! | [`retry`] | when a delivery that failed is tried again, and when it is given up |
//! | [`transport`] | what sends one delivery, and why it did not |
//! | [`mail`] | members, by SMTP |
//! | [`webhooks`] | the PaaS, by HTTP |
//! | `letter` | what a mail says of an event |
//! | `reason` | what is recorded of a failure |
//!
//! At least once: a process that ends between sending and recording sends again after it has started. The id of mail and
//! webhook is the event's, so that a repeat is recognisable. What is due is decided where the rows are made
//! (`projections::deliveries`).

pub mod engine;
mod letter;
pub mod mail;
mod reason;
pub mod retry;
pub mod transport;
pub mod webhooks;

pub use engine::{DeliverError, DeliverJob, DeliverReport};
pub use mail::MailTransport;
pub use retry::Retries;
pub use transport::{Failure, Transport};
pub use webhooks::WebhookTransport;

/// Mails to members.
pub type MailJob = DeliverJob<MailTransport>;
/// Webhooks to the PaaS.
pub type WebhooksJob = DeliverJob<WebhookTransport>;
