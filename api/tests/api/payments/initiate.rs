//! Beginning a payment.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{CALLBACK, INITIATE};
use super::{begun, cancel, history, id_of, initiate, initiate_with_key, payment, status, wish};
use crate::support::backend::{Mood, name_of};
use crate::support::{OTHER_USER, Server, TEAM, USER, errors};

#[tokio::test]
async fn a_payment_has_the_fixed_shape_and_is_where_it_says() {
    let server = Server::with_two_teams().await;
    let answer =
        initiate(&server, &wish(json!({ "description": "Décembre", "amount": 3.0, "currency": "EUR" })))
            .await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.body);
    let body = &answer.body;
    let fields: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "payment_id",
        "external_payment_id",
        "status",
        "amount",
        "currency",
        "payment_url",
        "qr_code",
        "expires_at",
        "created_at",
    ];
    assert_eq!(fields, wanted.into());
    let id = id_of(&answer);
    assert_eq!(
        (&body["amount"], &body["currency"], &body["status"]),
        (&json!(3.0), &json!("EUR"), &json!("pending"))
    );
    assert_eq!(body["external_payment_id"], name_of(&id));
    assert_eq!(body["payment_url"], format!("https://pay.example/p/{}", name_of(&id)));
    assert!(body["qr_code"].as_str().unwrap().starts_with("data:image/png;base64,iVBOR"), "{body}");
    assert_eq!((&body["expires_at"], &body["created_at"]), (&Value::Null, &json!("2026-11-23T12:00:00Z")));

    let location = answer.headers["location"].to_str().unwrap();
    assert_eq!(server.get(location).await.ok()["payment_id"], id.as_str());
    let position: u64 = answer.headers["x-servelink-position"].to_str().unwrap().parse().unwrap();
    assert!(location.ends_with(&format!("?min_position={position}")), "{location}");

    let orders = server.backend.orders();
    assert_eq!(orders.len(), 1);
    assert_eq!(
        (orders[0].team_name.as_str(), orders[0].description.as_deref()),
        ("Team ferme", Some("Décembre"))
    );
}

/// The contract has a place for it; whoever is forgotten is told of no more.
#[tokio::test]
async fn the_backend_is_told_where_the_payer_can_be_written_to() {
    let server = Server::with_two_teams().await;
    let address = "canary.awa@example.org";
    let member = format!("/api/teams/{TEAM}/members/{USER}");
    server.put(&member, json!({ "role": "owner", "email": address })).await.ok();
    let told = || server.backend.orders().last().unwrap().user_email.clone();
    let answer = initiate(&server, &wish(json!({}))).await;
    assert_eq!(told().unwrap().expose(), address);
    assert!(!answer.body.to_string().contains("canary"), "{}", answer.body);
    cancel(&server, &id_of(&answer)).await.ok();
    server.delete(&format!("/api/users/{USER}/personal-data")).await.ok();
    begun(&server).await;
    assert_eq!(told(), None);
}

#[tokio::test]
async fn other_currencies_and_methods() {
    let server = Server::with_two_teams().await;
    let answer =
        initiate(&server, &wish(json!({ "currency": "XOF", "payment_method": "credit_card" }))).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.body);
    assert_eq!((&answer.body["amount"], &answer.body["currency"]), (&json!(2000), &json!("XOF")));
    assert_eq!(server.backend.orders()[0].amount.to_string(), "2000 XOF");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_recorded() {
    let server = Server::with_two_teams().await;
    let before = server.caught_up().await;
    for (changed, field, code) in [
        (json!({ "amount": 2.99 }), "amount", "invalid"),
        (json!({ "amount": 3.01 }), "amount", "invalid"),
        (json!({ "amount": "3.00" }), "amount", "invalid"),
        (json!({ "amount": 1999, "currency": "XOF" }), "amount", "invalid"),
        (json!({ "currency": "USD" }), "currency", "invalid"),
        (json!({ "new_plan": "gold" }), "new_plan", "unknown_plan"),
        (json!({ "new_plan": "free" }), "new_plan", "invalid"),
        (json!({ "plan_upgrade": false }), "plan_upgrade", "invalid"),
        (json!({ "payment_method": "cash" }), "payment_method", "invalid"),
        (json!({ "description": "carte 4111 1111 1111 1111" }), "description", "card_number"),
        (json!({ "discount": 1 }), "discount", "unknown_field"),
    ] {
        let problem = initiate(&server, &wish(changed.clone())).await.problem(422, "invalid");
        assert_eq!(errors(&problem), [(Some(field), code)], "{changed}");
        assert!(!problem.to_string().contains("4111"), "{problem}");
    }
    let key = "k".repeat(256);
    let problem =
        initiate_with_key(&server, USER, INITIATE, &key, &wish(json!({}))).await.problem(422, "invalid");
    assert_eq!(errors(&problem), [(Some("idempotency-key"), "invalid")]);
    assert_eq!(server.caught_up().await, before);
    assert!(server.backend.orders().is_empty());
}

