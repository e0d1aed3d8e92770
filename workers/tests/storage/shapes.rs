//! An engine of API 1.52, which no Debian of today has: played, with its shape of `/system/df`.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde_json::json;
use servelink_workers::storage::Part;

use crate::engine::LABEL;
use crate::proxy::{Proxy, Rule};
use crate::scene::{Scene, run};

#[tokio::test]
async fn a_new_engine_is_asked_for_single_things_and_understood() {
    let scene = Scene::set().await;
    let (_, [project]) = scene.team().await;
    let labels = json!({ LABEL: project.to_string() });
    let engine = Proxy::start(None).await;
    let volume = json!({ "Name": "v", "Driver": "local", "Labels": labels, "UsageData": { "Size": 5_001, "RefCount": 0 } });
    let foreign =
        json!({ "Name": "f", "Driver": "nfs", "Labels": labels, "UsageData": { "Size": -1, "RefCount": 1 } });
    let image = json!({ "Id": "sha256:1", "Size": 3_345, "SharedSize": 0, "Labels": labels });
    let usage = json!({
        "ImageUsage": { "TotalCount": 1, "TotalSize": 3_345, "Items": [image] },
        "VolumeUsage": { "TotalCount": 2, "TotalSize": 5_001, "Items": [volume, foreign] },
    });
    let containers = json!([{ "Id": "1", "Labels": labels, "SizeRw": 787, "SizeRootFs": 787, "Mounts": [] }]);
    let containers = ("/containers/json", Rule::Json(containers.to_string()));
    engine.rule(&[("/system/df", Rule::Json(usage.to_string())), containers.clone()]);
    let mut job = scene.job(scene.config(&engine.host));
    let report = run(&mut job).await;
    assert_eq!(scene.sizes(project).await, Some([5_001, 3_345, 787]));
    assert_eq!(report.unsized_volumes.first, ["f (nfs)"]);
    let asked = engine.asked();
    assert!(asked.iter().all(|address| !address.starts_with("/v1")), "no version is named: {asked:?}");
    assert!(
        asked.iter().any(|address| address.starts_with("/system/df?") && address.contains("verbose=true"))
    );
    assert!(asked.iter().any(|address| address.contains("all=true") && address.contains("size=true")));

    // Sums without the single things are no answer.
    let sums =
        json!({ "ImageUsage": { "TotalCount": 1 }, "VolumeUsage": { "TotalCount": 2, "TotalSize": 9 } });
    engine.rule(&[("/system/df", Rule::Json(sums.to_string())), containers.clone()]);
    let report = run(&mut job).await;
    let lost: Vec<_> = report.lost.iter().map(|lost| lost.part).collect();
    assert_eq!(lost, [Part::Volumes, Part::Images]);
    assert_eq!(scene.sizes(project).await, Some([5_001, 3_345, 787]));

    // An engine before 23 does this once at a time, and says so.
    let busy = ("/system/df", Rule::Busy(Arc::new(AtomicUsize::new(2))));
    engine.rule(&[busy, ("/system/df", Rule::Json(usage.to_string())), containers]);
    engine.asked();
    assert_eq!(run(&mut job).await.lost, []);
    let asked = engine.asked();
    assert_eq!(asked.iter().filter(|address| address.starts_with("/system/df")).count(), 3, "{asked:?}");
}
