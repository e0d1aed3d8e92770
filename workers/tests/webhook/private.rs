//! Nothing is sent where the public cannot go, unless its host is allowed by name.

use tokio::net::TcpListener;
use tokio::process::Command;

use crate::server::{Reply, Server};
use crate::{SECRET, config_with, message, send, sender, transient};

/// Says to the test below which server to send to.
const URL: &str = "SERVELINK_TEST_WEBHOOK_PROXIED_URL";

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused() {
    let server = Server::start(Reply::status(200)).await;
    let url = format!("https://localhost:{}/canary", server.port);
    for allowed in [&[][..], &["127.0.0.1", "host", "localhost.example"]] {
        let config = config_with(&url, SECRET, allowed);
        let (why, retry_after) = transient(sender(&config).send(&message()).await);
        assert!(why.starts_with("localhost has the loopback address "), "{why}");
        assert!(why.contains("SERVELINK_WEBHOOK_ALLOW_PRIVATE") && !why.contains("canary"), "{why}");
        assert_eq!(retry_after, None);
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_refused_host_is_not_even_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    transient(sender(&config_with(&url, SECRET, &[])).send(&message()).await);
    let connected = futures::FutureExt::now_or_never(listener.accept());
    assert!(connected.is_none(), "{connected:?}");
}

#[tokio::test]
async fn a_host_allowed_by_name_is_sent_to() {
    let server = Server::start(Reply::status(200)).await;
    let url = format!("http://LocalHost:{}", server.port);
    sender(&config_with(&url, SECRET, &["localhost"])).send(&message()).await.unwrap();
    server.only();
}

#[tokio::test]
async fn a_name_of_nobody_is_no_address() {
    let (why, _) =
        transient(sender(&config_with("https://paas.invalid/canary", SECRET, &[])).send(&message()).await);
    assert!(why.contains("paas.invalid") && !why.contains("canary"), "{why}");
}

/// A proxy is found in the environment, and a process cannot safely change its own: so another sends.
#[tokio::test]
async fn a_proxy_in_the_environment_is_not_asked() {
    let (server, proxy) = (Server::start(Reply::status(200)).await, Server::start(Reply::status(200)).await);
    let sent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "private::sends_to_the_server_that_it_is_told"])
        .envs(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, &proxy.url)))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env(URL, &server.url)
        .output()
        .await
        .unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    server.only();
    assert!(proxy.received().is_empty());
}

/// The other process of the test above, which tells it where; by itself it has nothing to do.
#[tokio::test]
async fn sends_to_the_server_that_it_is_told() {
    let Ok(url) = std::env::var(URL) else { return };
    send(&url).await.unwrap();
}
