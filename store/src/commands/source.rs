//! Commands to sources of counters. What a reading counts goes into the projects' streams by the same append.

use chrono::TimeDelta;
use cqrs_es::Aggregate;
use domain::source::{
    COMPLETE_EVERY, CountersRead, ReadCounters, Source, SourceCommand, SourceEvent, SourceRefusal, decide,
};
use domain::usage::TrafficRecorded;
use domain::{Day, ProjectId, TrafficSource};

use super::{Actor, CommandError, Commands, Loaded, decide_until_first};
use crate::codec::decode;
use crate::ingest::{DayTraffic, Fold, conditions};
use crate::log::{Position, StreamId};

/// Events that one read of the source's stream takes: as many as lie between two complete ones, and the one of them.
const PAGE: usize = COMPLETE_EVERY as usize + 1;
/// A reading that is older than this when it is to be counted is read again instead.
const HELD_UP: TimeDelta = TimeDelta::minutes(1);

/// What became of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountersCounted {
    /// Everything of it is seen after this position.
    pub position: Position,
    /// Services whose project is not known; their bytes wait.
    pub waiting_services: usize,
    /// Bytes that the reading gave to projects.
    pub counted_bytes: u64,
}

impl Commands {
    /// Counts what has come since the last reading of this source: its stream and those of the projects change
    /// together or not at all. A service whose project is not registered waits, and so do its bytes.
    ///
    /// # Errors
    /// [`SourceRefusal`], and what any command may meet.
    pub async fn read_counters(
        &self,
        actor: &Actor,
        source: &str,
        read: &ReadCounters,
    ) -> Result<CountersCounted, CommandError> {
        decide_until_first!(self.count(actor, source, read))
    }

    async fn count(
        &self,
        actor: &Actor,
        source: &str,
        read: &ReadCounters,
    ) -> Result<CountersCounted, CommandError> {
        self.known.catch_up().await?;
        let loaded = self.load_source(source).await?;
        // Whoever was held up (a frozen node, a slow store) may have been overtaken by so much that the aggregate
        // would take his reading for one after the clock was set back. Being held up later is the sequence's matter.
        if let Some(standing) = loaded.state.read_at.filter(|_| self.clock.now() - read.at > HELD_UP) {
            return Err(SourceRefusal::Stale { standing }.into());
        }
        let registered = |id: &ProjectId| self.known.facts().projects.contains_key(id);
        let mut command = read.clone();
        for reading in &mut command.readings {
            reading.project_id = reading.project_id.filter(registered);
        }
        let events = decide(&loaded.state, SourceCommand::Read(command))?;

        let batch_id = format!("{source}:{}", loaded.sequence + 1);
        let mut fold = Fold::default();
        let mut counted_bytes = 0_u64;
        let mut waiting_services = 0;
        for SourceEvent::CountersRead(event) in &events {
            for day in counted(source, read.kind, &batch_id, event)? {
                let traffic = &day.traffic;
                counted_bytes = counted_bytes
                    .saturating_add(traffic.ingress_bytes.get())
                    .saturating_add(traffic.egress_bytes.get());
                fold.add(day);
            }
            waiting_services += event.counters.iter().filter(|counter| counter.project_id.is_none()).count();
        }
        let (conditions, mut streams) = {
            let facts = self.known.facts();
            let streams = fold
                .into_streams(&facts, self.clock.now())
                .map_err(|error| CommandError::Load(error.to_string()))?;
            (conditions(facts.position), streams)
        };
        streams.push(loaded.decided(&events)?);
        let position = self.record(actor, streams, conditions).await?;
        Ok(CountersCounted { position, waiting_services, counted_bytes })
    }

    /// The source's state, from its last complete event on.
    async fn load_source(&self, source: &str) -> Result<Loaded<Source>, CommandError> {
        let stream = StreamId::new(Source::TYPE, source);
        let mut loaded = Loaded { state: Source::default(), stream: stream.clone(), sequence: 0 };
        let Some(last) = self.log.read_last(&stream).await? else {
            return Ok(loaded);
        };
        let SourceEvent::CountersRead(read) = decode(&last)?;
        let before_complete = last.sequence.saturating_sub(u64::from(read.since_complete) + 1);
        for event in self.log.read_stream(&stream, before_complete, PAGE).await? {
            loaded.state.evolve(&decode(&event)?);
            loaded.sequence = event.sequence;
        }
        Ok(loaded)
    }
}

/// What a reading gives to projects.
fn counted(
    source: &str,
    kind: TrafficSource,
    batch_id: &str,
    read: &CountersRead,
) -> Result<Vec<DayTraffic>, CommandError> {
    let (at, day) = (read.at, Day::of(read.at)?);
    let given = read.counters.iter().filter_map(|counter| Some((counter.project_id?, counter.counted)));
    Ok(given
        .map(|(project, counted)| DayTraffic {
            project,
            day,
            traffic: TrafficRecorded {
                source: source.into(),
                kind: Some(kind),
                batch_ids: vec![batch_id.into()],
                from: at,
                until: at,
                ingress_bytes: counted.ingress_bytes,
                egress_bytes: counted.egress_bytes,
                requests: counted.requests,
            },
        })
        .collect())
}
