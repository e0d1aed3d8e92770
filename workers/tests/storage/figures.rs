//! What is in a real engine is what is recorded, to the byte.

use std::os::unix::fs::symlink;

use servelink_workers::storage::BindsConfig;

use crate::engine::{Engine, LABEL, random, write};
use crate::scene::{Scene, run};

#[tokio::test]
async fn figures_are_exact_and_only_what_changes_is_an_event() {
    let (engine, scene) = (Engine::shared(), Scene::set().await);
    let (team, [one, other]) = scene.team().await;
    let (_, [idle]) = scene.team().await;
    let stranger = random();

    // By label with and without the PaaS's prefix, by name, and of somebody else.
    let folder =
        engine.volume(&random().to_string(), &[(LABEL, one.to_string())], &[("a", 5_000), ("d/b", 7)]).await;
    std::fs::hard_link(folder.join("a"), folder.join("again")).unwrap();
    engine.volume(&random().to_string(), &[("project_id", other.to_string())], &[("c", 300)]).await;
    engine.volume(&format!("{one}-data"), &[], &[("e", 11)]).await;
    engine.volume(&format!("{stranger}-data"), &[], &[("f", 1_000)]).await;
    engine.volume(&random().to_string(), &[], &[("g", 1_000_000)]).await;

    // A runner image is everybody's and nobody's; an image of a project is its own.
    let runner = engine.image(&[], 100_000).await;
    engine.image(&[(LABEL, one.to_string())], 3_345).await;

    let storage = scene.data_dir.path().join("storage").join(team.to_string());
    let [shared, alone, unlinked] =
        ["volume/shared", "database/alone", "volume/left"].map(|path| storage.join(path));
    write(&shared.join("x/y"), 101);
    write(&alone.join("db.sqlite"), 4_096);
    symlink("/", alone.join("root")).unwrap();
    write(&unlinked.join("z"), 77);
    let both = [(LABEL, one.to_string())];
    engine.container(&runner, &both, &[("new", 777), ("b", 10)], &[&shared]).await;
    engine
        .container(&runner, &both, &[("more", 200)], &[&shared, &scene.data_dir.path().join("storage")])
        .await;
    engine.container(&runner, &[("project_id", other.to_string())], &[], &[&shared, &alone.clone()]).await;
    engine.container(&runner, &[], &[("nobody", 5_000)], &[&unlinked]).await;

    let mut job = scene.job(scene.config(&engine.host));
    let report = run(&mut job).await;
    assert_eq!((report.projects, report.carried, &report.lost[..]), (3, 0, &[][..]));
    assert_eq!(scene.sizes(one).await, Some([5_007 + 11 + 51, 3_345, 987]));
    assert_eq!(scene.sizes(other).await, Some([300 + 50 + 4_096 + 1, 0, 0]));
    assert_eq!(scene.sizes(idle).await, Some([0, 0, 0]), "nothing is known of it, and is nothing");
    assert_eq!(report.unlinked, [(team, 77_u32.into())].into());
    assert_eq!(scene.unlinked(team).await, [77], "it is the team's");
    assert!(report.unregistered.count >= 1, "{report:?}");
    assert_eq!((report.refused.count, report.left_out.count, report.unsized_volumes.count), (0, 0, 0));

    scene.at("2026-11-23T05:00:00Z");
    run(&mut job).await;
    assert_eq!(scene.recorded(one).await.len(), 1, "nothing has changed");
    assert_eq!(scene.unlinked(team).await.len(), 1, "nor here");
    write(&folder.join("new"), 1);
    run(&mut job).await;
    assert_eq!(scene.sizes(one).await, Some([5_007 + 11 + 51 + 1, 3_345, 987]));
    assert_eq!((scene.recorded(one).await.len(), scene.recorded(other).await.len()), (2, 1));
    scene.at("2026-11-24T04:00:00Z");
    run(&mut job).await;
    assert_eq!(
        (scene.recorded(one).await.len(), scene.recorded(other).await.len()),
        (3, 2),
        "the day's first"
    );
    let measured = scene.recorded(other).await.pop().unwrap();
    assert_eq!((measured.source.as_str(), measured.total_bytes.get()), ("docker", 300 + 50 + 4_096 + 1));
}

#[tokio::test]
async fn folders_may_have_another_name_for_the_engine() {
    let (engine, scene) = (Engine::shared(), Scene::set().await);
    let (team, [project]) = scene.team().await;
    write(&scene.data_dir.path().join("storage").join(team.to_string()).join("volume/v/a"), 9);
    let elsewhere = tempfile::tempdir().unwrap();
    let mounted = elsewhere.path().join("storage").join(team.to_string()).join("volume/v");
    std::fs::create_dir_all(&mounted).unwrap();
    let runner = engine.image(&[], 1).await;
    engine.container(&runner, &[(LABEL, project.to_string())], &[], &[&mounted]).await;

    let config = scene.config(&engine.host);
    let report = run(&mut scene.job(config.clone())).await;
    assert_eq!((scene.sizes(project).await, report.unlinked), (Some([0; 3]), [(team, 9_u32.into())].into()));
    let binds = config.binds.clone().unwrap();
    let binds = BindsConfig { engine_data_dir: Some(elsewhere.path().into()), ..binds };
    let report =
        run(&mut scene.job(servelink_workers::storage::StorageConfig { binds: Some(binds), ..config })).await;
    assert_eq!((scene.sizes(project).await, report.unlinked), (Some([9, 0, 0]), [].into()));
    assert_eq!(scene.unlinked(team).await, [9, 0], "it is the project's now");
}
