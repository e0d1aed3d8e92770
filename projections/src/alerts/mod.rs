//! The alerts that were raised for each team, and whether they still stand.

mod project;
mod query;
mod row;

pub use project::AlertsProjector;
pub(crate) use query::of_team;
pub use row::Alert;
