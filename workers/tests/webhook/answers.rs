//! What each answer means, and what is told of it.

use std::time::Duration;

use servelink_workers::webhook::SendError;

use crate::server::{Reply, Server};
use crate::{send, transient};

#[tokio::test]
async fn what_is_not_a_2xx_is_tried_again() {
    for (status, says) in [
        (400, "SERVELINK_WEBHOOK_SECRETS"),
        (401, "SERVELINK_WEBHOOK_SECRETS"),
        (404, "SERVELINK_WEBHOOK_URL"),
        (408, "408 Request Timeout"),
        (500, "500 Internal Server Error"),
        (502, "502 Bad Gateway"),
    ] {
        let server = Server::start(Reply::with(status, "retry-after", "7")).await;
        let (why, retry_after) = transient(send(&format!("{}/canary?canary", server.url)).await);
        let host = format!("127.0.0.1:{} answers {status} ", server.port);
        assert!(why.starts_with(&host) && why.contains(says) && !why.contains("canary"), "{why}");
        assert_eq!(retry_after, None, "{status}: it is for those who are busy");
        server.only();
    }
}

#[tokio::test]
async fn who_is_busy_says_for_how_long() {
    for (status, text, seconds) in [(429, "120", 120), (503, "7", 7), (429, "31536000", 86_400)] {
        let server = Server::start(Reply::with(status, "retry-after", text)).await;
        let (_, retry_after) = transient(send(&server.url).await);
        assert_eq!(retry_after, Some(Duration::from_secs(seconds)), "{status} {text}");
    }
    for reply in [Reply::status(429), Reply::with(503, "retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")] {
        let server = Server::start(reply).await;
        assert_eq!(transient(send(&server.url).await).1, None);
    }
}

#[tokio::test]
async fn gone_is_for_good() {
    let server = Server::start(Reply::with(410, "retry-after", "7")).await;
    let error = send(&format!("{}/canary", server.url)).await.unwrap_err();
    assert!(matches!(error, SendError::Permanent(_)) && error.is_permanent(), "{error:?}");
    assert!(error.to_string().contains("410 Gone") && !error.to_string().contains("canary"), "{error}");
    assert_eq!(error.retry_after(), None);
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let elsewhere = Server::start(Reply::status(200)).await;
    for status in [301, 302, 303, 307, 308] {
        let server =
            Server::start(Reply::with(status, "location", format!("{}/canary", elsewhere.url))).await;
        let (why, _) = transient(send(&server.url).await);
        assert!(why.contains("not followed") && !why.contains("canary"), "{why}");
        server.only();
    }
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn nobody_listens() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (why, _) = transient(send(&format!("http://{unused}/canary?canary")).await);
    assert!(why.starts_with(&format!("{unused} cannot be reached: ")), "{why}");
    assert!(why.contains("Connection refused") && !why.contains("canary"), "{why}");
}
