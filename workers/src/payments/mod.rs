//! What payments need by themselves: money that has come becomes a plan, backends that said nothing are asked again,
//! and plans whose time ends are reminded of and lapse.
//!
//! Every job looks at what is known and issues commands; the aggregates decide, so a run that is cut off or done twice,
//! here or on another node, changes nothing.

mod reconcile;
mod renewals;
mod schedule;
mod settle;

pub use reconcile::{ReconcileJob, ReconcileReport};
pub use renewals::{RenewalsJob, RenewalsReport};
pub use settle::{SettleJob, SettleReport};
