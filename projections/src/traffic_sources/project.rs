//! Events into rows of traffic sources: a batch is added up first, so that each row is touched once.

use std::collections::HashMap;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::TrafficSource;
use domain::comparison::{Comparison, ComparisonEvent};
use domain::usage::{TrafficRecorded, Usage, UsageEvent, UsageId};
use serde_json::json;

use super::query::UNKNOWN;
use crate::db::{DbError, Tx};
use crate::delta::set_sum;
use crate::event::{Body, ProjectedEvent};
use crate::projector::{ApplyError, Projector};

/// Makes traffic sources.
pub struct TrafficSourcesProjector;

#[async_trait]
impl Projector for TrafficSourcesProjector {
    fn name(&self) -> &'static str {
        "traffic_sources"
    }

    fn version(&self) -> i64 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["traffic_sources"]
    }

    fn aggregates(&self) -> &'static [&'static str] {
        &[Usage::TYPE, Comparison::TYPE]
    }

    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError> {
        let mut seen: HashMap<(UsageId, Option<TrafficSource>), Seen> = HashMap::new();
        for (id, traffic, is_billed) in events.iter().filter_map(traffic_of) {
            seen.entry((id, traffic.kind)).or_insert_with(|| Seen::nothing(traffic)).add(traffic, is_billed);
        }
        Ok(write(tx, generation, &seen).await?)
    }
}

/// The traffic that an event tells of, and whether it is billed.
const fn traffic_of(event: &ProjectedEvent) -> Option<(UsageId, &TrafficRecorded, bool)> {
    match &event.body {
        Body::Usage(id, UsageEvent::TrafficRecorded(traffic)) => Some((*id, traffic, true)),
        Body::Comparison(id, ComparisonEvent::TrafficCompared(traffic)) => Some((*id, traffic, false)),
        Body::Usage(
            _,
            UsageEvent::StorageMeasured(_) | UsageEvent::UsageCorrected(_) | UsageEvent::MonthClosed(_),
        )
        | Body::Team(..)
        | Body::Payment(..)
        | Body::Delivery(..)
        | Body::Other
        | Body::Unreadable { .. } => None,
    }
}

/// What a batch of events adds to one row. Sums stop at the largest number that SQL can hold.
struct Seen {
    ingress: i64,
    egress: i64,
    requests: i64,
    billed: i64,
    /// In microseconds since 1970.
    first: i64,
    last: i64,
}

impl Seen {
    /// Nothing yet, of the time of this.
    const fn nothing(traffic: &TrafficRecorded) -> Self {
        let (first, last) = (traffic.from.timestamp_micros(), traffic.until.timestamp_micros());
        Self { ingress: 0, egress: 0, requests: 0, billed: 0, first, last }
    }

    fn add(&mut self, traffic: &TrafficRecorded, is_billed: bool) {
        let (ingress, egress) = (traffic.ingress_bytes.to_sql(), traffic.egress_bytes.to_sql());
        let add = |sum: &mut i64, more| *sum = sum.saturating_add(more);
        add(&mut self.ingress, ingress);
        add(&mut self.egress, egress);
        add(&mut self.requests, i64::try_from(traffic.requests).unwrap_or(i64::MAX));
        if is_billed {
            add(&mut self.billed, ingress.saturating_add(egress));
        }
        self.first = self.first.min(traffic.from.timestamp_micros());
        self.last = self.last.max(traffic.until.timestamp_micros());
    }
}

async fn write(
    tx: &mut Tx,
    generation: i64,
    seen: &HashMap<(UsageId, Option<TrafficSource>), Seen>,
) -> Result<(), DbError> {
    if seen.is_empty() {
        return Ok(());
    }
    let rows = seen.iter().map(|((id, source), seen)| {
        let source = source.map_or(UNKNOWN, TrafficSource::as_str);
        let Seen { ingress, egress, requests, billed, first, last } = seen;
        json!([id.project, id.month, source, ingress, egress, requests, billed, first, last])
    });
    let rows = serde_json::Value::from_iter(rows).to_string();
    let sums = ["ingress_bytes", "egress_bytes", "requests", "billed_bytes"]
        .map(|column| set_sum("traffic_sources", column));
    let sql = format!(
        "INSERT INTO traffic_sources (generation, project_id, month, source, ingress_bytes, egress_bytes, requests, \
         billed_bytes, first_at, last_at) \
         SELECT $2, value->>0, value->>1, value->>2, CAST(value->>3 AS BIGINT), CAST(value->>4 AS BIGINT), \
         CAST(value->>5 AS BIGINT), CAST(value->>6 AS BIGINT), CAST(value->>7 AS BIGINT), CAST(value->>8 AS BIGINT) \
         FROM {} AS rows WHERE true \
         ON CONFLICT (generation, project_id, month, source) DO UPDATE SET {}, \
         first_at = CASE WHEN excluded.first_at < traffic_sources.first_at THEN excluded.first_at \
         ELSE traffic_sources.first_at END, \
         last_at = CASE WHEN excluded.last_at > traffic_sources.last_at THEN excluded.last_at \
         ELSE traffic_sources.last_at END",
        tx.rows(),
        sums.join(", ")
    );
    tx.execute(&sql, &[(&rows).into(), generation.into()]).await?;
    Ok(())
}
