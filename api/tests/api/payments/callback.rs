//! What the payment backend tells.

use std::time::Instant;

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use chrono::TimeDelta;
use domain::payment::{Capture, ObservedStatus};
use futures::future::join_all;
use http::Request;
use serde_json::{Value, json};
use servelink_api::auth::callback::CallbackConfig;

use super::{CALLBACK, PAID, begun, history, id_of, initiate, news, paid, payment, status, tell, wish};
use crate::support::backend::{Mood, name_of, sign, sign_legacy};
use crate::support::{Answer, Server, errors};

/// How often this happened to the payment.
async fn count(server: &Server, id: &str, what: &str) -> usize {
    history(server, id).await.iter().filter(|event| *event == what).count()
}

async fn tell_legacy(server: &Server, body: &Value) -> Answer {
    let body = body.to_string();
    server.send(sign_legacy(Request::post(CALLBACK), &body).body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn what_was_told_is_durable_when_it_is_answered() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let answer = tell(&server, "m1", &paid(&id)).await.ok();
    assert_eq!(answer, json!({ "success": true, "payment_id": id, "status": "completed" }));
    let body = status(&server, &id).await;
    assert_eq!(
        (&body["status"], &body["completed_at"]),
        (&json!("completed"), &json!("2026-11-23T12:00:00Z"))
    );
    // It absorbs.
    assert_eq!(tell(&server, "m2", &news(&id, "failed")).await.ok()["status"], "completed");
    assert_eq!(tell(&server, "m3", &news(&id, "processing")).await.ok()["status"], "completed");
    assert_eq!(server.backend.polls(), 0);
}

#[tokio::test]
async fn a_hundred_at_once_count_once() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let body = paid(&id);
    let answers = join_all((0..100).map(|_| tell(&server, "m1", &body))).await;
    for answer in answers {
        assert_eq!(answer.ok(), json!({ "success": true, "payment_id": id, "status": "completed" }));
    }
    assert_eq!(count(&server, &id, "CallbackReceived").await, 1);
    assert_eq!(count(&server, &id, "PaymentCompleted").await, 1);
}

#[tokio::test]
async fn another_body_under_the_same_id_is_refused() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    tell(&server, "m1", &news(&id, "processing")).await.ok();
    tell(&server, "m1", &paid(&id)).await.problem(409, "id-reused");
    assert_eq!(payment(&server, &id).await.status.as_str(), "processing");
}

#[tokio::test]
async fn amounts_and_currencies_that_are_off_give_no_plan() {
    for (amount, currency) in [(json!(2.99), "EUR"), (json!(3.01), "EUR"), (json!(3), "XOF")] {
        let server = Server::with_two_teams().await;
        let id = begun(&server).await;
        let mut body = paid(&id);
        body["amount"] = amount;
        body["currency"] = json!(currency);
        assert_eq!(tell(&server, "m1", &body).await.ok()["status"], "pending");
        let now = status(&server, &id).await;
        assert_eq!((&now["status"], &now["flags"]["conflicted"]), (&json!("pending"), &json!(true)));
    }
}

#[tokio::test]
async fn what_is_not_known_yet_waits_for_its_payment() {
    let server = Server::with_two_teams().await;
    let unknown = json!({ "external_payment_id": "ext-x", "status": "processing" });
    let answer = tell(&server, "m1", &unknown).await.ok();
    assert_eq!(answer, json!({ "success": true, "payment_id": null, "status": "processing" }));
    assert_eq!(tell(&server, "m1", &unknown).await.ok(), answer);

    // Before the answer that names it: the backend has it, and is still hanging.
    let server = std::sync::Arc::new(server);
    server.backend.is(Mood::Hanging);
    let begin = {
        let server = std::sync::Arc::clone(&server);
        tokio::spawn(async move { initiate(&server, &wish(json!({}))).await })
    };
    while server.backend.orders().is_empty() {
        tokio::task::yield_now().await;
    }
    let id = server.backend.orders()[0].payment_id.to_string();
    assert_eq!(tell(&server, "m2", &paid(&id)).await.ok()["payment_id"], Value::Null);
    server.backend.is(Mood::Well);
    let begun = begin.await.unwrap();
    assert_eq!((begun.status.as_u16(), &begun.body["status"]), (201, &json!("completed")), "{}", begun.body);
    assert_eq!(id_of(&begun), id);
}

