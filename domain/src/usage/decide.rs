//! What a command makes of a month's usage.

use chrono::{DateTime, Utc};

use super::command::UsageCommand;
use super::event::{Correction, MonthClosed, StorageMeasured, StorageSizes, UsageCorrected, UsageEvent};
use super::refusal::UsageRefusal;
use super::state::Usage;
use crate::ByteCount;

/// The events that this command causes; none when it asks for what is so already.
///
/// # Errors
/// [`UsageRefusal`], and then nothing changes.
pub fn decide(usage: &Usage, command: UsageCommand) -> Result<Vec<UsageEvent>, UsageRefusal> {
    match (usage.closed, command) {
        (false, UsageCommand::MeasureStorage { sizes, measured_at, source }) => {
            measure_storage(usage, sizes, measured_at, source)
        }
        (false, UsageCommand::Correct { reason, delta, by, at }) => correct(usage, reason, delta, by, at),
        (false, UsageCommand::Close { up_to_position }) => Ok(close(usage, up_to_position)),
        (true, UsageCommand::Close { .. }) => Ok(vec![]),
        (true, UsageCommand::MeasureStorage { .. } | UsageCommand::Correct { .. }) => {
            Err(UsageRefusal::MonthClosed)
        }
    }
}

/// Only a snapshot that differs from the last one, or the day's first, is worth an event.
fn measure_storage(
    usage: &Usage,
    sizes: StorageSizes,
    measured_at: DateTime<Utc>,
    source: String,
) -> Result<Vec<UsageEvent>, UsageRefusal> {
    let total_bytes = sizes.total().ok_or(UsageRefusal::TooLarge)?;
    if let Some(standing) = &usage.storage {
        let same_day = standing.measured_at.date_naive() == measured_at.date_naive();
        if standing.sizes == sizes && same_day {
            return Ok(vec![]);
        }
        if measured_at < standing.measured_at {
            return Err(UsageRefusal::OlderMeasurement { standing: standing.measured_at });
        }
    }
    Ok(vec![UsageEvent::StorageMeasured(StorageMeasured { sizes, total_bytes, measured_at, source })])
}

fn correct(
    usage: &Usage,
    reason: String,
    delta: Correction,
    by: String,
    at: DateTime<Utc>,
) -> Result<Vec<UsageEvent>, UsageRefusal> {
    if delta == Correction::default() {
        return Err(UsageRefusal::EmptyCorrection);
    }
    let (ingress, egress, requests) = usage.corrected(&delta);
    ingress.ok_or(UsageRefusal::BelowZero("ingress bytes"))?;
    egress.ok_or(UsageRefusal::BelowZero("egress bytes"))?;
    requests.ok_or(UsageRefusal::BelowZero("requests"))?;
    Ok(vec![UsageEvent::UsageCorrected(UsageCorrected { reason, delta, by, at, batch_ids: vec![] })])
}

fn close(usage: &Usage, up_to_position: u64) -> Vec<UsageEvent> {
    vec![UsageEvent::MonthClosed(MonthClosed {
        traffic_bytes: usage.traffic(),
        storage_bytes: usage.storage.as_ref().map_or(ByteCount::ZERO, |measured| measured.total_bytes),
        up_to_position,
    })]
}