#[tokio::test]
async fn the_same_key_is_the_same_payment_and_another_request_under_it_is_refused() {
    let server = Server::with_two_teams().await;
    let first = initiate_with_key(&server, USER, INITIATE, "k", &wish(json!({}))).await;
    let again =
        initiate_with_key(&server, USER, INITIATE, "k", &wish(json!({ "new_plan": "pay_as_you_go" }))).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{}", again.body);
    assert_eq!(first.body, again.body);
    initiate_with_key(&server, USER, INITIATE, "k", &wish(json!({ "description": "x" })))
        .await
        .problem(422, "idempotency-key-reused");
    // For ever: also when the payment has ended and another is under way.
    cancel(&server, &id_of(&first)).await.ok();
    let other = begun(&server).await;
    let again = initiate_with_key(&server, USER, INITIATE, "k", &wish(json!({}))).await;
    assert_eq!(
        (again.status.as_u16(), id_of(&again), &again.body["status"]),
        (201, id_of(&first), &json!("cancelled"))
    );
    assert_ne!(other, id_of(&first));
    // Another user's key of the same text is another.
    let path = "/api/payments/autre/initiate";
    let foreign =
        initiate_with_key(&server, OTHER_USER, path, "k", &wish(json!({ "description": "x" }))).await;
    assert_eq!(foreign.status.as_u16(), 201, "{}", foreign.body);
}

#[tokio::test]
async fn a_team_has_one_payment_under_way() {
    let server = Server::with_two_teams().await;
    let id = begun(&server).await;
    let second = initiate(&server, &wish(json!({ "payment_method": "credit_card" }))).await;
    assert_eq!((second.status.as_u16(), id_of(&second)), (200, id));
    assert_eq!(server.backend.orders().len(), 1);
}

#[tokio::test]
async fn fifty_at_once_with_one_key_are_one_payment() {
    let server = Server::with_two_teams().await;
    let wish = wish(json!({}));
    let answers = join_all((0..50).map(|_| initiate_with_key(&server, USER, INITIATE, "k", &wish))).await;
    let mut ids = BTreeSet::new();
    for answer in answers {
        if answer.status.as_u16() == 201 {
            ids.insert(id_of(&answer));
        } else {
            assert!(answer.headers.contains_key("retry-after"));
            answer.problem(409, "in-flight");
        }
    }
    assert_eq!((ids.len(), server.backend.orders().len()), (1, 1));
}

#[tokio::test]
async fn fifty_at_once_with_fifty_keys_are_one_payment() {
    let server = Server::with_two_teams().await;
    let wish = wish(json!({}));
    let keys: Vec<String> = (0..50).map(|key| format!("k{key}")).collect();
    let answers =
        join_all(keys.iter().map(|key| initiate_with_key(&server, USER, INITIATE, key, &wish))).await;
    let ids: BTreeSet<String> = answers.iter().map(id_of).collect();
    let own = answers.iter().filter(|answer| answer.status.as_u16() == 201).count();
    let open = answers.iter().filter(|answer| answer.status.as_u16() == 200).count();
    assert_eq!((ids.len(), own, open, server.backend.orders().len()), (1, 1, 49, 1));
}

#[tokio::test]
async fn a_request_that_is_worked_on_is_told_so() {
    let server = Arc::new(Server::with_two_teams().await);
    server.backend.is(Mood::Hanging);
    let wanted = wish(json!({}));
    let first = {
        let (server, wanted) = (Arc::clone(&server), wanted.clone());
        tokio::spawn(async move { initiate_with_key(&server, USER, INITIATE, "k", &wanted).await })
    };
    while server.backend.orders().is_empty() {
        tokio::task::yield_now().await;
    }
    initiate_with_key(&server, USER, INITIATE, "k", &wanted).await.problem(409, "in-flight");
    server.backend.is(Mood::Well);
    assert_eq!(first.await.unwrap().status.as_u16(), 201);
}

