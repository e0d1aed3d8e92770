//! One owner for each data folder; what a killed server leaves behind.

use std::fs;

use crate::common::client::start;
use crate::common::{Client, Home};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_is_refused() {
    let home = Home::embedded();
    let (server, paas) = start(&home, "").await;
    let second = home.run("serve --listen 127.0.0.1:0").await;
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(
        second.err.contains("another servelink is running on") && second.err.contains("data"),
        "{second:?}"
    );
    // The first one does not mind, and can still be found.
    paas.register(&[1]).await;
    assert_eq!(home.json("key list --json").await.as_array().unwrap().len(), 1);
    assert_eq!(server.terminate().await.code(), Some(0));
    let next = home.serve("").await;
    assert_eq!(next.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_and_nothing_is_touched() {
    let home = Home::embedded();
    let (server, _) = start(&home, "").await;
    let address = server.url.trim_start_matches("http://");
    let other = Home::embedded();
    let refused = other.run(&format!("serve --listen {address}")).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for word in [address, "SERVELINK_LISTEN", "in use"] {
        assert!(refused.err.contains(word), "{word}: {refused:?}");
    }
    assert!(!other.data().exists(), "the address is looked at before the store is opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_leaves_is_in_nobodys_way() {
    let home = Home::embedded();
    let (server, paas) = start(&home, "").await;
    let up_to = paas.register(&[1]).await;
    server.kill().await;
    let control = home.data().join("control.json");
    let left = fs::read_to_string(&control).unwrap();

    // Nobody runs: the command opens the store itself, whatever the file says.
    assert_eq!(home.json("key list --json").await.as_array().unwrap().len(), 1);
    home.json("projections rebuild --json").await;

    let server = home.serve("").await;
    assert_ne!(fs::read_to_string(&control).unwrap(), left, "it says where the new server is");
    let key = home.key(&["directory:write"]).await;
    let user = Client::new(&server, &key, &paas.token);
    user.get(&format!("/api/usage/teams/team-one?min_position={up_to}")).await.ok();
    server.kill().await;

    // Half a file, as after a crash of the machine.
    fs::write(&control, &left[..left.len() / 2]).unwrap();
    let server = home.serve("").await;
    assert_eq!(home.json("key list --json").await.as_array().unwrap().len(), 2);
    assert_eq!(server.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_at_the_control_listener_is_refused() {
    let home = Home::embedded();
    let (_server, paas) = start(&home, "").await;
    let control = fs::read_to_string(home.data().join("control.json")).unwrap();
    let control: serde_json::Value = serde_json::from_str(&control).unwrap();
    let address = control["address"].as_str().unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for password in [None, Some(""), Some("wrong"), Some(&*paas.key), Some(&*paas.token)] {
        let mut request = http.get(format!("http://{address}/keys"));
        if let Some(password) = password {
            request = request.bearer_auth(password);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 401, "{password:?}");
        assert_eq!(answer.text().await.unwrap(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_at_the_same_time_wait_for_each_other() {
    let home = Home::embedded();
    let (server, _) = start(&home, "").await;
    // What it leaves behind points to nobody.
    server.kill().await;
    let create = |_| home.json("key create --scope usage:write --json");
    futures::future::join_all((0..8).map(create)).await;
    assert_eq!(home.json("key list --json").await.as_array().unwrap().len(), 9);
}
