//! Calling a payment off.

use serde_json::json;

use super::{PAID, begun, cancel, history, id_of, initiate, paid, status, tell, wish};
use crate::support::Server;
use crate::support::backend::Mood;

#[tokio::test]
async fn a_cancelled_payment_is_so_at_once_and_stays_so() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    // Without waiting for any read model.
    let answer = cancel(&server, &id).await;
    assert!(answer.headers.contains_key("x-servelink-position"));
    let body = answer.ok();
    assert_eq!(
        (&body["status"], &body["payment_id"], &body["amount"]),
        (&json!("cancelled"), &json!(id), &json!(3.0))
    );
    assert_eq!(body, status(&server, &id).await);
    assert_eq!(cancel(&server, &id).await.ok()["status"], "cancelled");
    assert_eq!(server.backend.cancels(), 1);
}

#[tokio::test]
async fn what_is_paid_is_not_cancelled() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    tell(&server, "m1", &paid(&id)).await.ok();
    let problem = cancel(&server, &id).await.problem(409, "conflict");
    assert_eq!(problem["payment_status"], "completed");
    assert!(problem["detail"].as_str().unwrap().contains("it is completed"), "{problem}");
    assert_eq!(server.backend.cancels(), 0);
}

#[tokio::test]
async fn the_backend_knows_first_that_it_is_too_late() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    server.backend.is(Mood::Refusing);
    let problem = cancel(&server, &id).await.problem(409, "conflict");
    assert_eq!(problem["payment_status"], "pending");
    // It knows why, and so do we now.
    server.backend.tells(PAID);
    let problem = cancel(&server, &id).await.problem(409, "conflict");
    assert_eq!(problem["payment_status"], "completed");
    assert_eq!(status(&server, &id).await["status"], "completed");
}

#[tokio::test]
async fn a_wish_to_cancel_outlives_a_backend_that_is_down() {
    for mood in [Mood::Mute, Mood::Strict] {
        let server = Server::with_two_teams().await;
        let id = begun(&server).await;
        server.backend.is(mood);
        let answer = cancel(&server, &id).await;
        assert!(answer.headers.contains_key("retry-after"));
        let problem = answer.problem(503, "unavailable");
        assert!(
            problem["detail"].as_str().unwrap().contains("is recorded and will be followed up"),
            "{problem}"
        );
        assert_eq!(history(&server, &id).await.last().unwrap(), "CancellationRequested");
    }
}

#[tokio::test]
async fn a_resting_backend_is_told_before_anything_is_recorded() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    server.backend.is(Mood::Resting);
    let problem = cancel(&server, &id).await.problem(503, "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("nothing was recorded"), "{problem}");
    assert_eq!(history(&server, &id).await, ["PaymentInitiated", "PaymentSubmitted"]);
}

#[tokio::test]
async fn a_payment_that_never_arrived_is_asked_for_before_it_is_cancelled() {
    let server = Server::with_two_teams().await;
    server.backend.is(Mood::Mute);
    let id = id_of(&initiate(&server, &wish(json!({}))).await);
    cancel(&server, &id).await.problem(503, "unavailable");
    server.backend.is(Mood::Well);
    assert_eq!(cancel(&server, &id).await.ok()["status"], "cancelled");
}

#[tokio::test]
async fn what_is_no_payment_is_not_there() {
    let server = Server::with_two_teams().await;
    for id in ["x", "0192F0C1-2B3C-7D4E-8F50-617283940A5B", "0192f0c1-2b3c-7d4e-8f50-617283940a5b"] {
        cancel(&server, id).await.problem(404, "not-found");
    }
}
