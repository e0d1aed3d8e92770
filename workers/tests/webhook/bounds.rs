//! No receiver can hold a webhook up for long, or fill the memory.

use std::time::{Duration, Instant};

use servelink_workers::webhook::WebhookLimits;
use tokio::time::timeout;

use crate::server::{Reply, Server};
use crate::{QUICK, config, message, quick, send, sender, transient};

/// The most that two sockets and a client may have taken before they notice that nobody reads on.
const BUFFERED: usize = 32 << 20;
/// The longest that a test waits for what takes [`QUICK`].
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn who_never_answers_is_given_up() {
    let server = Server::start(Reply::Hang).await;
    let config = quick(config(&format!("{}/canary", server.url)));
    let began = Instant::now();
    let outcome = timeout(PATIENCE, sender(&config).send(&message())).await.unwrap();
    let (why, _) = transient(outcome);
    assert!(began.elapsed() >= QUICK);
    assert_eq!(why, format!("127.0.0.1:{} does not answer within 1.0s", server.port));
    server.only();
}

#[tokio::test]
async fn the_status_counts_though_the_body_hangs() {
    for (status, delivered) in [(200, true), (500, false)] {
        let server = Server::start(Reply::HangingBody(status)).await;
        let config = quick(config(&server.url));
        let outcome = timeout(PATIENCE, sender(&config).send(&message())).await.unwrap();
        assert_eq!(outcome.is_ok(), delivered, "{outcome:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    for (status, delivered) in [(200, true), (500, false)] {
        let server = Server::start(Reply::Endless(status)).await;
        let began = Instant::now();
        let outcome = send(&server.url).await;
        assert_eq!(outcome.is_ok(), delivered, "{outcome:?}");
        assert!(began.elapsed() < WebhookLimits::default().total, "it is the size that ends it");
        assert!(server.given() < BUFFERED, "{}", server.given());
    }
}

#[test]
fn the_limits_are_those_of_svix() {
    let limits = WebhookLimits::default();
    assert_eq!((limits.connect, limits.total), (Duration::from_secs(2), Duration::from_secs(15)));
}
