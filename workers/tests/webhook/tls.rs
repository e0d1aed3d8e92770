//! Nothing is told to a server before it has shown a certificate that this system trusts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{JoinHandle, spawn};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio::process::Command;

use crate::certificate::Certificate;
use crate::{send, transient};

/// Says to the test below which server to send to.
const URL: &str = "SERVELINK_TEST_WEBHOOK_URL";

/// Takes one request: the first of its bytes, or none when the client would not go on.
fn server(certificate: &Certificate) -> (String, JoinHandle<String>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = vec![CertificateDer::from_pem_file(certificate.certificate()).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate.key()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/canary", listener.local_addr().unwrap().port());
    let got = spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), connection);
        let mut first = [0; 64];
        let Ok(length) = stream.read(&mut first) else { return String::new() };
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        // Until the client has hung up: what it still writes must not reset the connection under the answer.
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
        String::from_utf8_lossy(&first[..length]).into_owned()
    });
    (url, got)
}

#[tokio::test]
async fn without_a_trusted_certificate_nothing_is_sent() {
    let (url, got) = server(&Certificate::make());
    let (why, _) = transient(send(&url).await);
    assert!(why.contains("certificate") && !why.contains("canary"), "{why}");
    assert_eq!(got.join().unwrap(), "");
}

/// What a system trusts is read from its environment, and a process cannot safely change its own: so another sends.
#[tokio::test]
async fn a_trusted_certificate_is_taken() {
    let certificate = Certificate::make();
    let (url, got) = server(&certificate);
    let sent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::sends_to_the_server_that_it_is_told"])
        .env("SSL_CERT_FILE", certificate.certificate())
        .env(URL, url)
        .output()
        .await
        .unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    assert!(got.join().unwrap().starts_with("POST /canary HTTP/1.1"));
}

/// The other process of the test above, which tells it where; by itself it has nothing to do.
#[tokio::test]
async fn sends_to_the_server_that_it_is_told() {
    let Ok(url) = std::env::var(URL) else { return };
    send(&url).await.unwrap();
}
