//! Neither keys nor anything of a body is in what Servelink writes about itself, its HTTP client's own logs included.

use std::time::Duration;

use servelink_workers::payment_backend::BackendLimits;
use store::payments::PaymentBackend;

use crate::captured::Captured;
use crate::server::{Reply, Server};
use crate::{KEY, OTHER_KEY, PAYMENT, PRICE, client_with, external, order, payment, quick};

const TAKEN: &str = r#"{"external_payment_id":"om-1","status":"pending","payment_url":"https://pay.example/canary-url",
    "qr_code":"canary-qr","expires_at":"canary-time","metadata":{"phone_number":"+22670000000"}}"#;
const PAID: &str = r#"{"external_payment_id":"om-1","status":"completed","transaction_id":"canary\n",
    "amount":"canary-amount","metadata":{"provider":"orange","phone_number":"+22670000000"}}"#;

#[tokio::test]
async fn nothing_secret_is_logged_or_shown() {
    let logs = Captured::start();

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

    let logged = logs.text();
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
