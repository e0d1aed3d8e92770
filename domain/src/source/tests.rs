//! Given, when, then for a source of counters.

use chrono::{DateTime, Utc};

use super::*;
use crate::{ByteCount, ProjectId, TrafficSource};

const STARTED: &str = "2026-11-10T00:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn totals(egress: u32) -> Totals {
    Totals { egress_bytes: ByteCount::from(egress), requests: 1, ..Totals::ZERO }
}

fn known() -> Option<ProjectId> {
    Some(ProjectId::from_bytes([1; 16]))
}

/// A reading a second after the last one.
fn read(started_at: &str, readings: &[(&str, u32, Option<ProjectId>)]) -> SourceCommand {
    static SECONDS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
    let seconds = SECONDS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    read_at(at("2026-11-20T00:00:00Z") + chrono::TimeDelta::seconds(seconds), started_at, readings)
}

fn read_at(
    at_: DateTime<Utc>,
    started_at: &str,
    readings: &[(&str, u32, Option<ProjectId>)],
) -> SourceCommand {
    let readings = readings.iter().map(|&(service, egress, project_id)| Reading {
        service: service.into(),
        totals: totals(egress),
        project_id,
    });
    SourceCommand::Read(ReadCounters {
        kind: TrafficSource::Traefik,
        at: at_,
        started_at: at(started_at),
        readings: readings.collect(),
        unread: vec![],
    })
}

/// The same by containers, of which these could not be read.
fn by_containers(command: SourceCommand, unread: &[&str]) -> SourceCommand {
    let SourceCommand::Read(read) = command;
    let unread = unread.iter().copied().map(str::to_owned).collect();
    SourceCommand::Read(ReadCounters { kind: TrafficSource::Docker, unread, ..read })
}

/// Decides, takes the events in, and gives back what was counted by service.
fn when(source: &mut Source, command: SourceCommand) -> Vec<(String, u64)> {
    let events = decide(source, command).unwrap();
    events.iter().for_each(|event| source.evolve(event));
    let SourceEvent::CountersRead(read) = events.into_iter().next().unwrap();
    read.counters.into_iter().map(|c| (c.service, c.counted.egress_bytes.get())).collect()
}

fn counted(service: &str, bytes: u64) -> Vec<(String, u64)> {
    vec![(service.to_owned(), bytes)]
}

#[test]
fn what_came_since_the_last_reading_is_counted() {
    let mut source = Source::default();
    assert_eq!(when(&mut source, read(STARTED, &[("a", 100, known())])), counted("a", 100));
    assert_eq!(when(&mut source, read(STARTED, &[("a", 150, known())])), counted("a", 50));
    assert_eq!(decide(&source, read(STARTED, &[("a", 150, known())])), Ok(vec![]), "nothing moved");
}

#[test]
fn a_restart_counts_from_nought_even_when_the_counter_is_higher_again() {
    let mut source = Source::default();
    when(&mut source, read(STARTED, &[("a", 100, known())]));
    assert_eq!(when(&mut source, read("2026-11-19T00:00:00Z", &[("a", 130, known())])), counted("a", 130));
}

#[test]
fn a_service_that_was_gone_begins_at_nought_when_it_is_back() {
    let mut source = Source::default();
    when(&mut source, read(STARTED, &[("a", 1_000, known()), ("b", 1, known())]));
    assert_eq!(when(&mut source, read(STARTED, &[("b", 1, known())])), counted("a", 0));
    assert_eq!(decide(&source, read(STARTED, &[("b", 1, known())])), Ok(vec![]), "it is gone once");
    assert_eq!(
        when(&mut source, read(STARTED, &[("a", 1_300, known()), ("b", 1, known())])),
        counted("a", 1_300)
    );
}

#[test]
fn a_reading_that_another_node_has_overtaken_is_refused() {
    let (earlier, later) = (at("2026-11-20T00:00:00Z"), at("2026-11-20T00:00:15Z"));
    let mut source = Source::default();
    when(&mut source, read_at(later, STARTED, &[("a", 150, known())]));
    let overtaken = decide(&source, read_at(earlier, STARTED, &[("a", 100, known())]));
    assert_eq!(overtaken, Err(SourceRefusal::Stale { standing: later }));
    let clock_set_back = read_at(at("2026-11-19T23:00:00Z"), STARTED, &[("a", 160, known())]);
    assert_eq!(when(&mut source, clock_set_back), counted("a", 10));
}

#[test]
fn a_counter_that_went_down_counts_from_nought() {
    let mut source = Source::default();
    when(&mut source, read(STARTED, &[("a", 100, known())]));
    assert_eq!(when(&mut source, read(STARTED, &[("a", 30, known())])), counted("a", 30));
}

