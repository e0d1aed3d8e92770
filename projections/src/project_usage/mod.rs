//! What each project used, by month and by day.

mod project;
mod query;
mod row;

pub use project::ProjectUsageProjector;
pub(crate) use query::{Asked, days, months};
pub use row::{ProjectDay, ProjectUsage};
