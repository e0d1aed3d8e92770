//! Every payment as it stands, for the members of its team.

mod cursor;
mod project;
mod query;
mod row;
#[cfg(test)]
mod tests;

pub use cursor::{CursorError, PaymentCursor};
pub use project::PaymentHistoryProjector;
pub(crate) use query::{flagged, flagged_counts, page, payment};
pub use row::{FlaggedCounts, FlaggedPayment, PaymentFilter, PaymentPage, PaymentRow};