#[tokio::test]
async fn a_legacy_signature_needs_a_poll() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    // Anybody may have sent it again: the backend knows nothing of it.
    assert_eq!(tell_legacy(&server, &paid(&id)).await.ok()["status"], "pending");
    assert_eq!(server.backend.polls(), 1);
    server.backend.tells(PAID);
    // Whoever sends it again at once does not have the backend asked at once.
    assert_eq!(tell_legacy(&server, &paid(&id)).await.ok()["status"], "pending");
    assert_eq!(server.backend.polls(), 1);
    let begun = Instant::now();
    let answer = loop {
        let answer = tell_legacy(&server, &paid(&id)).await.ok();
        if answer["status"] == "completed" {
            break answer;
        }
        assert!(begun.elapsed().as_secs() < 20, "{answer}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(answer, json!({ "success": true, "payment_id": id, "status": "completed" }));
    assert_eq!((server.backend.polls(), count(&server, &id, "CallbackReceived").await), (2, 1));
    // It is known now: nothing to ask.
    tell_legacy(&server, &paid(&id)).await.ok();
    assert_eq!(server.backend.polls(), 2);
}

#[tokio::test]
async fn a_legacy_callback_is_taken_while_the_backend_is_down() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    server.backend.is(Mood::Mute);
    assert_eq!(tell_legacy(&server, &paid(&id)).await.ok()["status"], "pending");
    assert!(payment(&server, &id).await.to_confirm);
}

#[tokio::test]
async fn a_legacy_callback_of_a_second_link_is_no_word_of_the_payment() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let mut second = json!({ "external_payment_id": "second", "payment_id": id, "status": "processing" });
    assert_eq!(tell(&server, "m1", &second).await.ok()["payment_id"], id.as_str());
    second["status"] = json!("completed");
    let answer = tell_legacy(&server, &second).await.ok();
    assert_eq!((&answer["payment_id"], &answer["status"]), (&json!(id), &json!("pending")));
    assert_eq!(server.backend.polls(), 0, "the reconciler asks, under that link's name");
    assert_eq!(count(&server, &id, "CallbackReceived").await, 2);
    assert_eq!(count(&server, &id, "PaymentConflicted").await, 0);
    let payment = payment(&server, &id).await;
    assert!(payment.follows(&"second".parse().unwrap()) && !payment.to_confirm);
    assert_eq!(tell(&server, "m2", &second).await.ok()["status"], "pending");
    assert_eq!(count(&server, &id, "PaymentConflicted").await, 1, "a word that is enough needs no poll");
}

#[tokio::test]
async fn late_captures_are_confirmed_first() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    tell(&server, "m1", &news(&id, "cancelled")).await.ok();
    server.backend.tells(ObservedStatus::Cancelled);
    assert_eq!(tell(&server, "m2", &paid(&id)).await.ok()["status"], "cancelled");
    server.backend.tells(ObservedStatus::Completed(Capture::NotTold));
    assert_eq!(tell(&server, "m3", &news(&id, "completed")).await.ok()["status"], "completed");
}

#[tokio::test]
async fn one_bit_is_enough_to_be_refused() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let before = server.caught_up().await;
    let body = paid(&id).to_string();
    for bit in [0, 77, body.len() * 8 - 1] {
        let mut bytes = body.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        for signed in [
            sign(Request::post(CALLBACK), "m1", server.now(), &body),
            sign_legacy(Request::post(CALLBACK), &body),
        ] {
            server.send(signed.body(Body::from(bytes.clone())).unwrap()).await.problem(401, "bad-signature");
        }
    }
    assert_eq!(server.caught_up().await, before);
}

#[tokio::test]
async fn signatures_are_of_now_and_one() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let body = news(&id, "processing").to_string();
    let send = async |request: http::request::Builder| {
        server.send(request.body(Body::from(body.clone())).unwrap()).await
    };
    for (offset, status) in [(-301, 401), (301, 401), (-300, 200), (300, 200)] {
        let at = server.now() + TimeDelta::seconds(offset);
        let message = format!("m{}", offset + 500);
        let answer = send(sign(Request::post(CALLBACK), &message, at, &body)).await;
        assert_eq!(answer.status.as_u16(), status, "{offset}: {}", answer.body);
    }
    let signed = || sign(Request::post(CALLBACK), "m1", server.now(), &body);
    let two = signed().header("webhook-signature", "v1,AAAA");
    send(two).await.problem(401, "bad-signature");
    send(signed().header("webhook-id", "m2")).await.problem(401, "bad-signature");
    // A wrong signature of the other scheme is wrong as well.
    send(signed().header("x-payment-signature", "sha256=00")).await.problem(401, "bad-signature");
    let unsigned = send(Request::post(CALLBACK)).await;
    assert!(unsigned.headers.contains_key("www-authenticate"));
    unsigned.problem(401, "bad-signature");
    assert_eq!(count(&server, &id, "CallbackReceived").await, 1);
}

