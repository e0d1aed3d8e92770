//! What a container sends before it ends is seen in time, when Docker tells that it is to end.

use domain::ProjectId;

use crate::fake::{Container, Fake, Fault};
use crate::scene::{Scene, until};

const ONE: ProjectId = ProjectId::from_bytes([1; 16]);

#[tokio::test]
async fn what_was_sent_since_the_last_turn_is_counted_when_a_container_is_stopped() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 10, 100));
    fake.has("b", Container::of(ONE, 10, 100));
    scene.run(&mut job).await;
    until("events are followed", || fake.is_followed()).await;

    scene.let_pass(1);
    let asked = fake.asked("a");
    fake.change("a", |container| container.interfaces = vec![("eth0", 15, 150)]);
    fake.signal("a");
    until("it is looked at", || fake.asked("a") > asked).await;
    // While it ends it sends more.
    fake.change("a", |container| container.interfaces = vec![("eth0", 17, 170)]);
    until("it is looked at again", || fake.asked("a") > asked + 2).await;
    fake.change("a", |container| container.running = false);
    until("it has ended", || fake.asked("a") > asked + 3).await;
    let report = scene.run(&mut job).await;
    assert_eq!((report.containers, report.ended, report.counted_bytes), (1, 1, 77));
    assert_eq!(scene.recorded(ONE).await, [7, 70]);

    // Counted once; and started again, it counts from nought.
    let report = scene.run(&mut job).await;
    assert_eq!((report.ended, report.counted_bytes), (0, 0));
    fake.has("a", Container::of(ONE, 0, 0).again("2026-11-24T12:00:35Z", 1, 2));
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [8, 72]);
}

#[tokio::test]
async fn one_that_came_and_was_stopped_between_two_turns_is_counted() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    scene.run(&mut job).await;
    until("events are followed", || fake.is_followed()).await;
    scene.let_pass(1);
    fake.has("short", Container::of(ONE, 30, 300));
    fake.signal("short");
    until("it is looked at", || fake.asked("short") > 1).await;
    fake.remove("short");
    assert_eq!(scene.run(&mut job).await.ended, 1);
    assert_eq!(scene.recorded(ONE).await, [30, 300]);
}

#[tokio::test]
async fn a_signal_that_ends_nothing_counts_nothing_twice() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 0, 100));
    scene.run(&mut job).await;
    until("events are followed", || fake.is_followed()).await;
    scene.let_pass(1);
    let asked = fake.asked("a");
    fake.has("a", Container { asked, ..Container::of(ONE, 0, 150) });
    fake.signal("a");
    until("it is looked at twice", || fake.asked("a") > asked + 1).await;
    fake.change("a", |container| container.interfaces = vec![("eth0", 0, 160)]);
    let report = scene.run(&mut job).await;
    assert_eq!((report.ended, report.counted_bytes), (0, 60));
    // It goes after another turn has seen it: what was seen at the signal is older than that.
    fake.remove("a");
    let report = scene.run(&mut job).await;
    assert_eq!((report.ended, report.counted_bytes), (0, 0));
    assert_eq!(scene.recorded(ONE).await, [0, 60]);
}

#[tokio::test]
async fn what_a_turn_saw_after_the_last_look_at_a_signal_is_not_undone_by_it() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 0, 100));
    scene.run(&mut job).await;
    until("events are followed", || fake.is_followed()).await;
    // Looked at after a turn has begun, and before that turn looks at it itself.
    scene.let_pass(15);
    let asked = fake.asked("a");
    fake.change("a", |container| container.interfaces = vec![("eth0", 0, 150)]);
    fake.signal("a");
    until("it is looked at twice", || fake.asked("a") > asked + 1).await;
    fake.change("a", |container| container.running = false);
    until("it is not followed any more", || fake.asked("a") > asked + 2).await;
    fake.has("a", Container::of(ONE, 0, 151));
    scene.let_pass(-12);
    assert_eq!(scene.run(&mut job).await.counted_bytes, 51);
    fake.remove("a");
    let report = scene.run(&mut job).await;
    assert_eq!((report.ended, report.counted_bytes), (0, 0));
    assert_eq!(scene.recorded(ONE).await, [0, 51]);
}

#[tokio::test]
async fn events_are_asked_for_again_when_they_end() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 0, 100));
    scene.run(&mut job).await;
    until("events are followed", || fake.is_followed()).await;
    // A proxy that refuses them: everything else goes on, and the report names it.
    fake.events_fault(Some(Fault::Status(403)));
    let follows = fake.follows();
    until("events are asked for again", || fake.follows() > follows + 1).await;
    fake.change("a", |container| container.interfaces = vec![("eth0", 0, 120)]);
    let report = scene.run(&mut job).await;
    assert_eq!((report.counted_bytes, report.troubles.len()), (20, 1));
    assert!(report.troubles[0].contains("/events with status 403"), "{:?}", report.troubles);
    assert!(report.to_string().contains("/events with status 403"), "{report}");

    fake.events_fault(None);
    until("events are followed", || fake.is_followed()).await;
    scene.let_pass(1);
    let asked = fake.asked("a");
    fake.change("a", |container| container.interfaces = vec![("eth0", 0, 150)]);
    fake.signal("a");
    until("it is looked at twice", || fake.asked("a") > asked + 1).await;
    fake.remove("a");
    let report = scene.run(&mut job).await;
    assert_eq!((report.counted_bytes, report.ended, report.troubles), (30, 1, vec![]));
}