#[tokio::test]
async fn a_lost_answer_is_found_out_by_looking() {
    let server = Server::with_two_teams().await;
    server.backend.is(Mood::Mute);
    let answer = initiate_with_key(&server, USER, INITIATE, "k", &wish(json!({}))).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.body);
    for field in ["external_payment_id", "payment_url", "qr_code"] {
        assert_eq!(answer.body[field], Value::Null, "{field}");
    }
    assert_eq!(answer.body["status"], "pending");
    let id = id_of(&answer);
    assert_eq!(
        status(&server, &id).await["flags"],
        json!({ "unknown": true, "conflicted": false, "refund_due": false })
    );

    // What looks again at once does not ask again at once.
    let asked = server.backend.orders().len();
    status(&server, &id).await;
    assert_eq!(server.backend.orders().len(), asked);
    server.backend.is(Mood::Well);
    let begun = std::time::Instant::now();
    let again = loop {
        let again = initiate_with_key(&server, USER, INITIATE, "k", &wish(json!({}))).await;
        assert_eq!(id_of(&again), id);
        if again.status.as_u16() == 201 {
            break again;
        }
        assert!(begun.elapsed().as_secs() < 20, "{}", again.body);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(again.body["external_payment_id"], name_of(&id));
    assert_eq!(status(&server, &id).await["flags"]["unknown"], false);
}

#[tokio::test]
async fn a_refused_payment_is_failed_and_another_may_be_begun() {
    let server = Server::with_two_teams().await;
    for (mood, said) in [(Mood::Refusing, "400 Bad Request"), (Mood::Strict, "PAYMENT_API_KEY")] {
        server.backend.is(mood);
        let key = format!("{mood:?}");
        let problem = initiate_with_key(&server, USER, INITIATE, &key, &wish(json!({})))
            .await
            .problem(502, "payment-refused");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("nobody was given a page") && detail.contains(said), "{detail}");
        // The same request, the same answer, and the backend is not asked again.
        let asked = server.backend.orders().len();
        initiate_with_key(&server, USER, INITIATE, &key, &wish(json!({})))
            .await
            .problem(502, "payment-refused");
        assert_eq!(server.backend.orders().len(), asked);
        let id = server.backend.orders().last().unwrap().payment_id.to_string();
        assert_eq!(history(&server, &id).await, ["PaymentInitiated", "PaymentFailed"]);
    }
    server.backend.is(Mood::Well);
    begun(&server).await;
}

#[tokio::test]
async fn a_resting_backend_is_told_before_anything_is_recorded() {
    let server = Server::with_two_teams().await;
    let before = server.caught_up().await;
    server.backend.is(Mood::Resting);
    let answer = initiate(&server, &wish(json!({}))).await;
    assert_eq!(answer.headers["retry-after"], "21");
    answer.problem(503, "unavailable");
    assert_eq!(server.caught_up().await, before);
}

#[tokio::test]
async fn a_callback_that_overtakes_the_answer_names_the_payment() {
    let server = Server::with_two_teams().await;
    server.backend.is(Mood::Mute);
    let id = id_of(&initiate(&server, &wish(json!({}))).await);
    let mut news = super::news(&id, "processing");
    news["payment_id"] = json!(id);
    super::tell(&server, "m1", &news).await.ok();
    let open = initiate(&server, &wish(json!({}))).await;
    // It is known by name, and still nobody knows where the payer goes.
    assert_eq!((open.status.as_u16(), id_of(&open)), (202, id.clone()));
    assert_eq!(open.body["external_payment_id"], name_of(&id));
    assert_eq!(payment(&server, &id).await.status.as_str(), "processing");
}

#[tokio::test]
async fn a_cookie_begins_something_only_from_a_page_of_the_same_origin() {
    let server = Server::with_two_teams().await;
    let cookie = servelink_api::auth::token::TokenConfig::default().cookie;
    for (path, site, status) in [
        (INITIATE, "cross-site", 401),
        (INITIATE, "same-site", 401),
        (CALLBACK, "same-origin", 401),
        (INITIATE, "same-origin", 201),
    ] {
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("cookie", format!("{cookie}={}", server.token(USER)))
            .header("sec-fetch-site", site)
            .header("content-type", "application/json")
            .body(wish(json!({})).to_string().into());
        assert_eq!(server.send(request.unwrap()).await.status.as_u16(), status, "{path} {site}");
    }
}
