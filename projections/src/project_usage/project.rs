//! Events into rows of project usage: a batch is added up first, so that each row is touched once.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::usage::{Usage, UsageEvent, UsageId};
use domain::{Day, ProjectId};
use serde_json::json;

use crate::db::{DbError, Tx};
use crate::delta::{Delta, runs, set_sums};
use crate::event::{Body, ProjectedEvent};
use crate::projector::{ApplyError, Projector};

/// Makes project usage.
pub struct ProjectUsageProjector;

#[async_trait]
impl Projector for ProjectUsageProjector {
    fn name(&self) -> &'static str {
        "project_usage"
    }

    fn version(&self) -> i64 {
        2
    }

    fn tables(&self) -> &'static [&'static str] {
        &["project_usage", "project_usage_day"]
    }

    fn aggregates(&self) -> &'static [&'static str] {
        &[Usage::TYPE]
    }

    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError> {
        for run in runs(events) {
            let mut sums = Sums::default();
            for event in run {
                sums.add(event)?;
            }
            write_months(tx, generation, &sums.months).await?;
            write_days(tx, generation, &sums.days).await?;
        }
        Ok(())
    }
}

/// What a run of events adds to each row.
#[derive(Default)]
struct Sums {
    months: HashMap<UsageId, MonthDelta>,
    days: HashMap<(ProjectId, Day), Delta>,
}

struct MonthDelta {
    delta: Delta,
    /// When the first and the last event were recorded, in microseconds since 1970.
    first: i64,
    last: i64,
    /// When it was closed.
    closed: Option<i64>,
}

impl Sums {
    fn add(&mut self, event: &ProjectedEvent) -> Result<(), ApplyError> {
        let Body::Usage(id, usage) = &event.body else { return Ok(()) };
        let delta = Delta::of(usage);
        let recorded = event.recorded_at.timestamp_micros();
        let new = || MonthDelta { delta: Delta::default(), first: recorded, last: recorded, closed: None };
        let month = self.months.entry(*id).or_insert_with(new);
        month.delta.add(&delta);
        month.last = recorded;
        month.closed = month.closed.or(closes(usage).then_some(recorded));
        if let Some(at) = day_of(usage) {
            let day = Day::of(at)
                .map_err(|error| ApplyError::Event { position: event.position, why: error.to_string() })?;
            self.days.entry((id.project, day)).or_default().add(&delta);
        }
        Ok(())
    }
}

const fn closes(event: &UsageEvent) -> bool {
    match event {
        UsageEvent::MonthClosed(_) => true,
        UsageEvent::TrafficRecorded(_) | UsageEvent::StorageMeasured(_) | UsageEvent::UsageCorrected(_) => {
            false
        }
    }
}

/// The instant whose day an event counts in.
fn day_of(event: &UsageEvent) -> Option<DateTime<Utc>> {
    match event {
        UsageEvent::TrafficRecorded(traffic) => Some(traffic.from),
        UsageEvent::StorageMeasured(measured) => Some(measured.measured_at),
        UsageEvent::UsageCorrected(corrected) => Some(corrected.at),
        UsageEvent::MonthClosed(_) => None,
    }
}

async fn write_months(
    tx: &mut Tx,
    generation: i64,
    months: &HashMap<UsageId, MonthDelta>,
) -> Result<(), DbError> {
    if months.is_empty() {
        return Ok(());
    }
    let rows = months.iter().map(|(id, MonthDelta { delta, first, last, closed })| {
        let Delta { ingress, egress, requests, storage } = delta;
        json!([id.project, id.month, ingress, egress, requests, storage, first, last, closed])
    });
    let rows = serde_json::Value::from_iter(rows).to_string();
    let sql = format!(
        "INSERT INTO project_usage (generation, project_id, month, ingress_bytes, egress_bytes, requests, \
         storage_bytes, created_at, updated_at, closed_at) \
         SELECT $2, value->>0, value->>1, CAST(value->>2 AS BIGINT), CAST(value->>3 AS BIGINT), \
         CAST(value->>4 AS BIGINT), CAST(value->>5 AS BIGINT), CAST(value->>6 AS BIGINT), CAST(value->>7 AS BIGINT), \
         CAST(value->>8 AS BIGINT) \
         FROM {} AS rows WHERE true \
         ON CONFLICT (generation, project_id, month) DO UPDATE SET {}, updated_at = excluded.updated_at, \
         closed_at = coalesce(project_usage.closed_at, excluded.closed_at)",
        tx.rows(),
        set_sums("project_usage")
    );
    tx.execute(&sql, &[(&rows).into(), generation.into()]).await?;
    Ok(())
}

async fn write_days(
    tx: &mut Tx,
    generation: i64,
    days: &HashMap<(ProjectId, Day), Delta>,
) -> Result<(), DbError> {
    if days.is_empty() {
        return Ok(());
    }
    let rows = days.iter().map(|((project, day), delta)| {
        json!([project, day.to_string(), delta.ingress, delta.egress, delta.requests, delta.storage])
    });
    let rows = serde_json::Value::from_iter(rows).to_string();
    let sql = format!(
        "INSERT INTO project_usage_day (generation, project_id, day, ingress_bytes, egress_bytes, requests, \
         storage_bytes) \
         SELECT $2, value->>0, value->>1, CAST(value->>2 AS BIGINT), CAST(value->>3 AS BIGINT), \
         CAST(value->>4 AS BIGINT), CAST(value->>5 AS BIGINT) \
         FROM {} AS rows WHERE true \
         ON CONFLICT (generation, project_id, day) DO UPDATE SET {}",
        tx.rows(),
        set_sums("project_usage_day")
    );
    tx.execute(&sql, &[(&rows).into(), generation.into()]).await?;
    Ok(())
}
