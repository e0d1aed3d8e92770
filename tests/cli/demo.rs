//! `servelink demo`: the first thing that anybody types.

use std::fs;

use serde_json::json;

use crate::common::{Client, Home, Servelink, eventually};

/// Starts it, and copies the lines that it says to copy.
async fn demo(home: &Home, args: &str) -> (Servelink, Client) {
    let mut server = Servelink::start_silent(home, &format!("demo --listen 127.0.0.1:0 {args}"));
    let mut copied = Vec::new();
    for name in ["SERVELINK", "KEY", "TOKEN"] {
        let line = server.says(home, "export ").await;
        copied.push(line.trim_start().strip_prefix(&format!("export {name}=")).unwrap().to_owned());
    }
    server.says(home, "Ctrl-C").await;
    server.url.clone_from(&copied[0]);
    let client = Client::new(&server, &copied[1], &copied[2]);
    (server, client)
}

const BOUTIQUE: &str = "/api/usage/projects/11111111111111111111111111111111";

#[tokio::test(flavor = "multi_thread")]
async fn it_has_something_to_look_at_and_leaves_nothing_behind() {
    let home = Home::embedded();
    let (server, client) = demo(&home, "").await;
    let first = client.get(&format!("{BOUTIQUE}?min_position={}", client.head().await)).await.ok();
    assert!(
        first["traffic_bytes"].as_u64().unwrap() > 1 << 30 && first["storage_mb"] == json!(41.0),
        "{first}"
    );
    // Live traffic goes on.
    eventually("more requests", || async {
        let usage = client.get(BOUTIQUE).await.ok();
        if usage["requests"].as_u64() > first["requests"].as_u64() { Ok(()) } else { Err(usage.to_string()) }
    })
    .await;
    let limits = client.get("/api/usage/teams/dakar-labs/limits").await.ok();
    assert_eq!(limits["within_limits"], json!(true), "{limits}");
    assert_eq!(client.get("/api/usage/teams/sahel-studio/limits").await.status, 404, "it is another user's");

    server.signal("INT").await;
    assert_eq!(server.ended().await.code(), Some(0));
    let left: Vec<_> =
        fs::read_dir(home.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["server.log"], "only the test's own file is left");
    assert_eq!(home.log(), "", "a demo that works logs nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_there_the_next_time() {
    let home = Home::embedded();
    let (server, client) = demo(&home, "--keep kept").await;
    let head = client.head().await;
    assert_eq!(server.terminate().await.code(), Some(0));
    let (_server, client) = demo(&home, "--keep kept").await;
    assert!(client.head().await > head);
    client.get(&format!("{BOUTIQUE}?min_position={head}")).await.ok();
}
