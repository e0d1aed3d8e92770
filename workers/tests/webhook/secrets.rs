//! Neither a secret nor the URL's path is in what Servelink writes about itself, its HTTP client's own logs included.

use std::time::Duration;

use tokio::time::timeout;

use crate::captured::Captured;
use crate::server::{Reply, Server};
use crate::{config_with, message, quick, sender};

const SECRETS: &str = "canary-0123456789abcdef0123,whsec_Y2FuYXJ5LTAxMjM0NTY3ODlhYmNkZWYwMTIz";

#[tokio::test]
async fn nothing_secret_is_logged_or_shown() {
    let logs = Captured::start();

    let mut shown = String::new();
    for (reply, allowed) in [
        (Reply::status(200), true),
        (Reply::status(500), true),
        (Reply::status(410), true),
        (Reply::with(302, "location", "/canary"), true),
        (Reply::Hang, true),
        (Reply::status(200), false),
    ] {
        let server = Server::start(reply).await;
        let (scheme, allowed) = if allowed { ("http", &["localhost"][..]) } else { ("https", &[][..]) };
        let url = format!("{scheme}://localhost:{}/canary?canary=canary", server.port);
        let config = quick(config_with(&url, SECRETS, allowed));
        let sender = sender(&config);
        shown += &format!("{config:?} {sender:?} ");
        let sent = timeout(Duration::from_secs(10), sender.send(&message())).await.unwrap();
        shown += &match sent {
            Ok(()) => String::new(),
            Err(error) => format!("{error} {error:?}\n"),
        };
        assert_eq!(server.received().len(), allowed.len());
    }

    let logged = logs.text();
    for target in ["reqwest", "hyper_util"] {
        assert!(logged.contains(target), "{target} is not captured: {logged}");
    }
    assert!(shown.contains("localhost"), "{shown}");
    for text in [shown, logged] {
        for secret in ["canary", "whsec_", "Y2FuYXJ5"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}