#[tokio::test]
async fn unsigned_ones_are_taken_by_configuration_only_and_confirmed() {
    let config = CallbackConfig { unsigned_allowed: true, ..CallbackConfig::default() };
    let server = Server::start(Some(config)).await;
    let body = json!({ "external_payment_id": "ext-x", "status": "completed" }).to_string();
    let request = Request::post(CALLBACK).body(Body::from(body)).unwrap();
    assert_eq!(server.send(request).await.ok()["payment_id"], Value::Null);
}

#[tokio::test]
async fn addresses_are_those_of_connections_and_trusted_proxies() {
    let config = CallbackConfig {
        unsigned_allowed: true,
        allowed: vec!["192.0.2.0/24".parse().unwrap()],
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..CallbackConfig::default()
    };
    let server = Server::start(Some(config)).await;
    let send = async |peer: Option<&str>, forwarded: Option<&str>| {
        let mut request = Request::post(CALLBACK);
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        let body = json!({ "external_payment_id": "ext-x", "status": "pending" }).to_string();
        let mut request = request.body(Body::from(body)).unwrap();
        if let Some(peer) = peer {
            let peer = SocketAddr::new(peer.parse::<IpAddr>().unwrap(), 4_321);
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        server.send(request).await
    };
    send(Some("192.0.2.7"), None).await.ok();
    send(Some("10.0.0.1"), Some("192.0.2.7")).await.ok();
    // Forged: written by whoever asked, or before a proxy that says otherwise.
    send(Some("203.0.113.1"), Some("192.0.2.7")).await.problem(403, "address-refused");
    send(Some("10.0.0.1"), Some("192.0.2.7, 203.0.113.1")).await.problem(403, "address-refused");
    send(None, None).await.problem(403, "address-refused");
}

#[tokio::test]
async fn callbacks_are_of_64_kib_at_most() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let mut body = news(&id, "processing");
    body["filler"] = json!("");
    let short = body.to_string().len();
    body["filler"] = json!("x".repeat((64 << 10) - short));
    tell(&server, "m1", &body).await.ok();
    body["filler"] = json!("x".repeat((64 << 10) - short + 1));
    // Before anybody looks at a signature.
    tell(&server, "m2", &body).await.problem(413, "too-large");
}

#[tokio::test]
async fn what_makes_no_sense_is_malformed_and_leaves_the_id_free() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    for (changed, field) in [
        (json!({ "external_payment_id": "a b" }), "external_payment_id"),
        (json!({ "status": "paid" }), "status"),
        (json!({ "payment_id": "7" }), "payment_id"),
        (json!({ "amount": 3 }), "currency"),
        (json!({ "currency": "EUR" }), "amount"),
        (json!({ "metadata": "x" }), "metadata"),
    ] {
        let mut body = news(&id, "completed");
        body.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let answer = tell(&server, "m1", &body).await;
        assert_eq!(errors(&answer.problem(400, "malformed-body"))[0].0, Some(field), "{changed}");
    }
    for text in ["", "[]", "hello", "{"] {
        let request = sign(Request::post(CALLBACK), "m1", server.now(), text);
        server.send(request.body(Body::from(text)).unwrap()).await.problem(400, "malformed-body");
    }
    tell(&server, "m1", &paid(&id)).await.ok();
}

#[tokio::test]
async fn a_telephone_number_goes_nowhere() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let mut body = paid(&id);
    body["metadata"] =
        json!({ "phone_number": "+2250708091011", "transaction_id": "OM-7", "provider": "orange" });
    tell(&server, "m1", &body).await.ok();
    let events = server.app.log.read_after(store::Position(0), 1_000, store::Filter::All).await.unwrap();
    assert!(!format!("{events:?}").contains("0708"), "{events:?}");
    server.caught_up().await;
    let history = server.get("/api/payments/ferme/history").await.ok();
    assert_eq!(history["payments"][0]["metadata"]["transaction_id"], "OM-7");
}

#[tokio::test]
async fn a_second_link_that_was_paid_is_seen() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let mut body = paid(&id);
    body["external_payment_id"] = json!(format!("{}-2", name_of(&id)));
    body["payment_id"] = json!(id);
    assert_eq!(tell(&server, "m1", &body).await.ok()["status"], "pending");
    assert_eq!(status(&server, &id).await["flags"]["conflicted"], true);
}

#[tokio::test]
async fn a_store_that_is_down_lets_the_backend_come_again() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    server.app.log.close().await;
    for answer in [tell(&server, "m1", &paid(&id)).await, tell_legacy(&server, &paid(&id)).await] {
        assert!(answer.headers.contains_key("retry-after"));
        answer.problem(503, "unavailable");
    }
    // Nothing of it is taken for done.
    assert_eq!(server.backend.polls(), 0);
}
