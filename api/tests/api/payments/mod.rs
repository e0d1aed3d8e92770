//! Payments as frontends and payment backends see them.

mod callback;
mod cancel;
mod initiate;
mod reads;

use axum::body::Body;
use domain::UserId;
use domain::payment::{Capture, ObservedStatus, Payment};
use domain::{Money, PaymentId};
use http::{Method, Request};
use iso_currency::Currency;
use serde_json::{Value, json};
use store::StreamId;

use crate::support::backend::{name_of, sign};
use crate::support::{Answer, Server, USER};

const INITIATE: &str = "/api/payments/ferme/initiate";
const CALLBACK: &str = "/api/payments/callback";
const PAID: ObservedStatus = ObservedStatus::Completed(Capture::Told(Money::new(300, Currency::EUR)));

/// A wish to pay for Pro, with these fields otherwise.
fn wish(changed: Value) -> Value {
    let mut wish = json!({ "payment_method": "mobile_money", "plan_upgrade": true, "new_plan": "pro" });
    wish.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    wish
}

async fn initiate(server: &Server, wish: &Value) -> Answer {
    server.call(Method::POST, INITIATE, Some(&server.token(USER)), Some(wish)).await
}

async fn initiate_with_key(server: &Server, user: UserId, path: &str, key: &str, wish: &Value) -> Answer {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", server.token(user)))
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    server.send(request.body(Body::from(wish.to_string())).unwrap()).await
}

/// A payment that is under way.
async fn begun(server: &Server) -> String {
    let answer = initiate(server, &wish(json!({}))).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.body);
    id_of(&answer)
}

fn id_of(answer: &Answer) -> String {
    answer.body["payment_id"].as_str().unwrap().to_owned()
}

async fn cancel(server: &Server, id: &str) -> Answer {
    let path = format!("/api/payments/{id}/cancel");
    server.call(Method::POST, &path, Some(&server.token(USER)), None).await
}

/// What the backend tells of a payment.
fn news(id: &str, status: &str) -> Value {
    json!({ "external_payment_id": name_of(id), "status": status })
}

fn paid(id: &str) -> Value {
    let mut paid = news(id, "completed");
    paid["amount"] = json!(3.0);
    paid["currency"] = json!("EUR");
    paid
}

/// A callback with this id, signed now.
async fn tell(server: &Server, message: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let request = sign(Request::post(CALLBACK), message, server.now(), &body);
    server.send(request.body(Body::from(body)).unwrap()).await
}

/// The types of what happened to a payment.
async fn history(server: &Server, id: &str) -> Vec<String> {
    let stream = StreamId::new("payment", id);
    let events = server.app.log.read_stream(&stream, 0, 1_000).await.unwrap();
    events.iter().map(|event| event.event_type.to_string()).collect()
}

/// Where the payment stands, once the read models know.
async fn status(server: &Server, id: &str) -> Value {
    let position = server.caught_up().await;
    server.get(&format!("/api/payments/{id}/status?min_position={position}")).await.ok()
}

async fn payment(server: &Server, id: &str) -> Payment {
    server.app.commands.payment(id.parse::<PaymentId>().unwrap()).await.unwrap().payment
}

#[tokio::test]
async fn without_a_backend_payments_are_off_and_the_rest_works() {
    let server = Server::start(None).await;
    let key = server.new_key(&domain::service_key::Scope::ALL, None).await;
    for (path, body) in [
        (format!("/api/teams/{}", crate::support::TEAM), json!({ "name": "F", "slug": "ferme" })),
        (format!("/api/teams/{}/members/{USER}", crate::support::TEAM), json!({ "role": "owner" })),
    ] {
        server.call(Method::PUT, &path, Some(&key), Some(&body)).await.ok();
    }
    server.caught_up().await;
    let problem = initiate(&server, &wish(json!({}))).await.problem(503, "payments-off");
    assert!(problem["detail"].as_str().unwrap().contains("PAYMENT_BACKEND_URL"), "{problem}");
    tell(&server, "m1", &news("x", "completed")).await.problem(503, "payments-off");
    let history = server.get("/api/payments/ferme/history").await.ok();
    assert_eq!(history, json!({ "payments": [], "next": null }));
    assert_eq!(server.get("/api/teams/ferme/subscription").await.ok()["plan"], "free");
}
