//! What each team used by month, over the projects that were its own at the time.

mod project;
mod query;
mod row;

pub use project::TeamUsageProjector;
pub(crate) use query::{month, totals};
pub use row::{TeamProjectUsage, TeamTotals, TeamUsage};
