//! What a project stores, measured by a real Docker engine, is seen in its usage.

use crate::common::client::start;
use crate::common::{Home, eventually, project};
use crate::engine::Engine;

/// A volume that is gone with its test.
struct Volume {
    engine: Engine,
    name: String,
}

impl Volume {
    /// One that belongs to this project by its label, with a file of so many bytes.
    fn with_file(engine: &Engine, project: &str, bytes: usize) -> Self {
        let label = format!("devpush.project_id={project}");
        let name = engine.docker(&["volume", "create", "--label", &label]);
        let folder = engine.docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", &name]);
        std::fs::write(format!("{folder}/file"), vec![7; bytes]).unwrap();
        Self { engine: engine.clone(), name }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        self.engine.clean_up(&["volume", "rm", &self.name]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_is_in_its_project_s_usage() {
    let engine = Engine::of_the_tests();
    let home = Home::embedded();
    let (server, client) = start(&home, "").await;
    client.register(&[0x7e]).await;
    assert_eq!(server.terminate().await.code(), Some(0));

    let _volume = Volume::with_file(&engine, &project(0x7e), 1_234_567);
    let home = home.with("SERVELINK_STORAGE", "yes").with("DOCKER_HOST", &engine.host);
    let server = home.serve("").await;
    let client = client.at(&server);
    eventually("the measurement", || async {
        // The first server may have ended before its read models knew the project.
        let answer = client.get(&format!("/api/usage/projects/{}", project(0x7e))).await;
        if answer.json()["storage_bytes"] == 1_234_567 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    assert!(!home.log().contains("WARN"), "nothing was in doubt: {}", home.log());
}
