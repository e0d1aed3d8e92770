//! What a batch of events adds to one row of usage, and the SQL that adds it.

use domain::usage::UsageEvent;

use crate::event::{Body, ProjectedEvent};

/// The events in runs that may be added up. A correction downwards is a run of its own: sums stop at the largest
/// number, so that adding and taking away give the same only in the order in which they happened.
pub(crate) fn runs(events: &[ProjectedEvent]) -> impl Iterator<Item = &[ProjectedEvent]> {
    events.chunk_by(|one, next| !lowers(one) && !lowers(next))
}

fn lowers(event: &ProjectedEvent) -> bool {
    match &event.body {
        Body::Usage(_, UsageEvent::UsageCorrected(corrected)) => {
            let delta = &corrected.delta;
            delta.ingress_bytes < 0 || delta.egress_bytes < 0 || delta.requests < 0
        }
        Body::Usage(
            _,
            UsageEvent::TrafficRecorded(_) | UsageEvent::StorageMeasured(_) | UsageEvent::MonthClosed(_),
        )
        | Body::Team(..)
        | Body::Payment(..)
        | Body::Comparison(..)
        | Body::Delivery(..)
        | Body::Other
        | Body::Unreadable { .. } => false,
    }
}

/// What a batch of events adds to one row of usage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) ingress: i64,
    pub(crate) egress: i64,
    pub(crate) requests: i64,
    /// The last measurement in the batch; it replaces what is there.
    pub(crate) storage: Option<i64>,
}

impl Delta {
    /// What one event adds.
    pub(crate) fn of(event: &UsageEvent) -> Self {
        match event {
            UsageEvent::TrafficRecorded(traffic) => Self {
                ingress: traffic.ingress_bytes.to_sql(),
                egress: traffic.egress_bytes.to_sql(),
                requests: i64::try_from(traffic.requests).unwrap_or(i64::MAX),
                storage: None,
            },
            UsageEvent::StorageMeasured(measured) => {
                Self { storage: Some(measured.total_bytes.to_sql()), ..Self::default() }
            }
            UsageEvent::UsageCorrected(corrected) => Self {
                ingress: corrected.delta.ingress_bytes,
                egress: corrected.delta.egress_bytes,
                requests: corrected.delta.requests,
                storage: None,
            },
            UsageEvent::MonthClosed(_) => Self::default(),
        }
    }

    /// Adds a later one of the same run.
    pub(crate) fn add(&mut self, later: &Self) {
        self.ingress = self.ingress.saturating_add(later.ingress);
        self.egress = self.egress.saturating_add(later.egress);
        self.requests = self.requests.saturating_add(later.requests);
        self.storage = later.storage.or(self.storage);
    }
}

/// `SET` clauses that add a delta's columns to a row of `table`. Sums stop at the largest number that SQL can hold,
/// up and down (Postgres would refuse the statement, SQLite would make it a float).
pub(crate) fn set_sums(table: &str) -> String {
    format!(
        "{}, {}, {}, storage_bytes = coalesce(excluded.storage_bytes, {table}.storage_bytes)",
        set_sum(table, "ingress_bytes"),
        set_sum(table, "egress_bytes"),
        set_sum(table, "requests")
    )
}

/// The same for one column.
pub(crate) fn set_sum(table: &str, column: &str) -> String {
    format!(
        "{column} = CASE WHEN excluded.{column} > 0 AND {table}.{column} > 9223372036854775807 - excluded.{column} \
         THEN 9223372036854775807 \
         WHEN excluded.{column} < 0 AND {table}.{column} < -9223372036854775807 - excluded.{column} \
         THEN -9223372036854775807 ELSE {table}.{column} + excluded.{column} END"
    )
}
