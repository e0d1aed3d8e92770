//! A backend that fails is left alone; one that refuses is not.

use std::time::Duration;

use servelink_workers::payment_backend::{BackendLimits, BreakerLimits};
use store::payments::{BackendError, PaymentBackend};

use crate::server::{Reply, Server};
use crate::{KEY, PRICE, TAKEN, client, client_with, external, order, quick, unanswered};

#[tokio::test]
async fn five_failed_calls_are_enough_and_the_sixth_is_not_made() {
    let server = Server::start([Reply::status("500 Internal Server Error")]).await;
    let client = client(&server.url);
    for _ in 0..5 {
        client.ready().unwrap();
        // One payment that it stumbles over, however often somebody looks at it, is no reason to leave all others alone.
        for _ in 0..5 {
            unanswered(client.poll(&external("om-1"), PRICE).await);
        }
        unanswered(client.initiate(&order(PRICE)).await);
    }
    let resting = BackendError::Resting { retry_after: Duration::from_secs(10) };
    assert_eq!(client.ready().unwrap_err(), resting);
    assert_eq!(client.initiate(&order(PRICE)).await.unwrap_err(), resting);
    assert_eq!(server.received().len(), 30);
}

#[tokio::test]
async fn refusals_are_answers() {
    for line in ["400 Bad Request", "401 Unauthorized"] {
        let server = Server::start([Reply::status(line)]).await;
        let client = client(&server.url);
        for _ in 0..10 {
            client.initiate(&order(PRICE)).await.unwrap_err();
        }
        client.ready().unwrap();
        assert_eq!(server.received().len(), 10);
    }
}

#[tokio::test]
async fn after_the_rest_one_call_finds_out() {
    let breaker = BreakerLimits { failures: 1, rest: Duration::from_millis(50), ..BreakerLimits::default() };
    let limits = BackendLimits { breaker, total: Duration::from_secs(60), ..quick() };
    let server =
        Server::start([Reply::status("500 Internal Server Error"), Reply::Hang, Reply::ok(TAKEN)]).await;
    let client = client_with(&server.url, KEY, limits);
    unanswered(client.initiate(&order(PRICE)).await);
    assert!(client.ready().is_err());
    until(|| client.ready().is_ok()).await;

    // The probe hangs; its caller goes away in the end.
    let probing = order(PRICE);
    let mut probe = client.initiate(&probing);
    tokio::select! {
        outcome = &mut probe => panic!("{outcome:?}"),
        () = until(|| server.received().len() == 2) => {}
    }
    assert!(matches!(client.initiate(&order(PRICE)).await, Err(BackendError::Resting { .. })));
    drop(probe);
    client.initiate(&order(PRICE)).await.unwrap();
    client.ready().unwrap();
    assert_eq!(server.received().len(), 3);
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait).await.unwrap();
}
