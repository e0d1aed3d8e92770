//! Reading payments and subscriptions.

use std::time::Instant;

use axum::body::Body;
use chrono::TimeDelta;
use http::Request;
use serde_json::{Value, json};
use store::commands::Actor;

use super::{PAID, begun, cancel, id_of, initiate, news, paid, status, tell, wish};
use crate::support::backend::Mood;
use crate::support::{Answer, Server, TEAM, USER, errors};

const HISTORY: &str = "/api/payments/ferme/history";

/// A payment whose answer was lost, and which a callback named since: nobody has asked for it.
async fn named(server: &Server) -> String {
    server.backend.is(Mood::Mute);
    let id = id_of(&initiate(server, &wish(json!({}))).await);
    server.backend.is(Mood::Well);
    let mut news = news(&id, "processing");
    news["payment_id"] = json!(id);
    tell(server, "named", &news).await.ok();
    id
}

async fn get_as(server: &Server, path: &str, accept: &str) -> Answer {
    let request = Request::get(path).header("authorization", format!("Bearer {}", server.token(USER)));
    server.send(request.header("accept", accept).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_backend_is_asked_where_an_open_payment_stands() {
    let server = Server::with_two_teams().await;
    let id = named(&server).await;
    server.backend.tells(PAID);
    let body = status(&server, &id).await;
    assert_eq!(
        body,
        json!({
            "payment_id": id, "status": "completed", "amount": 3.0, "currency": "EUR",
            "created_at": "2026-11-23T12:00:00Z", "completed_at": "2026-11-23T12:00:00Z",
            "flags": { "unknown": false, "conflicted": false, "refund_due": false },
        })
    );
    assert_eq!(server.backend.polls(), 1);
    // It has ended, and nobody needs to be asked any more.
    status(&server, &id).await;
    assert_eq!(server.backend.polls(), 1);
}

#[tokio::test]
async fn what_was_asked_a_moment_ago_is_not_asked_again() {
    let server = Server::with_two_teams().await;
    let id = named(&server).await;
    for _ in 0..3 {
        assert_eq!(status(&server, &id).await["status"], "processing");
    }
    assert_eq!(server.backend.polls(), 1);
}

#[tokio::test]
async fn a_backend_that_does_not_answer_keeps_nobody() {
    let server = Server::with_two_teams().await;
    let id = named(&server).await;
    server.backend.is(Mood::Hanging);
    let begun = Instant::now();
    assert_eq!(status(&server, &id).await["status"], "processing");
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    assert_eq!(server.backend.polls(), 1);

    let server = Server::with_two_teams().await;
    let id = named(&server).await;
    server.backend.is(Mood::Mute);
    assert_eq!(status(&server, &id).await["status"], "processing");
}

/// Three payments, a day apart: cancelled, failed, open.
async fn three(server: &Server) -> Vec<String> {
    let first = begun(server).await;
    cancel(server, &first).await.ok();
    server.let_pass(TimeDelta::days(1));
    let second = id_of(
        &initiate(server, &wish(json!({ "payment_method": "credit_card", "description": "=1+1" }))).await,
    );
    tell(server, "failed", &news(&second, "failed")).await.ok();
    server.let_pass(TimeDelta::days(1));
    let third = begun(server).await;
    server.caught_up().await;
    vec![third, second, first]
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["payments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|payment| payment["payment_id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn history_is_the_newest_first_in_pages() {
    let server = Server::with_two_teams().await;
    let wanted = three(&server).await;
    let all = server.get(HISTORY).await.ok();
    assert_eq!((ids(&all), &all["next"]), (wanted.iter().map(String::as_str).collect(), &Value::Null));
    assert_eq!(
        all["payments"][1],
        json!({
            "payment_id": wanted[1], "amount": 3.0, "currency": "EUR", "payment_method": "credit_card", "status": "failed",
            "metadata": {
                "plan": "pay_as_you_go", "description": "=1+1", "transaction_id": null,
                "flags": { "unknown": false, "conflicted": false, "refund_due": false },
            },
            "created_at": "2026-11-24T12:00:00Z", "completed_at": null,
        })
    );
    let first = server.get(&format!("{HISTORY}?limit=2")).await.ok();
    let next = first["next"].as_str().unwrap();
    let second = server.get(&format!("{HISTORY}?limit=2&cursor={next}")).await.ok();
    assert_eq!((ids(&first), ids(&second)), (vec![wanted[0].as_str(), &wanted[1]], vec![wanted[2].as_str()]));
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn history_is_filtered() {
    let server = Server::with_two_teams().await;
    let [third, second, first] = three(&server).await.try_into().unwrap();
    for (query, wanted) in [
        ("status=cancelled", vec![&first]),
        ("status=completed", vec![]),
        ("payment_method=credit_card", vec![&second]),
        ("from=2026-11-24", vec![&third, &second]),
        ("until=2026-11-24", vec![&first]),
        ("from=2026-11-24T12:00:00Z&until=2026-11-25T12:00:00Z", vec![&second]),
        ("status=failed&payment_method=mobile_money", vec![]),
    ] {
        assert_eq!(ids(&server.get(&format!("{HISTORY}?{query}")).await.ok()), wanted, "{query}");
    }
    for (query, field) in [("limit=101", "limit"), ("cursor=x", "cursor"), ("sort=asc", "sort")] {
        let problem = server.get(&format!("{HISTORY}?{query}")).await.problem(422, "invalid");
        assert_eq!(errors(&problem)[0].0, Some(field), "{query}");
    }
}

#[tokio::test]
async fn history_is_a_table_too() {
    let server = Server::with_two_teams().await;
    let [third, second, _] = three(&server).await.try_into().unwrap();
    let answer = get_as(&server, &format!("{HISTORY}?limit=2&from=2026-11-01"), "text/csv").await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let vary = answer.headers.get_all("vary").iter().any(|vary| vary == "accept");
    assert!(vary, "{:?}", answer.headers);
    assert!(answer.headers["content-disposition"].to_str().unwrap().contains("payments-ferme.csv"));
    let text = answer.body.as_str().unwrap().to_owned();
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        "payment_id,amount,currency,payment_method,status,plan,description,transaction_id,flags,created_at,completed_at"
    );
    assert_eq!(
        lines.next().unwrap(),
        format!("{third},3.00,EUR,mobile_money,pending,pay_as_you_go,,,,2026-11-25T12:00:00+00:00,")
    );
    assert_eq!(
        lines.next().unwrap(),
        format!("{second},3.00,EUR,credit_card,failed,pay_as_you_go,'=1+1,,,2026-11-24T12:00:00+00:00,")
    );
    assert_eq!(lines.next(), None);

    let link = answer.headers["link"].to_str().unwrap();
    let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    let page = get_as(&server, next, "text/csv").await;
    assert_eq!(page.body.as_str().unwrap().lines().count(), 2, "{}", page.body);
    assert!(!page.headers.contains_key("link"));
}

#[tokio::test]
async fn other_forms_there_are_none() {
    let server = Server::with_two_teams().await;
    get_as(&server, HISTORY, "application/pdf").await.problem(406, "not-acceptable");
    assert_eq!(
        get_as(&server, HISTORY, "text/html, */*;q=0.1").await.headers["content-type"],
        "application/json"
    );
}

#[tokio::test]
async fn a_subscription_runs_its_course() {
    let server = Server::with_two_teams().await;
    let read = async || server.get("/api/teams/ferme/subscription").await.ok();
    assert_eq!(
        read().await,
        json!({
            "team_slug": "ferme", "plan": "free", "plan_name": "Free", "since": null, "period_end": null,
            "renewal": { "state": "none", "pays_until": null, "reminded_days": null }, "price": [],
        })
    );
    let id = begun(&server).await;
    tell(&server, "m1", &paid(&id)).await.ok();
    let (actor, team) = (Actor("test".into()), TEAM.parse().unwrap());
    server.app.commands.settle_payment(&actor, id.parse().unwrap()).await.unwrap();
    server.caught_up().await;
    assert_eq!(
        read().await,
        json!({
            "team_slug": "ferme", "plan": "pay_as_you_go", "plan_name": "Pro",
            "since": "2026-11-23T12:00:00Z", "period_end": "2026-12-23T12:00:00Z",
            "renewal": { "state": "active", "pays_until": "2026-12-26T12:00:00Z", "reminded_days": null },
            "price": [{ "amount": 3.0, "currency": "EUR" }, { "amount": 2000, "currency": "XOF" }],
        })
    );
    server.let_pass(TimeDelta::days(25));
    server.app.commands.check_plan(&actor, team).await.unwrap();
    server.caught_up().await;
    let renewal = read().await["renewal"].clone();
    assert_eq!((&renewal["state"], &renewal["reminded_days"]), (&json!("due"), &json!(5)));
    server.let_pass(TimeDelta::days(5));
    assert_eq!(read().await["renewal"]["state"], "grace");
    server.let_pass(TimeDelta::days(3));
    server.app.commands.check_plan(&actor, team).await.unwrap();
    server.caught_up().await;
    let lapsed = read().await;
    assert_eq!((&lapsed["plan"], &lapsed["renewal"]["state"]), (&json!("free"), &json!("lapsed")));
    assert_eq!(lapsed["renewal"]["pays_until"], Value::Null);
}
