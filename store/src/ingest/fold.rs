//! Adding samples up: one sum for each project, UTC day and source, and the events that they become.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::comparison::{Comparison, ComparisonCommand, ComparisonRefusal, decide};
use domain::month::MonthError;
use domain::team::Team;
use domain::usage::{Correction, TrafficRecorded, Usage, UsageCorrected, UsageEvent, UsageId};
use domain::{ByteCount, Day, ProjectId, TrafficSource};

use super::sample::Sample;
use crate::codec::{CodecError, encode};
use crate::known::Facts;
use crate::log::{Condition, Expected, NewEvent, Position, StreamEvents, StreamId};

/// The traffic of one project, one source, counted in one way, and one UTC day. An event never spans two days, so that a month's days
/// can be told apart for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayTraffic {
    /// The project.
    pub project: ProjectId,
    /// The day.
    pub day: Day,
    /// The event in the making.
    pub traffic: TrafficRecorded,
}

impl DayTraffic {
    /// Adds another of the same project, day and source, or gives it back when the sum cannot be held.
    fn merge(&mut self, other: Self) -> Option<Self> {
        let (mine, theirs) = (&self.traffic, &other.traffic);
        let sums = (
            mine.ingress_bytes.checked_add(theirs.ingress_bytes),
            mine.egress_bytes.checked_add(theirs.egress_bytes),
            mine.requests.checked_add(theirs.requests).filter(|sum| i64::try_from(*sum).is_ok()),
        );
        let (Some(ingress_bytes), Some(egress_bytes), Some(requests)) = sums else {
            return Some(other);
        };
        let traffic = &mut self.traffic;
        (traffic.ingress_bytes, traffic.egress_bytes, traffic.requests) =
            (ingress_bytes, egress_bytes, requests);
        traffic.from = traffic.from.min(other.traffic.from);
        traffic.until = traffic.until.max(other.traffic.until);
        for batch_id in other.traffic.batch_ids {
            if traffic.batch_ids.last() != Some(&batch_id) {
                traffic.batch_ids.push(batch_id);
            }
        }
        None
    }

    fn is_nothing(&self) -> bool {
        let TrafficRecorded { ingress_bytes, egress_bytes, requests, .. } = &self.traffic;
        *ingress_bytes == ByteCount::ZERO && *egress_bytes == ByteCount::ZERO && *requests == 0
    }
}

/// Adds up.
#[derive(Default)]
pub(crate) struct Fold {
    /// Where in `days` the sum of a project and day is that grows; other sources follow in `days`.
    places: HashMap<(ProjectId, Day), Vec<usize>>,
    days: Vec<DayTraffic>,
}

impl Fold {
    pub(super) fn add_sample(&mut self, source: &str, batch_id: &str, day: Day, sample: &Sample) {
        // The hot path: within one batch the source and the batch are the same for all.
        if let Some(&[place]) = self.places.get(&(sample.project, day)).map(Vec::as_slice) {
            let traffic = &mut self.days[place].traffic;
            let sums = (
                traffic.ingress_bytes.checked_add(sample.ingress),
                traffic.egress_bytes.checked_add(sample.egress),
                traffic.requests.checked_add(sample.requests).filter(|sum| i64::try_from(*sum).is_ok()),
            );
            if let (Some(ingress), Some(egress), Some(requests)) = sums {
                (traffic.ingress_bytes, traffic.egress_bytes, traffic.requests) = (ingress, egress, requests);
                traffic.from = traffic.from.min(sample.at);
                traffic.until = traffic.until.max(sample.at);
                return;
            }
        }
        let traffic = TrafficRecorded {
            source: source.into(),
            kind: Some(TrafficSource::Ingest),
            batch_ids: vec![batch_id.into()],
            from: sample.at,
            until: sample.at,
            ingress_bytes: sample.ingress,
            egress_bytes: sample.egress,
            requests: sample.requests,
        };
        self.add(DayTraffic { project: sample.project, day, traffic });
    }

