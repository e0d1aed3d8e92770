//! What each project used, by month and by day.

mod project;
mod query;
mod row;
#[cfg(test)]
mod tests;

pub use project::ProjectUsageProjector;
pub(crate) use query::{Asked, days, months, open_months, traffic_by_day};
pub use row::{ProjectDay, ProjectUsage};
