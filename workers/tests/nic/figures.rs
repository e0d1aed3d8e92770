//! What is counted: differences, over restarts of containers and of Servelink.

use domain::ProjectId;

use crate::fake::{Container, Fake};
use crate::scene::Scene;

const ONE: ProjectId = ProjectId::from_bytes([1; 16]);
const OTHER: ProjectId = ProjectId::from_bytes([2; 16]);

#[tokio::test]
async fn what_came_since_the_first_reading_is_counted_for_the_project() {
    let (scene, fake) = (Scene::set(&[ONE, OTHER]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 100, 1_000));
    fake.has(
        "b",
        Container { labels: vec![("project_id", OTHER.to_string())], ..Container::of(OTHER, 5, 5) },
    );
    fake.has("none", Container { mode: "none", ..Container::of(ONE, 0, 0) });
    fake.has("host", Container { mode: "host", ..Container::of(ONE, 0, 0) });
    fake.has("sidecar", Container { mode: "container:a", ..Container::of(ONE, 100, 1_000) });
    fake.has(
        "other software",
        Container { labels: vec![("project_id", "7".into())], ..Container::of(ONE, 9, 9) },
    );
    let report = scene.run(&mut job).await;
    assert_eq!((report.containers, report.without_network, report.counted_bytes), (2, 3, 0));
    assert_eq!(scene.recorded(ONE).await, [0, 0], "nobody knows in which month that was");

    fake.has("a", Container::of(ONE, 130, 1_500));
    // What came after the first reading is counted from its beginning, and both of its interfaces are.
    let interfaces = vec![("eth0", 10, 20), ("eth1", 300, 400)];
    fake.has("c", Container { interfaces, ..Container::of(ONE, 0, 0) });
    let report = scene.run(&mut job).await;
    assert_eq!((report.containers, report.counted_bytes), (3, 30 + 500 + 730));
    assert_eq!(scene.recorded(ONE).await, [30 + 310, 500 + 420]);
    assert_eq!(scene.recorded(OTHER).await, [0, 0]);

    // Nothing moved: nothing is recorded.
    let head = scene.log.head().await.unwrap();
    scene.run(&mut job).await;
    assert_eq!(scene.log.head().await.unwrap(), head);

    // Servelink restarts while containers go on.
    fake.has(
        "b",
        Container { labels: vec![("project_id", OTHER.to_string())], ..Container::of(OTHER, 7, 105) },
    );
    let mut job = scene.job(&fake.host);
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(OTHER).await, [2, 100]);
    assert_eq!(scene.recorded(ONE).await, [340, 920]);
}

#[tokio::test]
async fn a_container_that_is_started_again_counts_from_nought() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    let first = Container::of(ONE, 100, 100);
    fake.has("a", first.clone());
    scene.run(&mut job).await;
    // It has sent more by now than it had when it was seen last.
    fake.has("a", first.again("2026-11-24T12:00:15Z", 5, 5_000));
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [5, 5_000]);
    // Less, twice within a second.
    fake.has("a", first.again("2026-11-24T12:00:25.1Z", 7, 70));
    scene.run(&mut job).await;
    fake.has("a", first.again("2026-11-24T12:00:25.2Z", 8, 80));
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [20, 5_150]);

    // It is made anew, under another id.
    fake.remove("a");
    fake.has("b", first.again("2026-11-24T12:00:45Z", 1, 1));
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [21, 5_151]);
}

#[tokio::test]
async fn a_start_while_it_is_looked_at_counts_nothing_twice() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    let first = Container::of(ONE, 0, 1_000);
    fake.has("a", first.clone());
    scene.run(&mut job).await;
    // Its counters are told, and then it is started again.
    fake.change("a", |container| {
        container.interfaces = vec![("eth0", 0, 1_500)];
        container.then = Some(Box::new(first.again("2026-11-24T12:00:15Z", 0, 7)));
    });
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [0, 7], "what it sent last is not known to be of the first start");
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [0, 7]);
}

#[tokio::test]
async fn a_network_that_is_left_and_joined_again_counts_from_nought() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    let with = |interfaces| fake.change("a", |container| container.interfaces = interfaces);
    fake.has("a", Container::of(ONE, 0, 0));
    with(vec![("eth0", 1_000, 1_000), ("eth1", 500, 500)]);
    scene.run(&mut job).await;
    with(vec![("eth0", 1_001, 1_002)]);
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [1, 2]);
    with(vec![("eth0", 1_001, 1_002), ("eth1", 10, 20)]);
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [11, 22]);
    // Too quickly to be seen, and under the old name, which Docker gives out once: like an old sight it counts nothing
    // until it is above what stands.
    with(vec![("eth0", 1_001, 1_002), ("eth1", 3, 4)]);
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [11, 22]);
    with(vec![("eth0", 1_001, 1_002), ("eth1", 12, 25)]);
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [13, 27]);
    // Left by a container of which nothing is left to count.
    with(vec![]);
    scene.run(&mut job).await;
    assert_eq!(scene.recorded(ONE).await, [13, 27]);
}

#[tokio::test]
async fn containers_that_come_and_go_leave_nothing_behind() {
    let (scene, fake) = (Scene::set(&[ONE]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    let nobody = ProjectId::from_bytes([9; 16]);
    scene.run(&mut job).await;
    for n in 0..120_u64 {
        let (id, of) = (format!("{n:03}"), if n % 2 == 0 { ONE } else { nobody });
        fake.has(&id, Container::of(of, 0, 10));
        scene.run(&mut job).await;
        fake.remove(&id);
    }
    assert_eq!(scene.recorded(ONE).await, [0, 600]);
    assert_eq!(scene.services().await.len(), 1, "those that were there then");
}

#[tokio::test]
async fn bytes_of_a_project_that_is_not_registered_yet_wait_while_the_container_is_there() {
    let (scene, fake) = (Scene::set(&[]).await, Fake::start().await);
    let mut job = scene.job(&fake.host);
    fake.has("a", Container::of(ONE, 0, 1_000));
    let report = scene.run(&mut job).await;
    assert_eq!((report.unregistered, report.counted_bytes), (1, 0));
    fake.has("a", Container::of(ONE, 0, 1_010));
    scene.run(&mut job).await;
    scene.register(&[ONE]).await;
    fake.has("a", Container::of(ONE, 0, 1_015));
    let report = scene.run(&mut job).await;
    assert_eq!((report.unregistered, report.counted_bytes), (0, 15));
}
