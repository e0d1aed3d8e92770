//! What each project used, by month and by day.

mod project;
mod query;
mod row;
#[cfg(test)]
mod tests;

pub use project::ProjectUsageProjector;
pub(crate) use query::{Asked, days, months, open_months, recent_traffic};
pub use row::{ProjectDay, ProjectUsage};
