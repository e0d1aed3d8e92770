//! Webhooks of real events to a real HTTP server.

use chrono::TimeDelta;
use serde_json::{Value, json};
use servelink_workers::deliver::WebhookTransport;
use servelink_workers::webhook::{WebhookConfig, WebhookSender};

use crate::receiver::{Reply, Server};
use crate::world::{TEAM, World, actor};

fn transport(server: &Server) -> WebhookTransport {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    let config = WebhookConfig::new(&(&*server.url).into(), &secret.into(), &["127.0.0.1".into()]).unwrap();
    WebhookTransport::new(WebhookSender::new(&config).unwrap())
}

#[tokio::test]
async fn alerts_and_plans_are_told_and_a_repeat_is_the_same() {
    let world = World::new().await;
    world.alert().await;
    world.commands.give_plan(&actor(), TEAM, &"pay_as_you_go".into()).await.unwrap();
    let down = Server::start(Reply::status(503)).await;
    let mut job = world.job(transport(&down));
    assert_eq!(world.run(&mut job).await.failed, 2);
    // The name that it had then is the one that is told.
    world.commands.put_team(&actor(), TEAM, "Other", &"other".parse().unwrap()).await.unwrap();
    let up = Server::start(Reply::status(204)).await;
    let mut job = world.job(transport(&up));
    world.at(TimeDelta::seconds(5));
    assert_eq!(world.run(&mut job).await.delivered, 2);
    assert_eq!(world.run(&mut job).await, Default::default());

    let by_id = |server: &Server| {
        let mut all = server.received();
        all.sort_by_key(|received| received.header("webhook-id").to_owned());
        all.into_iter().map(|one| (one.header("webhook-id").to_owned(), one.body)).collect::<Vec<_>>()
    };
    assert_eq!(by_id(&down), by_id(&up), "same id, same body");
    let bodies = up.received().into_iter().map(|one| serde_json::from_slice(&one.body).unwrap());
    let told: Vec<(Value, Value)> =
        bodies.map(|body: Value| (body["type"].clone(), body["data"]["team_slug"].clone())).collect();
    for kind in ["usage.alert.raised", "plan.activated"] {
        assert!(told.contains(&(json!(kind), json!("equipe-dakar"))), "{told:?}");
    }
}

#[tokio::test]
async fn who_wants_no_more_gets_no_more() {
    let world = World::new().await;
    world.alert().await;
    let gone = Server::start(Reply::status(410)).await;
    let mut job = world.job(transport(&gone));
    assert_eq!(world.run(&mut job).await.given_up, 1);
    gone.only();
    assert_eq!(world.counts().await.webhook.given_up, 1);
}

#[tokio::test]
async fn who_is_busy_is_left_alone() {
    let world = World::new().await;
    world.alert().await;
    let busy = Server::start(Reply::with(429, "retry-after", "120")).await;
    let mut job = world.job(transport(&busy));
    assert_eq!(world.run(&mut job).await.held_until, Some(world.begun + TimeDelta::seconds(120)));
    for (seconds, requests) in [(60, 1), (119, 1), (120, 2)] {
        world.at(TimeDelta::seconds(seconds));
        world.run(&mut job).await;
        assert_eq!(busy.received().len(), requests, "after {seconds} s");
    }
}
