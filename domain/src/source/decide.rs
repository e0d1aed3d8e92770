//! What a reading of counters makes of a source.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::command::{ReadCounters, Reading, SourceCommand};
use super::event::{Counted, CountersRead, SourceEvent, Totals};
use super::refusal::SourceRefusal;
use super::state::{Counter, Source};
use crate::{Month, TrafficSource};

/// After so many events one names every counter again: whoever loads the source reads no more of its stream than that.
pub const COMPLETE_EVERY: u32 = 50;

/// A reading that is older than the last one by less than this came late: another node read after it and recorded
/// before it, and counters that seem to have gone down have not. One that is older by more was read after the clock
/// was set back.
const LATE: TimeDelta = TimeDelta::minutes(2);

/// The events that this command causes; none when no counter has moved.
///
/// # Errors
/// [`SourceRefusal`], and then nothing changes.
pub fn decide(source: &Source, command: SourceCommand) -> Result<Vec<SourceEvent>, SourceRefusal> {
    match command {
        SourceCommand::Read(reading) => read(source, reading),
    }
}

/// Where a counter that has not been read before began.
#[derive(Clone, Copy)]
enum Beginning {
    /// At 0, and all that it shows is to be counted.
    Zero,
    /// Long ago: nothing says in which month it counted what it shows.
    Unknown,
}

fn read(source: &Source, reading: ReadCounters) -> Result<Vec<SourceEvent>, SourceRefusal> {
    let ReadCounters { kind, at, started_at, readings, unread } = reading;
    if readings.len() > SourceRefusal::MAX_SERVICES {
        return Err(SourceRefusal::TooManyServices(readings.len()));
    }
    if let Some(standing) = source.read_at.filter(|standing| at <= *standing && *standing - at < LATE) {
        return Err(SourceRefusal::Stale { standing });
    }
    let restarted = source.started_at != Some(started_at);
    let beginning = match source.started_at {
        // The first contact: what a source has counted since before this month belongs to months nobody knows.
        None if Month::of(started_at) != Month::of(at) => Beginning::Unknown,
        None | Some(_) => Beginning::Zero,
    };
    let complete = restarted || source.since_complete >= COMPLETE_EVERY;

    let mut seen = BTreeSet::new();
    let mut counters = Vec::new();
    for reading in readings {
        if !seen.insert(reading.service.clone()) {
            return Err(SourceRefusal::ReadTwice(reading.service));
        }
        let before = source.counters.get(&reading.service);
        let counted = count(kind, before, reading, restarted, beginning)?;
        let moved =
            before.is_none_or(|before| before.totals != counted.totals || before.waiting != counted.waiting);
        if complete || moved {
            counters.push(counted);
        }
    }
    for (service, counter) in source.counters.iter().filter(|(service, _)| !seen.contains(*service)) {
        if unread.iter().any(|start| service.starts_with(start)) {
            counters.extend(complete.then(|| uncounted(service, counter.totals, counter.waiting)));
        } else {
            counters.extend(gone_counter(kind, service, counter, complete));
        }
    }
    if counters.is_empty() && !complete {
        return Ok(vec![]);
    }
    let since_complete = if complete { 0 } else { source.since_complete + 1 };
    Ok(vec![SourceEvent::CountersRead(CountersRead { at, started_at, since_complete, counters })])
}

fn count(
    kind: TrafficSource,
    before: Option<&Counter>,
    reading: Reading,
    restarted: bool,
    beginning: Beginning,
) -> Result<Counted, SourceRefusal> {
    let Reading { service, totals, project_id } = reading;
    let (difference, totals) = match (before, beginning) {
        (None, Beginning::Zero) => (totals, totals),
        (None, Beginning::Unknown) => (Totals::ZERO, totals),
        (Some(_), _) if restarted => (totals, totals),
        (Some(before), _) => since(kind, before.totals, totals),
    };
    let waited = before.map_or(Totals::ZERO, |before| before.waiting);
    let Some(amount) = difference.checked_add(&waited) else {
        return Err(SourceRefusal::TooLarge(service));
    };
    let (counted, waiting) =
        if project_id.is_some() { (amount, Totals::ZERO) } else { (Totals::ZERO, amount) };
    Ok(Counted { service, totals, project_id, counted, waiting })
}

/// What a counter has counted since it was read before, and where it stands now.
fn since(kind: TrafficSource, before: Totals, now: Totals) -> (Totals, Totals) {
    if let Some(difference) = now.since(&before) {
        return (difference, now);
    }
    match kind {
        // It has begun anew.
        TrafficSource::Traefik | TrafficSource::Ingest => (now, now),
        // Its service names one life of a container, in which Docker gives no interface the name of another: this was
        // seen before what stands, and all of it has been counted. Where a name was used again after all, too little
        // is counted instead of a whole life twice.
        TrafficSource::Docker => (Totals::ZERO, before),
    }
}

/// A counter that is not shown any more. Should it be shown again it will have begun at 0. Bytes that wait for the
/// service's project are not forgotten, as long as somebody may yet say whose the service was.
fn gone_counter(kind: TrafficSource, service: &str, counter: &Counter, complete: bool) -> Option<Counted> {
    let waiting = match kind {
        TrafficSource::Traefik | TrafficSource::Ingest => counter.waiting,
        // A container that is gone never comes back, and its label was all that told whose it was: what waits for
        // each that ever was would wait for ever.
        TrafficSource::Docker => Totals::ZERO,
    };
    let worth_telling = if complete { waiting != Totals::ZERO } else { counter.totals != Totals::ZERO };
    worth_telling.then(|| uncounted(service, Totals::ZERO, waiting))
}

/// A counter that has counted nothing for a project this time.
fn uncounted(service: &str, totals: Totals, waiting: Totals) -> Counted {
    Counted { service: service.to_owned(), totals, project_id: None, counted: Totals::ZERO, waiting }
}
