//! What the writer remembers of the end of the log, so that a commit need not look it up: the head, the last
//! sequence of streams, the last position of each type of event. All of it holds as long as the head is where this
//! node's last commit left it; when another writer has moved it, the streams are forgotten.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::log::{Append, Condition, NewEvent, Position, StreamId};

/// Streams whose last sequence is remembered. Beyond it all are forgotten: cheaper than to order them by age.
const STREAMS: usize = 100_000;
/// Events of others whose types are looked up. Beyond it the conditions of requests under way fail once instead.
const LOOK_BACK: u64 = 10_000;

type EventType = (Cow<'static, str>, Cow<'static, str>);

#[derive(Default)]
pub(super) struct Tail {
    head: Position,
    /// Since which position `types` is complete; none before the first commit.
    since: Option<Position>,
    types: HashMap<EventType, Position>,
    sequences: HashMap<StreamId, u64>,
}

impl Tail {
    pub(super) fn head(&self) -> Position {
        self.head
    }

    /// Whether looking up what others appended up to this head is worth it: all wait while it is done.
    pub(super) fn can_follow(&self, head: Position) -> bool {
        self.since.is_some() && head.0.checked_sub(self.head.0).is_some_and(|behind| behind <= LOOK_BACK)
    }

    /// The head is elsewhere than this node left it. `recent` are the types appended since; none: not looked up, and
    /// what is known of types begins anew here.
    pub(super) fn others_appended(
        &mut self,
        head: Position,
        recent: Option<Vec<(String, String, Position)>>,
    ) {
        self.sequences.clear();
        self.head = head;
        let Some(recent) = recent else {
            self.since = Some(head);
            self.types.clear();
            return;
        };
        for (aggregate_type, event_type, position) in recent {
            self.types.insert((aggregate_type.into(), event_type.into()), position);
        }
    }

    /// The streams of these requests whose last sequence must be looked up.
    pub(super) fn unknown_streams(&mut self, appends: &[Append]) -> Vec<StreamId> {
        // An empty log was begun with this head.
        self.since.get_or_insert(self.head);
        if self.sequences.len() > STREAMS {
            self.sequences.clear();
        }
        let streams = appends.iter().flat_map(|append| append.streams.iter().map(|events| &events.stream));
        let mut unknown: Vec<_> =
            streams.filter(|stream| !self.sequences.contains_key(*stream)).cloned().collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    /// What was looked up; a stream that was not found has no events.
    pub(super) fn learn(&mut self, asked: &[StreamId], mut found: HashMap<StreamId, u64>) {
        for stream in asked {
            let sequence = found.remove(stream).unwrap_or(0);
            self.sequences.insert(stream.clone(), sequence);
        }
    }

    pub(super) fn sequence(&self, stream: &StreamId) -> u64 {
        self.sequences.get(stream).copied().unwrap_or(0)
    }

    /// Whether no such event is recorded after the condition's position. A position from before this node's memory
    /// cannot be answered for: the caller reads on and decides again.
    pub(super) fn holds(&self, condition: &Condition) -> bool {
        let known = self.since.is_some_and(|since| condition.unless_after >= since);
        known
            && !self.types.iter().any(|((aggregate_type, event_type), position)| {
                *position > condition.unless_after
                    && *aggregate_type == condition.aggregate_type
                    && condition.event_type.is_none_or(|wanted| *event_type == wanted)
            })
    }

    /// Takes over what a commit has changed.
    pub(super) fn remember(&mut self, memory: Memory) {
        self.head = memory.head;
        self.types.extend(memory.types);
        self.sequences.extend(memory.sequences);
    }
}

/// The tail as it will be when the transaction under way is committed.
pub(super) struct Draft<'a> {
    tail: &'a Tail,
    memory: Memory,
}

/// What a commit changes in the tail.
#[derive(Default)]
pub(super) struct Memory {
    head: Position,
    types: HashMap<EventType, Position>,
    sequences: HashMap<StreamId, u64>,
}

impl<'a> Draft<'a> {
    pub(super) fn of(tail: &'a Tail) -> Self {
        Self { tail, memory: Memory { head: tail.head, ..Memory::default() } }
    }

    pub(super) fn head(&self) -> Position {
        self.memory.head
    }

    pub(super) fn sequence(&self, stream: &StreamId) -> u64 {
        self.memory.sequences.get(stream).copied().unwrap_or_else(|| self.tail.sequence(stream))
    }

    pub(super) fn holds(&self, condition: &Condition) -> bool {
        self.tail.holds(condition)
            && !self.memory.types.keys().any(|(aggregate_type, event_type)| {
                *aggregate_type == condition.aggregate_type
                    && condition.event_type.is_none_or(|wanted| *event_type == wanted)
            })
    }

    /// Gives the next position and makes it the head.
    pub(super) fn next_position(&mut self) -> Position {
        self.memory.head = Position(self.memory.head.0 + 1);
        self.memory.head
    }

    pub(super) fn appended(&mut self, stream: &StreamId, sequence: u64) {
        self.memory.sequences.insert(stream.clone(), sequence);
    }

    pub(super) fn saw(&mut self, stream: &StreamId, event: &NewEvent, position: Position) {
        self.memory.types.insert((stream.aggregate_type.clone(), event.event_type.clone()), position);
    }

    pub(super) fn into_memory(self) -> Memory {
        self.memory
    }
}
