//! A socket proxy that refuses, and an engine that is slow: what cannot be asked is lost alone, and is not nothing.

use std::time::Duration;

use domain::ProjectId;
use servelink_workers::job::Job;
use servelink_workers::storage::{Part, StorageConfig, StorageError, StorageReport};

use crate::engine::{Engine, LABEL, random, write};
use crate::proxy::{Proxy, Rule};
use crate::scene::{Scene, run};

/// A project with a volume of 500 bytes, half a folder of 20, an image of 60 and a layer of 7; and one without folders,
/// with a volume of 40.
async fn measured(scene: &Scene, engine: &Engine) -> [ProjectId; 2] {
    let (team, [project]) = scene.team().await;
    let (_, [other]) = scene.team().await;
    engine.volume(&random().to_string(), &[(LABEL, project.to_string())], &[("a", 500)]).await;
    engine.volume(&random().to_string(), &[(LABEL, other.to_string())], &[("a", 40)]).await;
    engine.image(&[(LABEL, project.to_string())], 60).await;
    let folder = scene.data_dir.path().join("storage").join(team.to_string()).join("volume/v");
    write(&folder.join("a"), 20);
    let runner = engine.image(&[], 1).await;
    engine.container(&runner, &[(LABEL, project.to_string())], &[("l", 7)], &[&folder]).await;
    [project, other]
}

fn lost(report: &StorageReport) -> Vec<Part> {
    report.lost.iter().map(|lost| lost.part).collect()
}

#[tokio::test]
async fn a_proxy_that_refuses_one_call_loses_that_part_alone() {
    let (engine, scene) = (Engine::shared(), Scene::set().await);
    let [project, other] = measured(&scene, &engine).await;
    let proxy = Proxy::start(Some(engine.socket())).await;
    let mut job = scene.job(scene.config(&proxy.host));
    let mut first = scene.job(scene.config(&engine.host));
    let (refused, df, images, containers) = (Rule::Status(403), "/system/df", "/images", "/containers");

    // Refused before it was ever measured: the rest is recorded, and what is not known has no bytes yet.
    proxy.rule(&[(df, refused.clone()), (images, refused.clone())]);
    let report = run(&mut job).await;
    assert_eq!(lost(&report), [Part::Volumes, Part::Images]);
    assert!(report.lost[0].why.contains("403"), "{:?}", report.lost);
    assert_eq!((report.projects, report.carried), (2, 2));
    assert_eq!(scene.sizes(project).await, Some([0, 0, 7]));

    run(&mut first).await;
    assert_eq!(scene.sizes(project).await, Some([520, 60, 7]));
    assert_eq!(scene.sizes(other).await, Some([40, 0, 0]));
    let events = scene.recorded(project).await.len();

    // In a new month, which has nothing to go by yet, while everything grows.
    scene.at("2026-12-01T04:00:00Z");
    engine.volume(&random().to_string(), &[(LABEL, project.to_string())], &[("b", 1_000)]).await;
    engine.volume(&random().to_string(), &[(LABEL, other.to_string())], &[("b", 1_000)]).await;
    engine.image(&[(LABEL, project.to_string())], 2_000).await;
    let runner = engine.image(&[], 1).await;
    engine.container(&runner, &[(LABEL, project.to_string())], &[("m", 3_000)], &[]).await;

    proxy.rule(&[(df, refused.clone()), (images, refused.clone())]);
    let report = run(&mut job).await;
    assert_eq!((lost(&report), report.carried), (vec![Part::Volumes, Part::Images], 2));
    assert_eq!(scene.sizes(project).await, Some([520, 60, 3_007]));
    assert_eq!(scene.sizes(other).await, Some([40, 0, 0]));

    proxy.rule(&[(containers, refused.clone())]);
    let report = run(&mut job).await;
    assert_eq!((lost(&report), report.carried), (vec![Part::Layers], 2));
    assert_eq!(
        scene.sizes(project).await,
        Some([520, 2_060, 3_007]),
        "nobody knows whose its team's folder is"
    );
    assert_eq!(scene.sizes(other).await, Some([1_040, 0, 0]), "its team has no folder");

    // Images are listed by two calls.
    proxy.rule(&[(images, refused.clone())]);
    let report = run(&mut job).await;
    assert_eq!((lost(&report), report.carried), (vec![], 0));
    assert_eq!(scene.sizes(project).await, Some([1_520, 2_060, 3_007]));
    engine.image(&[(LABEL, project.to_string())], 9_000).await;
    proxy.rule(&[(df, refused.clone())]);
    let report = run(&mut job).await;
    assert_eq!((lost(&report), report.carried), (vec![Part::Volumes], 2));
    assert_eq!(scene.sizes(project).await, Some([1_520, 11_060, 3_007]));

    // Everything refused is no measurement.
    proxy.rule(&[("/", refused)]);
    assert!(matches!(job.run().await, Err(StorageError::Docker(_))));
    scene.at("2026-11-23T04:00:00Z");
    assert_eq!(scene.recorded(project).await.len(), events, "the month before is as it was");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_as_long_as_the_limit_says() {
    let (engine, scene) = (Engine::shared(), Scene::set().await);
    let [project, _] = measured(&scene, &engine).await;
    let proxy = Proxy::start(Some(engine.socket())).await;
    run(&mut scene.job(scene.config(&proxy.host))).await;

    proxy.rule(&[("/system/df", Rule::Silence)]);
    let config = StorageConfig { docker_limit: Duration::from_secs(4), ..scene.config(&proxy.host) };
    let report = run(&mut scene.job(config)).await;
    assert_eq!((lost(&report), report.carried), (vec![Part::Volumes], 2));
    assert!(report.lost[0].why.contains("within 4s"), "{:?}", report.lost);
    assert_eq!(scene.sizes(project).await, Some([520, 60, 7]));
}

#[tokio::test]
async fn folders_that_are_not_there_are_not_empty() {
    let (engine, scene) = (Engine::shared(), Scene::set().await);
    let [project, other] = measured(&scene, &engine).await;
    let mut job = scene.job(scene.config(&engine.host));
    run(&mut job).await;
    let hidden = scene.data_dir.path().with_extension("hidden");
    std::fs::rename(scene.data_dir.path(), &hidden).unwrap();
    engine.volume(&random().to_string(), &[(LABEL, project.to_string())], &[("b", 1_000)]).await;
    engine.volume(&random().to_string(), &[(LABEL, other.to_string())], &[("b", 1_000)]).await;
    let report = run(&mut job).await;
    assert_eq!((lost(&report), report.carried), (vec![Part::Binds], 1));
    assert_eq!(scene.sizes(project).await, Some([520, 60, 7]));
    assert_eq!(scene.sizes(other).await, Some([1_040, 0, 0]), "it mounts none");
    std::fs::rename(&hidden, scene.data_dir.path()).unwrap();
    assert_eq!(lost(&run(&mut job).await), []);
    assert_eq!(scene.sizes(project).await, Some([1_520, 60, 7]));
}
