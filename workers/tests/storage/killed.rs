//! An engine that is killed in the middle of a run, and is away after it.

use servelink_workers::job::Job;
use servelink_workers::storage::{Part, StorageError};

use crate::engine::{LABEL, OwnEngine, random};
use crate::proxy::{Gate, Proxy, Rule};
use crate::scene::{Scene, run};

#[tokio::test]
async fn what_was_told_before_the_end_counts_and_the_rest_stays() {
    let ((mut own, engine), scene) = (OwnEngine::start().await, Scene::set().await);
    let (_, [project]) = scene.team().await;
    let labels = [(LABEL, project.to_string())];
    engine.volume(&random().to_string(), &labels, &[("a", 500)]).await;
    engine.image(&labels, 60).await;
    let runner = engine.image(&[], 1).await;
    engine.container(&runner, &labels, &[("l", 7)], &[]).await;
    let proxy = Proxy::start(Some(engine.socket())).await;
    let mut job = scene.job(scene.config(&proxy.host));
    run(&mut job).await;
    assert_eq!(scene.sizes(project).await, Some([500, 60, 7]));

    engine.volume(&random().to_string(), &labels, &[("b", 1_000)]).await;
    engine.container(&runner, &labels, &[("m", 3_000)], &[]).await;
    let gate = Gate::new();
    proxy.rule(&[("/system/df", Rule::Gate(gate.clone()))]);
    let killing = async {
        gate.arrived().await;
        own.freeze().await;
        gate.open().await;
        own.kill().await;
    };
    let (report, ()) = tokio::join!(run(&mut job), killing);
    let lost: Vec<_> = report.lost.iter().map(|lost| lost.part).collect();
    assert_eq!((lost, report.carried), (vec![Part::Volumes, Part::Images], 1));
    assert_eq!(scene.sizes(project).await, Some([500, 60, 3_007]));

    // While it is away nothing is recorded, through the proxy and without.
    proxy.rule(&[]);
    let events = scene.recorded(project).await.len();
    assert!(matches!(job.run().await, Err(StorageError::Docker(_))));
    assert!(matches!(scene.job(scene.config(&engine.host)).run().await, Err(StorageError::Docker(_))));
    assert_eq!(scene.recorded(project).await.len(), events);

    own.start_again().await;
    assert_eq!(run(&mut job).await.lost, []);
    assert_eq!(scene.sizes(project).await, Some([1_500, 60, 3_007]));
}
