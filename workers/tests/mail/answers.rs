//! What a server's refusal, and its absence, mean.

use std::time::{Duration, Instant};

use servelink_workers::mail::{Language, Mailer, SendError};
use tokio::net::TcpListener;

use crate::server::{SmtpServer, config, letter, mailer, send};

#[tokio::test]
async fn a_refusal_is_for_good_or_for_now() {
    let mut server = SmtpServer::start(&["none"]).await;
    let (mailer, letter) = (server.mailer(), letter("plan-lapsed", Language::French));
    let gone = send(&mailer, "gone@example.org", &letter).await.unwrap_err();
    assert!(gone.is_permanent() && gone.to_string().contains("5.1.1"), "{gone}");
    let full = send(&mailer, "full@example.org", &letter).await.unwrap_err();
    assert!(!full.is_permanent() && full.to_string().contains("4.2.2"), "{full}");
    for error in [gone, full] {
        let told = format!("{error} {error:?}");
        assert!(!told.contains("gone") && !told.contains("full"), "{told}");
        assert!(told.contains("***@example.org"), "{told}");
    }
    // The mailer is none the worse for it.
    send(&mailer, "awa@example.org", &letter).await.unwrap();
    server.got().await;
}

/// An operator can put it right, and until then no mail is to be lost.
#[tokio::test]
async fn a_server_that_does_not_know_us_is_for_now() {
    let server = SmtpServer::start(&["none"]).await;
    let letter = letter("plan-lapsed", Language::French);
    let error = send(&server.mailer(), "relay@example.org", &letter).await.unwrap_err();
    assert!(!error.is_permanent() && error.to_string().contains("5.7.1"), "{error}");
    assert!(!error.to_string().contains("<relay@"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_can_be_put_right() {
    let mut server = SmtpServer::start(&["none", "servelink", "pass:wörd"]).await;
    let letter = letter("forecast", Language::English);
    let at = |user: &str| mailer(&format!("smtp://{user}@127.0.0.1:{}?starttls=never", server.port));
    let (wrong, right) = (at("servelink:canary"), at("servelink:pass%3Aw%C3%B6rd"));
    let error = send(&wrong, "awa@example.org", &letter).await.unwrap_err();
    assert!(!error.is_permanent() && error.to_string().contains("535"), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
    let nobody = send(&server.mailer(), "awa@example.org", &letter).await.unwrap_err();
    assert!(!nobody.is_permanent(), "{nobody}");
    send(&right, "awa@example.org", &letter).await.unwrap();
    assert_eq!(server.got().await.user.as_deref(), Some("servelink"));
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_again_later() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mailer = mailer(&format!("smtp://127.0.0.1:{port}?starttls=never"));
    let error = send(&mailer, "awa@example.org", &letter("forecast", Language::French)).await.unwrap_err();
    assert!(matches!(error, SendError::Transient(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut config = config(&format!("smtp://127.0.0.1:{port}?starttls=never"));
    config.limits.total = Duration::from_millis(300);
    let mailer = Mailer::new(&config).unwrap();
    let begun = Instant::now();
    let error = send(&mailer, "awa@example.org", &letter("forecast", Language::French)).await.unwrap_err();
    assert!(matches!(error, SendError::Transient(_)), "{error}");
    let took = begun.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(5)).contains(&took), "{took:?}");
}
