//! Health, readiness, plans, and what every answer has.

use axum::body::Body;
use domain::delivery::DeliveryCommand;
use http::{Method, Request};
use http_body_util::BodyExt;
use projections::deliveries::{Channel, Pending};
use serde_json::json;
use store::commands::Actor;

use crate::support::{Server, TEAM};

#[tokio::test]
async fn it_lives_and_is_ready() {
    let server = Server::with_two_teams().await;
    assert_eq!(server.call(Method::GET, "/healthz", None, None).await.ok(), json!({ "status": "ok" }));
    let head = server.app.log.head().await.unwrap();
    server.app.reads.wait_for(head, std::time::Duration::from_secs(120)).await.unwrap();
    let ready = server.call(Method::GET, "/readyz", None, None).await.ok();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["log"], json!({ "readable": true, "position": head.0 }));
    let generations = ready["read_models"]["generations"].as_array().unwrap();
    assert_eq!(generations.len(), projections::all().len());
    assert!(
        generations.iter().all(|generation| generation["active"] == true && generation["stopped"].is_null())
    );
    let nothing = json!({ "delayed": 0, "given_up": 0 });
    assert_eq!(ready["deliveries"], json!({ "mail": nothing, "webhook": nothing }));
}

#[tokio::test]
async fn what_was_not_delivered_is_shown_for_a_week_and_is_no_reason_not_to_be_ready() {
    let server = Server::with_two_teams().await;
    let (commands, reads) = (&server.app.commands, &server.app.reads);
    let actor = Actor("test".into());
    let up_to_date = || async {
        let head = server.app.log.head().await.unwrap();
        reads.wait_for(head, std::time::Duration::from_secs(120)).await.unwrap();
    };
    for _ in 0..3 {
        commands.give_plan(&actor, TEAM.parse().unwrap(), &"pay_as_you_go".into()).await.unwrap();
    }
    up_to_date().await;
    let untried = Pending::untried(chrono::DateTime::UNIX_EPOCH);
    let pending = reads.pending_deliveries(Channel::Webhook, &untried, 9).await.unwrap();
    let reason = "the answer was 500";
    for (delivery, days) in pending.deliveries.iter().zip([1, 6, 8]) {
        let at = server.app.clock.now() - chrono::TimeDelta::days(days);
        let command = DeliveryCommand::GiveUp { reason: reason.into(), at };
        commands.record_delivery(&actor, delivery.id, command).await.unwrap();
    }
    up_to_date().await;
    let ready = server.call(Method::GET, "/readyz", None, None).await.ok();
    assert_eq!(ready["deliveries"]["webhook"], json!({ "delayed": 0, "given_up": 2 }));
    assert_eq!(ready["ready"], true);
    assert!(!ready.to_string().contains(reason));
}

#[tokio::test]
async fn a_log_that_is_gone_is_not_ready_but_alive() {
    let server = Server::with_two_teams().await;
    server.app.log.close().await;
    let answer = server.call(Method::GET, "/readyz", None, None).await;
    assert_eq!(answer.status.as_u16(), 503);
    assert_eq!((&answer.body["ready"], &answer.body["log"]["readable"]), (&json!(false), &json!(false)));
    server.call(Method::GET, "/healthz", None, None).await.ok();
    let late =
        server.put(&format!("/api/teams/{}", "4".repeat(32)), json!({ "name": "x", "slug": "x" })).await;
    assert!(late.headers.contains_key("retry-after"));
    late.problem(503, "unavailable");
}

#[tokio::test]
async fn the_plans_are_public() {
    let server = Server::empty().await;
    let plans = server.call(Method::GET, "/api/plans", None, None).await.ok();
    assert_eq!(plans["plans"][0]["name"], "free");
    assert_eq!(plans["plans"][0]["prices"], json!([]));
    let pro = &plans["plans"][1];
    assert_eq!(
        (&pro["name"], &pro["display_name"], &pro["max_projects"]),
        (&json!("pay_as_you_go"), &json!("Pro"), &json!(-1))
    );
    assert_eq!(
        pro["prices"],
        json!([
            { "minor": 300, "currency": "EUR", "text": "3.00 EUR" },
            { "minor": 2_000, "currency": "XOF", "text": "2000 XOF" },
        ])
    );
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let server = Server::empty().await;
    server.call(Method::GET, "/api/nothing", None, None).await.problem(404, "not-found");
    let answer = server.call(Method::PATCH, "/api/plans", None, None).await;
    assert_eq!(answer.headers["allow"], "GET,HEAD");
    answer.problem(405, "method-not-allowed");
}

#[tokio::test]
async fn long_answers_are_compressed_for_whoever_wants_it() {
    let server = Server::empty().await;
    let get = |path: &str| Request::get(path).header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let long = servelink_api::router(server.app.clone());
    let answer = tower::ServiceExt::oneshot(long.clone(), get("/api/openapi.json")).await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
    let answer = tower::ServiceExt::oneshot(long, get("/healthz")).await.unwrap();
    assert!(!answer.headers().contains_key("content-encoding"));
}
