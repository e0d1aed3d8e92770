//! Read models: what the log says, laid out for reading.
//!
//! | module | holds |
//! |---|---|
//! | [`runner`] | reads the log, applies it, moves checkpoints; rebuilds |
//! | [`projector`] | [`Projector`]: what a read model does with events |
//! | [`directory`], [`project_usage`], [`team_usage`] | read models, one folder each: rows, projector, queries |
//! | [`payment_history`], [`subscriptions`], [`alerts`], [`traffic_sources`] | more of them |
//! | [`deliveries`] | the outbox: what is to be told by mail and webhook |
//! | [`reads`] | [`ReadModels`]: what the API asks |
//! | [`db`] | one way to talk to SQLite and Postgres |
//!
//! Nothing here appends to the log or talks to a network.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alerts;
pub mod db;
pub mod deliveries;
mod delta;
pub mod directory;
mod event;
pub mod payment_history;
pub mod project_usage;
pub mod projector;
pub mod reads;
pub mod runner;
pub mod subscriptions;
pub mod team_usage;
pub mod traffic_sources;

use std::sync::Arc;

pub use alerts::Alert;
pub use db::{Db, DbError};
pub use deliveries::{DeliveryCounts, GivenUp, PendingDelivery, Reader};
pub use directory::MemberOf;
pub use event::{Body, ProjectedEvent};
pub use payment_history::{
    FlaggedCounts, FlaggedPayment, PaymentCursor, PaymentFilter, PaymentPage, PaymentRow,
};
pub use project_usage::{ProjectDay, ProjectUsage};
pub use projector::{ApplyError, Projector};
pub use reads::{QueryError, ReadModels, WaitError};
pub use runner::{ProjectorStatus, Runner, RunnerError};
pub use subscriptions::{Lapsed, Subscription};
pub use team_usage::{TeamProjectUsage, TeamTotals, TeamUsage};
pub use traffic_sources::SeenTraffic;

/// Every read model there is.
#[must_use]
pub fn all() -> Vec<Arc<dyn Projector>> {
    vec![
        Arc::new(directory::DirectoryProjector),
        Arc::new(project_usage::ProjectUsageProjector),
        Arc::new(team_usage::TeamUsageProjector),
        Arc::new(payment_history::PaymentHistoryProjector),
        Arc::new(subscriptions::SubscriptionsProjector),
        Arc::new(alerts::AlertsProjector),
        Arc::new(traffic_sources::TrafficSourcesProjector),
        Arc::new(deliveries::DeliveriesProjector),
    ]
}
