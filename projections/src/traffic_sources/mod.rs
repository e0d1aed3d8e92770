//! What each way of counting saw of each project's traffic, by month, whether it was billed or not.
//!
//! Late samples of a closed month are billed as a correction of another one, and of which way they came is not in it:
//! they are not here.

mod project;
mod query;
mod row;

pub use project::TrafficSourcesProjector;
pub(crate) use query::of_project;
pub use row::SeenTraffic;
