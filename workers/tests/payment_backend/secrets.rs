//! Neither keys nor anything of a body is in what Servelink writes about itself, its HTTP client's own logs included.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use servelink_workers::payment_backend::BackendLimits;
use store::payments::PaymentBackend;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::server::{Reply, Server};
use crate::{KEY, OTHER_KEY, PAYMENT, PRICE, client_with, external, order, payment, quick};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

const TAKEN: &str = r#"{"external_payment_id":"om-1","status":"pending","payment_url":"https://pay.example/canary-url",
    "qr_code":"canary-qr","expires_at":"canary-time","metadata":{"phone_number":"+22670000000"}}"#;
const PAID: &str = r#"{"external_payment_id":"om-1","status":"completed","transaction_id":"canary\n",
    "amount":"canary-amount","metadata":{"provider":"orange","phone_number":"+22670000000"}}"#;

#[tokio::test]
async fn nothing_secret_is_logged_or_shown() {
    let buffer = Buffer::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(buffer.clone())
        .with_ansi(false)
        .finish();
    // For this thread, on which all of the test runs.
    let _guard = subscriber.set_default();

    let server = Server::start([
        Reply::status("401 Unauthorized"),
        Reply::ok(TAKEN),
        Reply::ok(PAID),
        Reply::status("200 OK"),
        Reply::status("400 Bad Request"),
        Reply::Drop,
        Reply::status("500 Internal Server Error"),
        Reply::Hang,
    ])
    .await;
    let limits = BackendLimits { total: Duration::from_millis(500), ..quick() };
    let client = client_with(&server.url, &format!("{KEY},{OTHER_KEY}"), limits);
    let id = external("om-1");
    let mut shown = format!("{client:?}");
    shown += &format!("{:?}", client.initiate(&order(PRICE)).await.map(|taken| taken.processing));
    shown += &format!("{:?}", client.poll(&id, PRICE).await);
    shown += &format!("{:?}", client.initiate(&order(PRICE)).await);
    shown += &format!("{:?}", client.initiate(&order(PRICE)).await);
    shown += &format!("{:?}", client.cancel(payment(), &id).await);
    shown += &format!("{:?}", client.poll(&id, PRICE).await);
    assert!(server.received().len() >= 8);

    let logged = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    for target in ["servelink_workers::payment_backend", "reqwest", "hyper_util"] {
        assert!(logged.contains(target), "{target} is not captured: {logged}");
    }
    for text in [PAYMENT, "om-1", "operation=\"initiate\"", "attempt=1", "took_ms="] {
        assert!(logged.contains(text), "{text} is not in {logged}");
    }
    for text in [shown, logged] {
        for secret in ["canary", "22670000000", "Bearer"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}
