//! Leases of jobs: one holder at a time, and nothing is taken from a holder of before.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use servelink_store::state::State;
use servelink_store::state::jobs::{JobState, LastRun, Note};
use servelink_store::testing::{PostgresStorage, in_time};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(50);
const MILLISECOND: TimeDelta = TimeDelta::milliseconds(1);

fn at(second: u32) -> DateTime<Utc> {
    format!("2026-11-24T04:00:{second:02}Z").parse().unwrap()
}

fn note(second: u32, slot: Option<DateTime<Utc>>, request: Option<DateTime<Utc>>) -> Note {
    let run = LastRun {
        started_at: at(second),
        finished_at: at(second + 1),
        failed: false,
        report: format!("run {second}"),
    };
    Note { run, slot, request }
}

async fn postgres() -> (PostgresStorage, State) {
    let storage = PostgresStorage::create().await;
    let state = State::open_postgres(storage.options()).await.unwrap();
    (storage, state)
}

/// Takes the job once its lease has ended, by the database's clock.
async fn take_in_time(state: &State, node: &str) -> JobState {
    in_time(async {
        loop {
            if let Some(taken) = state.take_job("storage", node, LONG, None).await.unwrap() {
                return taken;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_job_is_one_node_s_until_its_lease_ends() {
    let (_storage, state) = postgres().await;
    let one = state.take_job("storage", "one", SHORT, None).await.unwrap().unwrap();
    assert_eq!((one.holder.as_deref(), one.done_slot, one.runs), (Some("one"), None, 0));
    assert!(
        state.take_job("months", "two", LONG, None).await.unwrap().is_some(),
        "another job is another matter"
    );
    let two = take_in_time(&state, "two").await;
    assert!(two.epoch > one.epoch);

    // Whoever slept over its end keeps nothing, notes nothing and takes nothing from the other.
    assert_eq!(state.keep_job("storage", one.epoch, LONG, None).await.unwrap(), None);
    let late = note(1, Some(at(0)), None);
    assert_eq!(state.keep_job("storage", one.epoch, LONG, Some(&late)).await.unwrap(), None);
    state.leave_job("storage", one.epoch).await.unwrap();
    assert_eq!(state.take_job("storage", "one", LONG, None).await.unwrap(), None);
    let kept = state.keep_job("storage", two.epoch, LONG, None).await.unwrap().unwrap();
    assert_eq!((kept.done_slot, kept.last, kept.runs), (None, None, 0));

    // Whoever leaves it lets the others have it at once.
    state.leave_job("storage", two.epoch).await.unwrap();
    assert_eq!(state.jobs().await.unwrap()[1].holder, None);
    assert!(state.take_job("storage", "one", LONG, None).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_take_it_at_once_one_has_it() {
    let (_storage, state) = postgres().await;
    for round in 1..=5 {
        let nodes = (0..20).map(|node| {
            let state = state.clone();
            tokio::spawn(async move {
                state.take_job("storage", &format!("node-{node}"), LONG, None).await.unwrap()
            })
        });
        let taken: Vec<JobState> =
            join_all(nodes).await.into_iter().filter_map(|taken| taken.unwrap()).collect();
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!(taken[0].epoch.0, round);
        state.leave_job("storage", taken[0].epoch).await.unwrap();
    }
}

async fn runs_and_wishes(state: State) {
    assert_eq!(state.request_job("storage", at(0)).await.unwrap(), None, "nobody ever took such a job");
    let every = Some(Duration::from_millis(2_500));
    let taken = state.take_job("storage", "one", LONG, every).await.unwrap().unwrap();
    assert_eq!((taken.every, state.jobs().await.unwrap()[0].every), (every, every));
    assert_eq!(state.request_job("storage", at(7)).await.unwrap().unwrap().requested_at, Some(at(7)));
    let seen = state.keep_job("storage", taken.epoch, LONG, None).await.unwrap().unwrap();
    assert_eq!(seen.requested_at, Some(at(7)));
    // A wish that came while another was fulfilled still stands, by whichever clock it came.
    for (by_its_clock, noted) in
        [(at(7), at(7) + MILLISECOND), (at(6), at(7) + MILLISECOND * 2), (at(8), at(8))]
    {
        let wished = state.request_job("storage", by_its_clock).await.unwrap().unwrap();
        assert_eq!((wished.requested_at, wished.runs), (Some(noted), 0));
    }
    let first = note(10, Some(at(0)), Some(at(7)));
    let seen = state.keep_job("storage", taken.epoch, LONG, Some(&first)).await.unwrap().unwrap();
    assert_eq!((seen.requested_at, seen.done_slot, seen.runs), (Some(at(8)), Some(at(0)), 1));
    let second = note(20, None, Some(at(8)));
    let seen = state.keep_job("storage", taken.epoch, LONG, Some(&second)).await.unwrap().unwrap();
    assert_eq!((seen.requested_at, seen.done_slot, seen.runs), (None, Some(at(0)), 2));
    assert_eq!(seen.last, Some(second.run));
    assert_eq!(state.jobs().await.unwrap(), [seen]);
}

#[tokio::test]
async fn runs_and_wishes_are_noted_on_postgres() {
    let (_storage, state) = postgres().await;
    runs_and_wishes(state).await;
}

#[tokio::test]
async fn runs_and_wishes_are_noted_in_a_file_and_its_next_owner_has_every_job() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    let state = State::open_sqlite(&file).await.unwrap();
    runs_and_wishes(state.clone()).await;
    // Killed: nothing was left.
    state.close().await;
    let state = State::open_sqlite(&file).await.unwrap();
    let taken = state.take_job("storage", "two", LONG, None).await.unwrap().unwrap();
    assert_eq!((taken.epoch.0, taken.done_slot, taken.runs), (2, Some(at(0)), 2));
    assert_eq!(taken.every, None, "it has times now");
}
