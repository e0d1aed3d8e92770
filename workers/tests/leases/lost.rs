//! A node loses its job in the middle of a run. What it had begun it has done, and then it is another's.

use std::future::{pending, ready};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use servelink_workers::job::RunError;
use store::state::State;
use store::testing::{PostgresStorage, in_time};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::node::{LONG, Report, STEPS, Steps, job, node, take_over};

/// Long enough for a busy machine to get into the middle of a run.
const SHORT: Duration = Duration::from_secs(2);
/// Of this one a third, after which it is renewed, is long enough for that.
const RENEWED: Duration = Duration::from_secs(6);
/// The step in which the first node loses the job.
const MIDDLE: usize = 2;

/// The first node came as far as the middle, then the other did all of it, and that is on record, and nothing else is.
async fn is_the_others(state: &State, steps: &Steps, report: Report) {
    let of_one = (0..=MIDDLE).map(|step| ("one", step));
    let expected: Vec<_> = of_one.chain((0..STEPS).map(|step| ("two", step))).collect();
    assert_eq!(steps.taken(), expected);
    assert!(matches!(report.outcome, Err(RunError::Lost)), "{report:?}");
    assert_eq!(report.failures, 0, "the job has done nothing wrong");
    let job = job(state).await;
    assert_eq!((job.holder.as_deref(), job.runs), (Some("two"), 1), "{job:?}");
    assert_eq!(job.last.unwrap().report, "5 steps of two");
}

/// The first node is a thread, with its timers and its connections. To block it is what SIGSTOP is to a process: nothing of
/// it goes on, and nobody has told it when it does.
#[tokio::test]
async fn who_was_held_up_past_the_lease_takes_no_further_step() {
    let storage = PostgresStorage::create().await;
    let state = State::open_postgres(storage.options()).await.unwrap();
    let steps = Steps::default();
    let (held_up, is_held_up) = mpsc::channel();
    let (wake, woken) = mpsc::channel::<()>();
    let (options, its_steps) = (storage.options(), steps.clone());
    let one = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let state = State::open_postgres(options).await.unwrap();
            let mut one = node(("one", SHORT, &state), &its_steps, move |step| {
                if step == MIDDLE {
                    held_up.send(()).unwrap();
                    // An error when the test has failed meanwhile: then it wakes up, too.
                    let _ = woken.recv();
                }
                ready(())
            });
            let report = one.turn().await.expect("nobody else has the job");
            (report, one.turn().await)
        })
    });
    in_time(spawn_blocking(move || is_held_up.recv())).await.unwrap().expect("it gets into the middle");
    let mut two = node(("two", LONG, &state), &steps, |_| ready(()));
    take_over(&mut two).await;

    wake.send(()).unwrap();
    let (report, again) = in_time(spawn_blocking(move || one.join())).await.unwrap().unwrap();
    assert!(again.is_none(), "nor does it begin anew: {again:?}");
    is_the_others(&state, &steps, report).await;
}

/// As when the database's clock was set: by the node's own clocks it has the job for long yet, and only renewing the lease
/// tells.
#[tokio::test]
async fn who_is_told_so_when_renewing_takes_no_further_step() {
    let storage = PostgresStorage::create().await;
    let state = State::open_postgres(storage.options()).await.unwrap();
    let (steps, is_in_the_middle) = (Steps::default(), Notify::new());
    let mut one = node(("one", RENEWED, &state), &steps, |step| -> BoxFuture<'_, ()> {
        if step < MIDDLE {
            return ready(()).boxed();
        }
        is_in_the_middle.notify_one();
        pending().boxed()
    });
    let mut two = node(("two", LONG, &state), &steps, |_| ready(()));
    let given_away = async {
        is_in_the_middle.notified().await;
        let job = job(&state).await;
        state.leave_job(&job.name, job.epoch).await.unwrap();
        take_over(&mut two).await;
    };
    let (report, ()) = in_time(async { tokio::join!(one.turn(), given_away) }).await;
    let report = report.expect("nobody else has the job");
    assert!(report.took < RENEWED, "it found out by its own clock: {report:?}");
    is_the_others(&state, &steps, report).await;
}
