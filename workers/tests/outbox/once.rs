//! At least once, and as often as not exactly: wherever a run ends, and however far behind the read model is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use projections::deliveries::{Channel, Pending};
use servelink_workers::deliver::DeliverError;
use servelink_workers::job::Job;
use tokio::time::timeout;

use crate::fake::{Fake, Mode};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn they_go_out_in_order_and_a_few_at_once() {
    let world = World::new().await;
    for _ in 0..12 {
        world.alert().await;
    }
    let fake = Fake::new(Mode::Up);
    let mut job = world.job(fake.clone());
    assert_eq!(world.run(&mut job).await.delivered, 12);
    let events: Vec<_> = fake.tried().into_iter().map(|(id, _)| id.to_string()).collect();
    let all =
        store::EventLog::read_after(&*world.log, store::Position::default(), 1_000, store::Filter::All).await;
    let raised = all.unwrap().into_iter().filter(|event| event.event_type == "UsageAlertRaised");
    let expected: Vec<_> = raised.map(|event| format!("mail:{}:1", event.event_id)).collect();
    assert_eq!(events, expected);
    assert_eq!(fake.most(), 3);
    assert_eq!(world.run(&mut job).await, Default::default(), "and then nothing is left");
}

#[tokio::test]
async fn more_than_a_page_goes_out_in_one_run() {
    let world = World::new().await;
    for _ in 0..50 {
        world.alert().await;
    }
    let fake = Fake::new(Mode::Down);
    let mut job = world.job(fake.clone());
    assert_eq!(world.run(&mut job).await.failed, 50);
    fake.set(Mode::Up);
    world.at(chrono::TimeDelta::minutes(1));
    assert_eq!(world.run(&mut job).await.delivered, 50);
    assert_eq!(fake.tried().len(), 100);
}

#[tokio::test]
async fn what_fails_every_time_holds_up_nothing_else() {
    let world = World::new().await;
    for _ in 0..50 {
        world.alert().await;
    }
    world.up_to_date().await;
    let from = Pending::untried(world.begun - chrono::TimeDelta::hours(1));
    let rows = world.reads.pending_deliveries(Channel::Mail, &from, 50).await.unwrap().deliveries;
    // In the first page, and as the last row of the next.
    let (broken, spoilt) = (rows[0].id, rows[39].id);
    *world.log.broken.lock().unwrap() = Some(broken.to_string());
    world.spoil(&spoilt.to_string()).await;
    let fake = Fake::new(Mode::Up);
    let mut job = world.job(fake.clone());
    let error = job.run().await.unwrap_err();
    assert!(matches!(error, DeliverError::Command(_)), "the first one: {error:?}");
    let expected: Vec<_> =
        rows.iter().map(|row| row.id).filter(|id| ![broken, spoilt].contains(id)).collect();
    assert_eq!(fake.taken(), expected);
    *world.log.broken.lock().unwrap() = None;
    world.up_to_date().await;
    let error = job.run().await.unwrap_err();
    assert!(matches!(error, DeliverError::Pending(_)), "{error:?}");
    assert_eq!(fake.taken().last(), Some(&broken));
    assert_eq!((fake.taken().len(), world.outcomes().await.len()), (49, 49), "none twice");
}

/// A node that is killed, or loses its lease, after the server took it and before that is recorded.
#[tokio::test]
async fn a_run_that_ends_between_sending_and_recording_is_made_good_by_a_repeat() {
    let world = World::new().await;
    world.alert().await;
    world.up_to_date().await;
    let fake = Fake::new(Mode::Silent);
    let mut job = world.job(fake.clone());
    timeout(PATIENCE, async {
        tokio::select! {
            _ = job.run() => unreachable!("nobody answers"),
            () = fake.bell.notified() => {}
        }
    })
    .await
    .unwrap();
    drop(job);
    assert!(world.outcomes().await.is_empty());
    fake.set(Mode::Up);
    let mut job = world.job(fake.clone());
    assert_eq!(world.run(&mut job).await.delivered, 1);
    let taken = fake.taken();
    assert_eq!((taken.len(), taken[0]), (2, taken[1]), "under the same id");
    assert_eq!(world.run(&mut job).await, Default::default());
}

#[tokio::test]
async fn a_read_model_that_is_behind_repeats_nothing() {
    let mut world = World::new().await;
    world.alert().await;
    world.stop_reading().await;
    let fake = Fake::new(Mode::Up);
    // Another node, and the same again.
    for _ in 0..2 {
        let mut job = world.job(fake.clone());
        job.run().await.unwrap();
        job.run().await.unwrap();
    }
    assert_eq!(fake.taken().len(), 1);
    world.read_on();
    assert_eq!(world.run(&mut world.job(fake.clone())).await, Default::default());
}

#[tokio::test]
async fn what_was_sent_while_the_log_took_nothing_is_not_sent_again() {
    let world = World::new().await;
    world.alert().await;
    world.alert().await;
    world.up_to_date().await;
    let fake = Fake::new(Mode::Up);
    let mut job = world.job(fake.clone());
    world.log.is_full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        job.run().await.unwrap_err();
    }
    assert_eq!(fake.taken().len(), 2);
    world.log.is_full.store(false, Ordering::SeqCst);
    assert_eq!(world.run(&mut job).await.delivered, 2, "that they were is recorded now");
    assert_eq!(world.run(&mut job).await, Default::default());
    assert_eq!((fake.taken().len(), world.outcomes().await.len()), (2, 2));
}
