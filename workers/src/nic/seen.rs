//! What is kept in memory between two turns: when each container was started, and what was seen last of those that were
//! told to end. Both may be lost: then a container costs one more question, or its last bytes are not counted.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::sight::Sight;

/// As many containers as may end between two turns. What more of them sent since the last turn is not counted.
const MAX_LAST: usize = 10_000;

/// A last sight that nobody could have recorded for so long is not kept.
const KEPT: TimeDelta = TimeDelta::minutes(10);

/// A container's id, and when it was started.
type Life = (String, DateTime<Utc>);

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    starts: HashMap<String, DateTime<Utc>>,
    /// By container and start.
    last: HashMap<Life, (DateTime<Utc>, Sight)>,
    /// What the last recorded turn had of containers, living and ended.
    recorded: HashSet<Life>,
    /// What a recorded turn had no more, and when: it is gone from the log's counters, and would count anew.
    gone: HashMap<Life, DateTime<Utc>>,
    events_trouble: Option<String>,
}

impl Seen {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked left a whole map behind: each change is one insertion or removal.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When this container was started, as it was seen last.
    pub(super) fn start_of(&self, id: &str) -> Option<DateTime<Utc>> {
        self.inner().starts.get(id).copied()
    }

    /// What a turn has seen and recorded, in place of what any before it has. A last sight of the same life that shows
    /// no more goes: it may have been asked for after the turn began, and yet before the turn's own look.
    ///
    /// What the turn before had and this one has not is gone for good, unless it could not be read.
    pub(super) fn turn(
        &self,
        at: DateTime<Utc>,
        sights: &[Sight],
        ended: &[Sight],
        unread: &BTreeSet<String>,
    ) {
        let mut inner = self.inner();
        let recorded: HashSet<Life> = sights.iter().chain(ended).map(life).collect();
        let before = std::mem::take(&mut inner.recorded);
        let (waits, gone): (Vec<Life>, Vec<Life>) = before
            .into_iter()
            .filter(|life| !recorded.contains(life))
            .partition(|(id, _)| unread.contains(id));
        inner.recorded = recorded;
        inner.recorded.extend(waits);
        inner.gone.retain(|_, gone_at| at - *gone_at < KEPT);
        for life in gone {
            inner.last.remove(&life);
            inner.gone.insert(life, at);
        }
        inner.starts = sights.iter().map(|sight| (sight.id.clone(), sight.started_at)).collect();
        for sight in sights {
            let key = life(sight);
            if inner.last.get(&key).is_some_and(|(_, last)| !shows_more(last, sight)) {
                inner.last.remove(&key);
            }
        }
    }

    /// Drops everything, but when containers were started.
    pub(super) fn forget(&self) {
        let mut inner = self.inner();
        inner.last.clear();
        inner.recorded.clear();
        inner.gone.clear();
    }

    /// This may be the last that is seen of a container; it was asked for at this instant.
    pub(super) fn keep(&self, at: DateTime<Utc>, sight: Sight) {
        let mut inner = self.inner();
        let key = life(&sight);
        if inner.gone.contains_key(&key) {
            return;
        }
        if inner.last.len() >= MAX_LAST && !inner.last.contains_key(&key) {
            inner.last.retain(|_, (seen_at, _)| at - *seen_at < KEPT);
        }
        if inner.last.len() < MAX_LAST || inner.last.contains_key(&key) {
            inner.last.insert(key, (at, sight));
        }
    }

    /// The last sights of containers that a turn has not seen, of those that came after this reading: whatever came
    /// before it is in it, or has been overtaken by it.
    pub(super) fn last_of_others(&self, sights: &[Sight], recorded_at: Option<DateTime<Utc>>) -> Vec<Sight> {
        let mut inner = self.inner();
        inner.last.retain(|_, (seen_at, _)| recorded_at.is_none_or(|recorded_at| *seen_at > recorded_at));
        let live: HashSet<_> = sights.iter().map(|sight| (sight.id.as_str(), sight.started_at)).collect();
        let others = inner.last.values().map(|(_, sight)| sight);
        others.filter(|sight| !live.contains(&(sight.id.as_str(), sight.started_at))).cloned().collect()
    }

    /// What is wrong with the events, if anything.
    pub(super) fn set_events_trouble(&self, trouble: Option<String>) {
        self.inner().events_trouble = trouble;
    }

    /// What is wrong with the events, if anything.
    pub(super) fn events_trouble(&self) -> Option<String> {
        self.inner().events_trouble.clone()
    }
}

fn life(sight: &Sight) -> Life {
    (sight.id.clone(), sight.started_at)
}

/// Whether any counter of one sight of a life is above what another sight of it shows.
fn shows_more(one: &Sight, other: &Sight) -> bool {
    one.interfaces.iter().any(|(interface, counted)| {
        other
            .interfaces
            .get(interface)
            .is_none_or(|before| counted.rx_bytes > before.rx_bytes || counted.tx_bytes > before.tx_bytes)
    })
}

