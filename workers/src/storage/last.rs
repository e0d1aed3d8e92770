//! What was recorded last of a project's storage. Only asked for when something could not be measured.

use cqrs_es::Aggregate;
use domain::usage::{StorageSizes, Usage, UsageEvent, UsageId};
use domain::{Month, ProjectId};
use store::codec::{CodecError, decode};
use store::{EventLog, ReadError, StreamId};

/// Months that are looked through, the present one included. Every run records all projects, so that more than one is
/// needed only after an outage.
const MONTHS: usize = 12;

/// Events that one read of a stream takes.
const PAGE: usize = 1_000;

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum LastError {
    /// The log cannot be read.
    #[error("what was measured last cannot be read")]
    Read(#[from] ReadError),
    /// An event cannot be understood.
    #[error("what was measured last cannot be understood")]
    Codec(#[from] CodecError),
}

/// The sizes that were recorded last, in this month or before it; none when there never were any.
pub(super) async fn sizes(
    log: &dyn EventLog,
    project: ProjectId,
    month: Month,
) -> Result<Option<StorageSizes>, LastError> {
    let mut month = Some(month);
    for _ in 0..MONTHS {
        let Some(looked_at) = month else { break };
        let sizes = in_month(log, UsageId { project, month: looked_at }).await?;
        if sizes.is_some() {
            return Ok(sizes);
        }
        month = before(looked_at);
    }
    Ok(None)
}

async fn in_month(log: &dyn EventLog, id: UsageId) -> Result<Option<StorageSizes>, LastError> {
    let stream = StreamId::new(Usage::TYPE, id.to_string());
    let (mut after, mut last) = (0, None);
    loop {
        let page = log.read_stream(&stream, after, PAGE).await?;
        for event in &page {
            after = event.sequence;
            // The others are by far the most.
            if event.event_type != "StorageMeasured" {
                continue;
            }
            match decode(event)? {
                UsageEvent::StorageMeasured(measured) => last = Some(measured.sizes),
                UsageEvent::TrafficRecorded(_)
                | UsageEvent::UsageCorrected(_)
                | UsageEvent::MonthClosed(_) => {}
            }
        }
        if page.len() < PAGE {
            return Ok(last);
        }
    }
}

/// The month before it; none before the first that can be held.
fn before(month: Month) -> Option<Month> {
    let year = i32::from(month.year());
    match month.number() {
        1 => Month::new(year - 1, 12).ok(),
        number => Month::new(year, u32::from(number) - 1).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_backwards() {
        let month = |text: &str| text.parse::<Month>().unwrap();
        assert_eq!(before(month("2026-01")), Some(month("2025-12")));
        assert_eq!(before(month("2026-12")), Some(month("2026-11")));
        assert_eq!(before(month("2000-01")), None);
    }
}
