//! Answers that are lost, late or put off: how often the same is asked again, and when it is not.

use std::time::{Duration, Instant};

use servelink_workers::payment_backend::BackendLimits;
use store::payments::{BackendError, PaymentBackend};
use tokio::net::TcpListener;

use crate::server::{Reply, Server};
use crate::{KEY, PAYMENT, PRICE, TAKEN, client, client_with, external, order, payment, quick, unanswered};

#[tokio::test]
async fn every_try_of_a_call_is_the_same_request() {
    let lost = [Reply::Drop, Reply::Cut(TAKEN.into())];
    for replies in [lost.clone(), [Reply::status("503 Service Unavailable"), Reply::Drop]] {
        let server = Server::start(replies.into_iter().chain([Reply::ok(TAKEN)])).await;
        client(&server.url).initiate(&order(PRICE)).await.unwrap();
        let requests = server.received();
        assert_eq!(requests.len(), 3);
        for request in &requests {
            assert_eq!(request.header("idempotency-key"), Some(&*format!("{PAYMENT}:1")));
            assert_eq!((&request.head, &request.body), (&requests[0].head, &requests[0].body));
        }
    }
    // A later call for the same payment is the same to the backend too.
    let server = Server::start([Reply::ok(TAKEN)]).await;
    let client = client(&server.url);
    client.initiate(&order(PRICE)).await.unwrap();
    client.initiate(&order(PRICE)).await.unwrap();
    let [first, second] = server.received().try_into().unwrap();
    assert_eq!(first.header("idempotency-key"), second.header("idempotency-key"));
}

#[tokio::test]
async fn a_backend_that_hangs_is_given_up_in_time() {
    let server = Server::start([Reply::Hang]).await;
    let limits = BackendLimits { total: Duration::from_millis(500), ..quick() };
    let client = client_with(&server.url, KEY, limits);
    assert_eq!(unanswered(client.initiate(&order(PRICE)).await), "timed out after 500.0ms");
    assert_eq!(server.received().len(), 3);

    // The call's own limit is the harder one: there is no time for a third try.
    let limits = BackendLimits {
        connect: Duration::from_millis(100),
        total: Duration::from_millis(800),
        call: Duration::from_millis(1_400),
        ..quick()
    };
    let server = Server::start([Reply::Hang]).await;
    let began = Instant::now();
    unanswered(client_with(&server.url, KEY, limits).poll(&external("om-1"), PRICE).await);
    assert!((Duration::from_millis(1_300)..Duration::from_secs(10)).contains(&began.elapsed()));
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_backend_that_is_down_is_said_to_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let what = unanswered(client(&url).initiate(&order(PRICE)).await);
    assert!(what.contains("Connection refused") && !what.contains("127.0.0.1"), "{what}");
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_work_leaves_doubt() {
    // The backend did it, and says so by refusing to do it again.
    let server = Server::start([Reply::Drop, Reply::status("400 Bad Request")]).await;
    let doubt = "400 Bad Request, after an answer that was lost";
    assert_eq!(unanswered(client(&server.url).initiate(&order(PRICE)).await), doubt);
    let server = Server::start([Reply::Drop, Reply::status("400 Bad Request")]).await;
    assert_eq!(unanswered(client(&server.url).cancel(payment(), &external("om-1")).await), doubt);
    // What was surely not begun leaves none.
    let server =
        Server::start([Reply::status("429 Too Many Requests"), Reply::status("400 Bad Request")]).await;
    let refused = client(&server.url).initiate(&order(PRICE)).await.unwrap_err();
    assert_eq!(refused, BackendError::Refused { reason: "400 Bad Request".into() });
}

#[tokio::test]
async fn retry_after_is_kept_to_or_the_call_ends() {
    let line = "429 Too Many Requests";
    let server = Server::start([Reply::later(line, "Retry-After: 1\r\n"), Reply::ok(TAKEN)]).await;
    let began = Instant::now();
    client(&server.url).initiate(&order(PRICE)).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());

    for (line, header, tries) in [
        (line, "Retry-After: 60\r\n", 1),
        ("503 Service Unavailable", "Retry-After: 60\r\n", 1),
        // Nothing that can be kept to.
        (line, "Retry-After: Sun, 01 Nov 2026 10:00:00 GMT\r\n", 3),
        (line, "Retry-After: -1\r\n", 3),
    ] {
        let server = Server::start([Reply::later(line, header)]).await;
        assert_eq!(unanswered(client(&server.url).initiate(&order(PRICE)).await), line);
        assert_eq!(server.received().len(), tries, "{header}");
    }
}