#[cfg(test)]
mod tests {
    use domain::ProjectId;

    use super::super::engine::Bytes;
    use super::*;

    fn at(second: u32) -> DateTime<Utc> {
        format!("2026-11-24T10:{:02}:{:02}Z", second / 60, second % 60).parse().unwrap()
    }

    fn sight(id: &str, started: u32) -> Sight {
        let project = ProjectId::from_bytes([1; 16]);
        Sight {
            id: id.into(),
            project,
            started_at: at(started),
            interfaces: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn a_last_sight_counts_until_a_later_reading_is_recorded() {
        let seen = Seen::default();
        seen.keep(at(5), sight("a", 0));
        seen.keep(at(7), sight("a", 0));
        assert_eq!(seen.last_of_others(&[], None), [sight("a", 0)]);
        assert_eq!(seen.last_of_others(&[], Some(at(6))), [sight("a", 0)], "not in that one");
        assert_eq!(seen.last_of_others(&[], Some(at(7))), []);
        assert_eq!(seen.last_of_others(&[], None), [], "nor ever again");
    }

    #[test]
    fn one_that_still_runs_has_no_last_sight_but_its_life_before_has() {
        let seen = Seen::default();
        seen.keep(at(5), sight("a", 0));
        assert_eq!(seen.last_of_others(&[sight("a", 0)], None), []);
        assert_eq!(seen.last_of_others(&[sight("a", 6)], None), [sight("a", 0)]);
    }

    #[test]
    fn a_last_sight_is_worth_something_only_above_what_a_turn_has_seen_of_that_life() {
        let of = |started: u32, interfaces: &[(&str, u64, u64)]| Sight {
            interfaces: interfaces
                .iter()
                .map(|&(name, rx_bytes, tx_bytes)| (name.to_owned(), Bytes { rx_bytes, tx_bytes }))
                .collect(),
            ..sight("a", started)
        };
        let turn = of(1, &[("eth0", 5, 100), ("eth1", 0, 7)]);
        for (last, is_kept) in [
            (of(1, &[("eth0", 5, 99)]), false),
            (turn.clone(), false),
            (of(1, &[("eth0", 6, 100), ("eth1", 0, 7)]), true),
            (of(1, &[("eth0", 5, 100), ("eth1", 0, 8)]), true),
            (of(1, &[("eth2", 1, 0)]), true),
            (of(0, &[("eth0", 5, 99)]), true),
        ] {
            let seen = Seen::default();
            seen.keep(at(5), last.clone());
            seen.turn(at(4), std::slice::from_ref(&turn), &[], &BTreeSet::new());
            let expected = if is_kept { vec![last] } else { vec![] };
            assert_eq!(seen.last_of_others(&[], Some(at(4))), expected);
        }
    }

    #[test]
    fn starts_are_those_of_the_last_turn() {
        let seen = Seen::default();
        seen.turn(at(1), &[sight("a", 1), sight("b", 2)], &[], &BTreeSet::new());
        seen.turn(at(2), &[sight("b", 3)], &[], &BTreeSet::new());
        assert_eq!((seen.start_of("a"), seen.start_of("b")), (None, Some(at(3))));
    }

    #[test]
    fn what_a_turn_had_no_more_is_gone_and_never_counts_again() {
        let (seen, nothing) = (Seen::default(), BTreeSet::new());
        seen.turn(at(1), &[sight("a", 0), sight("b", 0)], &[], &nothing);
        // Asked for while the next turn was under way, which has it no more; and once more after it.
        seen.keep(at(3), sight("a", 0));
        seen.turn(at(2), &[], &[], &BTreeSet::from(["b".to_owned()]));
        seen.keep(at(4), sight("a", 0));
        assert_eq!(seen.last_of_others(&[], Some(at(2))), []);
        seen.keep(at(4), sight("b", 0));
        assert_eq!(
            seen.last_of_others(&[], Some(at(2))),
            [sight("b", 0)],
            "it could not be read: it is not gone"
        );
        seen.keep(at(4), sight("a", 3));
        assert_eq!(seen.last_of_others(&[], Some(at(2))).len(), 2, "another life");
    }

    #[test]
    fn what_another_node_may_have_recorded_is_forgotten() {
        let seen = Seen::default();
        seen.keep(at(5), sight("a", 0));
        seen.forget();
        assert_eq!(seen.last_of_others(&[], Some(at(4))), []);
        seen.keep(at(6), sight("a", 0));
        assert_eq!(seen.last_of_others(&[], Some(at(4))), [sight("a", 0)], "it still runs");
    }

    #[test]
    fn last_sights_have_a_bound_and_the_oldest_make_room() {
        let seen = Seen::default();
        for n in 0..=MAX_LAST {
            seen.keep(at(0), sight(&n.to_string(), 0));
        }
        assert_eq!(seen.last_of_others(&[], None).len(), MAX_LAST);
        seen.keep(at(600), sight("late", 0));
        assert_eq!(seen.last_of_others(&[], None), [sight("late", 0)]);
    }
}