    pub(crate) fn add(&mut self, day: DayTraffic) {
        let places = self.places.entry((day.project, day.day)).or_default();
        let is_same =
            |other: &TrafficRecorded| (&other.source, other.kind) == (&day.traffic.source, day.traffic.kind);
        let same_source = places.iter().rev().find(|place| is_same(&self.days[**place].traffic));
        let left = match same_source {
            Some(&place) => self.days[place].merge(day),
            None => Some(day),
        };
        if let Some(day) = left {
            places.push(self.days.len());
            self.days.push(day);
        }
    }

    pub(super) fn into_days(self) -> Vec<DayTraffic> {
        self.days
    }

    /// The events for the log. What was counted in another way than the one that bills the project now is kept beside
    /// the bill, for comparison. What belongs to a month that is closed becomes a correction of the month that is open
    /// now; a sum of nothing becomes none.
    pub(crate) fn into_streams(
        self,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Result<Vec<StreamEvents>, FoldError> {
        let mut streams = Streams(HashMap::with_capacity(self.days.len()));
        for day in self.days.into_iter().filter(|day| !day.is_nothing()) {
            let project = day.project;
            let bills = facts.billing_source(project).is_none_or(|billing| day.traffic.kind == Some(billing));
            let late = facts.is_closed(day.day.month());
            if !bills {
                let id = UsageId { project, month: day.day.month() };
                for event in decide(&Comparison::default(), ComparisonCommand::Compare(day.traffic))? {
                    streams.add(Comparison::TYPE, id, encode(&event)?);
                }
            } else if late {
                let month = facts.open_month(now)?;
                let event = correction(day, now.max(month.start()));
                streams.add(Usage::TYPE, UsageId { project, month }, encode(&event)?);
            } else {
                let id = UsageId { project, month: day.day.month() };
                streams.add(Usage::TYPE, id, encode(&UsageEvent::TrafficRecorded(day.traffic))?);
            }
        }
        Ok(streams.0.into_values().collect())
    }
}

/// Events by what they are of.
struct Streams(HashMap<(&'static str, UsageId), StreamEvents>);

impl Streams {
    fn add(&mut self, aggregate_type: &'static str, id: UsageId, event: NewEvent) {
        let stream = self.0.entry((aggregate_type, id)).or_insert_with(|| StreamEvents {
            stream: StreamId::new(aggregate_type, id.to_string()),
            expected: Expected::Any,
            events: Vec::with_capacity(1),
        });
        stream.events.push(event);
    }
}

fn correction(day: DayTraffic, at: DateTime<Utc>) -> UsageEvent {
    let traffic = day.traffic;
    UsageEvent::UsageCorrected(UsageCorrected {
        reason: format!("late samples of {}, after that month was closed", day.day),
        delta: Correction {
            ingress_bytes: traffic.ingress_bytes.to_sql(),
            egress_bytes: traffic.egress_bytes.to_sql(),
            requests: i64::try_from(traffic.requests).unwrap_or(i64::MAX),
        },
        by: traffic.source,
        at,
        batch_ids: traffic.batch_ids,
    })
}

/// Why sums cannot become events.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FoldError {
    /// Our own clock is outside the months.
    #[error("this server's clock is outside the months that can be held: {0}")]
    Clock(#[from] MonthError),
    /// An event cannot be written.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// It is neither billed nor can it be compared.
    #[error(transparent)]
    Comparison(#[from] ComparisonRefusal),
}

/// Hold as long as no month has been closed, and for no project another way of counting has been chosen, that these
/// facts do not know of.
pub(crate) fn conditions(known_up_to: Position) -> Vec<Condition> {
    let rests_on =
        [(Usage::TYPE, "MonthClosed"), (Team::TYPE, "ProjectSourceChosen"), (Team::TYPE, "ProjectMoved")];
    let condition = |(aggregate_type, event_type)| Condition {
        aggregate_type,
        event_type: Some(event_type),
        unless_after: known_up_to,
    };
    rests_on.map(condition).into()
}
