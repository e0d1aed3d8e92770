//! Real bytes through a real Traefik: what the log says is what Traefik counted, to the byte, over restarts of both.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use domain::ProjectId;
use domain::source::Totals;
use servelink_workers::job::Job;
use support::traefik::Traefik;
use support::{Store, deployment, project, run, with_file, write_map};

/// Bytes in, bytes out and requests.
type Counters = [u64; 3];

fn plain(recorded: &BTreeMap<ProjectId, Totals>, project: ProjectId) -> Counters {
    recorded
        .get(&project)
        .map_or([0; 3], |totals| [totals.ingress_bytes.get(), totals.egress_bytes.get(), totals.requests])
}

fn both(one: Counters, other: Counters) -> Counters {
    std::array::from_fn(|i| one[i] + other[i])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_exactly_what_traefik_counted_over_restarts_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let (log, map) = (folder.path().join("log.db"), folder.path().join("map.toml"));
    let mut traefik = Traefik::start(&[1, 2, 3]).await;
    let config = with_file(&traefik.metrics_url(), &map);
    // The third deployment's project is not known until the end.
    write_map(&map, &[(deployment(1), project(1)), (deployment(2), project(2))]);

    let store = Store::in_file(&log).await;
    store.register(&[project(1), project(2)]).await;
    let mut job = store.job(config.clone());
    for (number, sends, answers) in [(1, 0, 1), (1, 1_000, 0), (1, 0, 70_000), (2, 5, 0), (3, 12_345, 678)] {
        traefik.exchange(number, sends, answers).await;
    }
    let counted = traefik.settled(5).await;
    let report = run(&mut job).await;
    assert_eq!((report.services, report.unmapped_services, report.map_troubles), (3, 1, vec![]));
    let recorded = store.recorded().await;
    assert_eq!(plain(&recorded, project(1)), counted[&1]);
    assert_eq!(plain(&recorded, project(2)), counted[&2]);
    assert_eq!(counted[&1], [1_000, 70_001, 3], "Traefik counts bodies");

    // Servelink restarts while Traefik goes on.
    drop(job);
    store.log.close().await;
    drop(store);
    traefik.exchange(2, 3_000_000, 0).await;
    traefik.exchange(2, 0, 2_000_000).await;
    traefik.exchange(3, 1, 1).await;
    let store = Store::in_file(&log).await;
    let mut job = store.job(config.clone());
    let first_life = traefik.settled(8).await;
    run(&mut job).await;
    let nothing = run(&mut job).await;
    assert_eq!(nothing.counted_bytes, 0);
    assert_eq!(plain(&store.recorded().await, project(2)), first_life[&2]);

    // Traefik restarts while Servelink goes on, and serves more of 1 and less of 2 than before.
    traefik.stop().await;
    job.run().await.unwrap_err();
    traefik.start_again().await;
    for (number, sends, answers) in
        [(1, 2_000, 0), (1, 0, 80_000), (1, 7, 7), (1, 0, 0), (2, 0, 9), (3, 11, 13)]
    {
        traefik.exchange(number, sends, answers).await;
    }
    traefik.settled(6).await;
    run(&mut job).await;

    // The map learns of the third deployment, and Servelink restarts again.
    write_map(&map, &[1, 2].map(|byte| (deployment(byte), project(byte))));
    drop(job);
    store.log.close().await;
    drop(store);
    let store = Store::in_file(&log).await;
    let mut job = store.job(config);
    write_map(&map, &[(deployment(1), project(1)), (deployment(2), project(2)), (deployment(3), project(2))]);
    traefik.exchange(1, 100, 100).await;
    let second_life = traefik.settled(7).await;
    let report = run(&mut job).await;
    assert_eq!(report.unmapped_services, 0);

    let recorded = store.recorded().await;
    let total = |number: u8| both(first_life[&number], second_life[&number]);
    assert_eq!(plain(&recorded, project(1)), total(1));
    assert_eq!(plain(&recorded, project(2)), both(total(2), total(3)));
    assert!(second_life[&1][1] > first_life[&1][1], "a restart that the counters alone do not show");
    store.log.close().await;
    traefik.stop().await;
}
