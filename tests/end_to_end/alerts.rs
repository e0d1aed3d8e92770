//! Nobody learns of a limit a day late: an alert follows the traffic by seconds, each once, and survives the server.

use chrono::Utc;
use serde_json::{Value, json};

use crate::common::client::{batch, sample, start};
use crate::common::{Client, Home, eventually};

const GIGABYTE: u64 = 1 << 30;

/// Sends so much traffic that the free plan's 5 GB are used to this many per cent in all.
async fn use_up(client: &Client, from: u64, to: u64) {
    let bytes = 5 * GIGABYTE * to / 100 - 5 * GIGABYTE * from / 100;
    let now = Utc::now().to_rfc3339();
    let sent = batch(&format!("to-{to}"), &[sample(1, &now, [bytes, 0, 1])]);
    client.post("/api/usage/traffic", &sent).await.ok();
}

/// The thresholds of the alerts there are, the newest first, once there are so many.
async fn thresholds(client: &Client, count: usize) -> Vec<Value> {
    eventually(&format!("{count} alerts"), || async {
        let answer = client.get("/api/teams/team-one/alerts").await.ok();
        let alerts: Vec<Value> =
            answer["alerts"].as_array().unwrap().iter().map(|alert| alert["threshold"].clone()).collect();
        if alerts.len() == count { Ok(alerts) } else { Err(answer.to_string()) }
    })
    .await
}

async fn alerts_follow_the_traffic(home: Home) {
    let (server, client) = start(&home, "").await;
    let registered = client.register(&[1]).await;
    client.get(&format!("/api/teams/team-one/alerts?min_position={registered}")).await.ok();
    use_up(&client, 0, 82).await;
    assert_eq!(thresholds(&client, 1).await, [json!(80)]);
    assert_eq!(server.terminate().await.code(), Some(0));

    let server = home.serve("").await;
    let client = client.at(&server);
    use_up(&client, 82, 104).await;
    // 95 % was passed on the way to all of it: only the highest is told, and the first one not again.
    assert_eq!(thresholds(&client, 2).await, [json!(100), json!(80)]);
    let limits = client.get("/api/usage/teams/team-one/limits").await.ok();
    assert_eq!(limits["within_limits"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_embedded_store() {
    alerts_follow_the_traffic(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    alerts_follow_the_traffic(Home::postgres().await).await;
}
