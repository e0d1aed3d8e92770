//! Nobody learns of a limit a day late: an alert follows the traffic by seconds, each once, and survives the server. And
//! who will reach it this month is told before.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::common::client::{batch, position, sample, start};
use crate::common::smtp::SmtpServer;
use crate::common::{Client, Home, eventually, team};

const GIGABYTE: u64 = 1 << 30;

/// The longest from the answer to what crossed a threshold until the alert can be read.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Sends so much traffic that the free plan's 5 GB are used to this many per cent in all; the position from which on
/// reads see it.
pub(crate) async fn use_up(client: &Client, from: u64, to: u64) -> u64 {
    let bytes = 5 * GIGABYTE * to / 100 - 5 * GIGABYTE * from / 100;
    let now = Utc::now().to_rfc3339();
    let sent = batch(&format!("to-{to}"), &[sample(1, &now, [bytes, 0, 1])]);
    position(&client.post("/api/usage/traffic", &sent).await.ok())
}

/// The thresholds of the alerts there are, the newest first, once there are so many. Whatever raises the last of them was
/// acknowledged a moment ago.
async fn thresholds(client: &Client, count: usize) -> Vec<Value> {
    let since = Instant::now();
    let thresholds = eventually(&format!("{count} alerts"), || async {
        let answer = client.get("/api/teams/team-one/alerts").await.ok();
        let alerts: Vec<Value> =
            answer["alerts"].as_array().unwrap().iter().map(|alert| alert["threshold"].clone()).collect();
        if alerts.len() == count { Ok(alerts) } else { Err(answer.to_string()) }
    })
    .await;
    assert!(since.elapsed() < TOLD_WITHIN, "{count} alerts took {:?}", since.elapsed());
    thresholds
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

/// Whatever day of the month it is: yesterday a little less than what is looked at, and today so much that another such
/// day is enough for the limit, without an alert.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_foreseen_is_mailed_once() {
    let mut smtp = SmtpServer::start(&["none"]).await;
    let home = Home::embedded().with_mail(smtp.port);
    let (server, client) = start(&home, "").await;
    client.register(&[1]).await;
    let owner = json!({ "role": "owner", "email": "canary.awa@example.org", "language": "en" });
    client.put(&format!("/api/teams/{}/members/1", team(1)), &owner).await;
    let percent = |percent: u64| 5 * GIGABYTE * percent / 100;
    let yesterday = (Utc::now() - TimeDelta::days(1)).to_rfc3339();
    let sent = batch("yesterday", &[sample(1, &yesterday, [percent(24), 0, 1])]);
    let recorded = position(&client.post("/api/usage/traffic", &sent).await.ok());
    // All read models have it before there is anything to foresee.
    client.get(&format!("/api/teams/team-one/alerts?min_position={recorded}")).await.ok();
    use_up(&client, 24, 78).await;

    let mail = smtp.got().await;
    assert_eq!(mail.to, ["canary.awa@example.org"]);
    let answer = client.get("/api/teams/team-one/alerts").await.ok();
    assert_eq!((&answer["alerts"], &answer["forecast"]["daily_bytes"]), (&json!([]), &json!(percent(24))));
    let day = answer["forecast"]["limit_reached_on"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let day: chrono::NaiveDate = day.parse().unwrap();
    let written = day.format("%-d\u{a0}%B %Y").to_string();
    assert!(mail.text.contains(&written), "{written} is not in {mail:?}");

    // A server that starts anew looks at everything again.
    assert_eq!(server.terminate().await.code(), Some(0));
    let server = home.serve("").await;
    let client = client.at(&server);
    home.json("jobs run limits --json").await;
    client.get(&format!("/api/teams/team-one/alerts?min_position={}", client.head().await)).await.ok();
    let sent = home.json("jobs run mail --json").await;
    assert_eq!(sent["report"], json!("0 delivered, 0 to be tried again, 0 given up"));
    assert_eq!(server.terminate().await.code(), Some(0));
    let rest = smtp.rest().await;
    assert!(rest.is_empty(), "{rest:?}");
}