#[test]
fn bytes_of_an_unknown_service_wait_for_its_project_even_over_a_restart() {
    let mut source = Source::default();
    assert_eq!(when(&mut source, read(STARTED, &[("a", 100, None)])), counted("a", 0));
    assert_eq!(when(&mut source, read("2026-11-19T00:00:00Z", &[])), counted("a", 0));
    assert_eq!(when(&mut source, read("2026-11-19T00:00:00Z", &[("a", 7, known())])), counted("a", 107));
    assert_eq!(when(&mut source, read("2026-11-19T00:00:00Z", &[("a", 8, known())])), counted("a", 1));
}

#[test]
fn at_first_contact_only_counters_of_this_month_are_counted() {
    let before_this_month = read("2026-10-30T00:00:00Z", &[("a", 100, known())]);
    let mut source = Source::default();
    assert_eq!(when(&mut source, before_this_month), counted("a", 0));
    let later = read("2026-10-30T00:00:00Z", &[("a", 101, known()), ("b", 5, known())]);
    assert_eq!(when(&mut source, later), [("a".to_owned(), 1), ("b".to_owned(), 5)]);
}

#[test]
fn the_stream_from_its_last_complete_event_is_enough() {
    let mut source = Source::default();
    let mut history = vec![];
    for n in 0..1_500 {
        let events = decide(&source, read(STARTED, &[("a", n, known()), ("b", 3, known())])).unwrap();
        events.iter().for_each(|event| source.evolve(event));
        history.extend(events);
    }
    let SourceEvent::CountersRead(last) = history.last().unwrap();
    let complete = history.len() - 1 - last.since_complete as usize;
    let mut again = Source::default();
    history[complete..].iter().for_each(|event| again.evolve(event));
    assert_eq!(again, source);
}

#[test]
fn readings_that_make_no_sense_are_refused() {
    let twice = read(STARTED, &[("a", 1, known()), ("a", 2, known())]);
    assert_eq!(decide(&Source::default(), twice), Err(SourceRefusal::ReadTwice("a".into())));
}

#[test]
fn what_could_not_be_read_stands_as_it_did() {
    let mut source = Source::default();
    let first = [("a@1/eth0", 100, known()), ("b@1/eth0", 10, None), ("c@1/eth0", 7, known())];
    when(&mut source, by_containers(read(STARTED, &first), &[]));
    // Neither gone nor counted anew, however often: also not by an event that names every counter.
    for n in 1..=2 * COMPLETE_EVERY {
        let others = [("c@1/eth0", 7 + n, known())];
        let counted_now = when(&mut source, by_containers(read(STARTED, &others), &["a@", "b@"]));
        assert!(counted_now.contains(&("c@1/eth0".into(), 1)), "{counted_now:?}");
        assert!(counted_now.iter().map(|(_, bytes)| bytes).sum::<u64>() == 1, "{counted_now:?}");
    }
    let back = [("a@1/eth0", 130, known()), ("b@1/eth0", 12, known()), ("c@1/eth0", 107, known())];
    let counted_now = when(&mut source, by_containers(read(STARTED, &back), &[]));
    assert_eq!(counted_now, [("a@1/eth0".to_owned(), 30), ("b@1/eth0".to_owned(), 12)]);
}

#[test]
fn an_old_sight_of_a_container_counts_nothing_and_leaves_the_counter_where_it_stands() {
    let mut source = Source::default();
    let first = [("a@1/eth0", 101, known()), ("b@1/eth0", 1, known())];
    when(&mut source, by_containers(read(STARTED, &first), &[]));
    // However often it is shown: also to an event that names every counter.
    for n in 2..=2 * COMPLETE_EVERY {
        let old = [("a@1/eth0", 100, known()), ("b@1/eth0", n, known())];
        let counted_now = when(&mut source, by_containers(read(STARTED, &old), &[]));
        assert_eq!(counted_now.iter().map(|(_, bytes)| bytes).sum::<u64>(), 1, "{counted_now:?}");
        assert_eq!(source.counters["a@1/eth0"].totals, totals(101));
    }
    let later = [("a@1/eth0", 103, known()), ("b@1/eth0", 2 * COMPLETE_EVERY, known())];
    assert_eq!(when(&mut source, by_containers(read(STARTED, &later), &[])), counted("a@1/eth0", 2));
}

#[test]
fn containers_that_are_gone_are_forgotten() {
    let mut source = Source::default();
    for n in 0..10 * COMPLETE_EVERY {
        // Nobody ever says whose every second one is.
        let of = known().filter(|_| n % 2 == 0);
        let (short, long) = (format!("{n}@1/eth0"), n + 1);
        when(
            &mut source,
            by_containers(read(STARTED, &[(&short, 5, of), ("long@1/eth0", long, known())]), &[]),
        );
        assert!(source.counters.len() <= COMPLETE_EVERY as usize + 2, "{}", source.counters.len());
    }
}
