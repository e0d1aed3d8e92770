//! What each team has of the plans it paid for. What that means now (active, due, in grace) is for whoever has a clock.

mod project;
mod query;
mod row;

pub use project::SubscriptionsProjector;
pub(crate) use query::of_team;
pub use row::{Lapsed, Subscription};
