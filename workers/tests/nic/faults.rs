//! An engine that refuses, is slow, or is away: what cannot be read is not counted, and is counted once when it can.

use domain::ProjectId;
use servelink_workers::job::Job;
use servelink_workers::nic::NicError;

use crate::fake::{Container, Fake, Fault};
use crate::scene::Scene;

const ONE: ProjectId = ProjectId::from_bytes([1; 16]);
const OTHER: ProjectId = ProjectId::from_bytes([2; 16]);

#[tokio::test]
async fn a_container_that_is_refused_is_lost_alone_and_for_a_while() {
    let (scene, fake) = (Scene::set(&[ONE, OTHER]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 0, 1_000));
    fake.has("b", Container::of(OTHER, 0, 1_000));
    scene.run(&mut job).await;
    fake.change("a", |container| container.fault = Some(Fault::Status(403)));
    // Over more readings than lie between two that name every counter.
    for n in 1..=60 {
        fake.change("b", |container| container.interfaces = vec![("eth0", 0, 1_000 + n)]);
        let report = scene.run(&mut job).await;
        assert_eq!((report.containers, report.unread, report.counted_bytes), (1, 1, 1));
        assert!(report.troubles[0].contains("stats with status 403"), "{:?}", report.troubles);
    }
    // Servelink restarts meanwhile, and knows nothing of it but its name.
    let mut job = scene.job(&fake.host);
    assert_eq!(scene.run(&mut job).await.unread, 1);
    fake.has("a", Container::of(ONE, 0, 1_030));
    let report = scene.run(&mut job).await;
    assert_eq!((report.unread, report.troubles), (0, vec![]));
    assert_eq!(scene.recorded(ONE).await, [0, 30]);
    assert_eq!(scene.recorded(OTHER).await, [0, 60]);
}

/// A proxy that hides a call, or an engine between two answers.
#[tokio::test]
async fn a_container_that_is_listed_and_cannot_be_found_has_not_ended() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 0, 1_000));
    scene.run(&mut job).await;
    fake.change("a", |container| container.fault = Some(Fault::Status(404)));
    for _ in 0..60 {
        let report = scene.run(&mut job).await;
        assert_eq!((report.containers, report.unread, report.ended, report.counted_bytes), (0, 1, 0, 0));
    }
    fake.has("a", Container::of(ONE, 0, 1_030));
    assert_eq!(scene.run(&mut job).await.counted_bytes, 30, "not all of its life again");
}

#[tokio::test]
async fn a_slow_answer_is_given_up_and_the_others_are_counted() {
    let (scene, fake) = (Scene::set(&[ONE, OTHER]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 0, 1_000));
    fake.has("b", Container::of(OTHER, 0, 1_000));
    scene.run(&mut job).await;
    fake.change("a", |container| container.fault = Some(Fault::Silence));
    fake.change("b", |container| container.interfaces = vec![("eth0", 0, 1_001)]);
    let report = scene.run(&mut job).await;
    assert_eq!((report.containers, report.unread, report.counted_bytes), (1, 1, 1));
    assert!(report.troubles[0].contains("within 5s"), "{:?}", report.troubles);
}

#[tokio::test]
async fn an_engine_that_is_away_is_no_end_of_containers() {
    let (scene, mut fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 0, 1_000));
    scene.run(&mut job).await;
    let head = scene.log.head().await.unwrap();
    // Its list is refused; then all that it has to say of containers; then it is gone.
    fake.list_fault(Some(Fault::Status(500)));
    scene.let_pass(10);
    assert!(matches!(job.run().await, Err(NicError::Engine(_))));
    fake.list_fault(None);
    fake.change("a", |container| container.fault = Some(Fault::Status(403)));
    scene.let_pass(10);
    assert!(matches!(job.run().await, Err(NicError::Engine(_))));
    fake.has("a", Container::of(ONE, 0, 1_040));
    let host = fake.host.clone();
    fake.kill().await;
    scene.let_pass(10);
    assert!(matches!(job.run().await, Err(NicError::Engine(_))));
    assert_eq!(scene.log.head().await.unwrap(), head, "nothing is recorded of nothing");

    let fake = Fake::start().await;
    assert_ne!(fake.host, host);
    fake.has("a", Container::of(ONE, 0, 1_050));
    scene.run(&mut scene.job(&fake.host)).await;
    assert_eq!(scene.recorded(ONE).await, [0, 50]);
}
