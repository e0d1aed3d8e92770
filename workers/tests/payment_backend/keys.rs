//! Two keys during a rotation.

use store::payments::{BackendError, PaymentBackend};

use crate::server::{Reply, Server};
use crate::{KEY, OTHER_KEY, PRICE, TAKEN, client_with, external, order, payment, quick};

fn both() -> String {
    format!("{KEY}, {OTHER_KEY}")
}

fn keys_shown(server: &Server) -> Vec<&'static str> {
    let shown = |authorization: &str| {
        [KEY, OTHER_KEY].into_iter().find(|key| authorization == format!("Bearer {key}")).unwrap()
    };
    server.received().iter().map(|request| shown(request.header("authorization").unwrap())).collect()
}

#[tokio::test]
async fn the_other_key_is_shown_at_once_and_remembered() {
    let refused = Reply::status("401 Unauthorized");
    let server = Server::start([
        refused.clone(),
        Reply::ok(TAKEN),
        Reply::ok(TAKEN),
        // The rotation is taken back.
        refused,
        Reply::ok(TAKEN),
        Reply::ok(TAKEN),
    ])
    .await;
    let client = client_with(&server.url, &both(), quick());
    for _ in 0..4 {
        client.initiate(&order(PRICE)).await.unwrap();
    }
    assert_eq!(keys_shown(&server), [KEY, OTHER_KEY, OTHER_KEY, OTHER_KEY, KEY, KEY]);
    let requests = server.received();
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
}

#[tokio::test]
async fn keys_that_are_both_refused_are_the_operator_s_matter() {
    let server = Server::start([Reply::status("401 Unauthorized")]).await;
    let client = client_with(&server.url, &both(), quick());
    assert_eq!(client.initiate(&order(PRICE)).await.unwrap_err(), BackendError::Unauthorised);
    assert_eq!(client.poll(&external("om-1"), PRICE).await.unwrap_err(), BackendError::Unauthorised);
    assert_eq!(client.cancel(payment(), &external("om-1")).await.unwrap_err(), BackendError::Unauthorised);
    assert_eq!(keys_shown(&server), [KEY, OTHER_KEY].repeat(3), "none is remembered");
}
