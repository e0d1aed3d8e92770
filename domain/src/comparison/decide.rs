//! What traffic that is not billed makes of a month.

use super::command::ComparisonCommand;
use super::event::ComparisonEvent;
use super::refusal::ComparisonRefusal;
use super::state::Comparison;
use crate::usage::TrafficRecorded;

/// The events that this command causes.
///
/// # Errors
/// [`ComparisonRefusal`], and then nothing changes.
pub fn decide(
    Comparison {}: &Comparison,
    command: ComparisonCommand,
) -> Result<Vec<ComparisonEvent>, ComparisonRefusal> {
    match command {
        ComparisonCommand::Compare(traffic) => compare(traffic),
    }
}

fn compare(traffic: TrafficRecorded) -> Result<Vec<ComparisonEvent>, ComparisonRefusal> {
    match traffic.kind {
        Some(_) => Ok(vec![ComparisonEvent::TrafficCompared(traffic)]),
        None => Err(ComparisonRefusal::NoKind),
    }
}
