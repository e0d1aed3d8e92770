//! Nothing is told to a server before it has shown a certificate that this system trusts.

use servelink_workers::mail::{Language, SendError};
use tokio::process::Command;

use crate::certificate::Certificate;
use crate::server::{SmtpServer, letter, mailer, send};

/// Says to the test below which server to send to.
const URL: &str = "SERVELINK_TEST_MAIL_URL";

#[tokio::test]
async fn without_a_trusted_certificate_nothing_is_sent() {
    let certificate = Certificate::make();
    let (file, key) = (certificate.certificate(), certificate.key());
    let letter = letter("forecast", Language::French);
    for (scheme, security) in [("smtps", "tls"), ("smtp", "starttls")] {
        let server = SmtpServer::start(&[security, &file, &key, "servelink", "canary"]).await;
        let mailer = mailer(&format!("{scheme}://servelink:canary@127.0.0.1:{}", server.port));
        let error = send(&mailer, "awa@example.org", &letter).await.unwrap_err();
        assert!(matches!(error, SendError::Transient(_)), "{error}");
        assert!(
            error.to_string().contains("certificate") && !error.to_string().contains("canary"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_used() {
    let server = SmtpServer::start(&["none"]).await;
    let mailer = mailer(&format!("smtp://127.0.0.1:{}", server.port));
    let error = send(&mailer, "awa@example.org", &letter("forecast", Language::French)).await.unwrap_err();
    assert!(matches!(error, SendError::Transient(_)) && error.to_string().contains("STARTTLS"), "{error}");
}

/// What a system trusts is read from its environment, and a process cannot safely change its own: so another sends.
#[tokio::test]
async fn a_trusted_certificate_is_taken() {
    let certificate = Certificate::make();
    let (file, key) = (certificate.certificate(), certificate.key());
    for (scheme, security) in [("smtps", "tls"), ("smtp", "starttls")] {
        let mut server = SmtpServer::start(&[security, &file, &key, "servelink", "secret"]).await;
        let sent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tls::sends_to_the_server_that_it_is_told"])
            .env("SSL_CERT_FILE", &file)
            .env(URL, format!("{scheme}://servelink:secret@127.0.0.1:{}", server.port))
            .output()
            .await
            .unwrap();
        assert!(sent.status.success(), "{security}: {}", String::from_utf8_lossy(&sent.stdout));
        let got = server.got().await;
        assert!(got.encrypted && got.user.as_deref() == Some("servelink"), "{security}: {got:?}");
    }
}

/// The other process of the test above, which tells it where; by itself it has nothing to do.
#[tokio::test]
async fn sends_to_the_server_that_it_is_told() {
    let Ok(url) = std::env::var(URL) else { return };
    let mailer = mailer(&url);
    send(&mailer, "awa@example.org", &letter("forecast", Language::French)).await.unwrap();
}
