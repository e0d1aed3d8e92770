//! Two nodes on one Postgres, and again and again the one that does the work is frozen past its leases: the other takes
//! over, the frozen one finds out when it wakes up, and nothing is done or told twice.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::alerts::use_up;
use crate::common::client::start;
use crate::common::receiver::{Reply, Server};
use crate::common::smtp::SmtpServer;
use crate::common::{Home, Servelink, eventually, team};

/// A take-over, a look at limits and a turn of the mail; a commit in whose midst a node was frozen ends after 15 seconds.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(60);
const NOTHING: &str = "0 delivered, 0 to be tried again, 0 given up";
/// What a node says that wakes up and has lost its jobs.
const HELD_UP: &str = "this node was held up";

/// The jobs that some node has, and which.
async fn holders(home: &Home) -> Vec<(String, String)> {
    let jobs = home.json("jobs list --json").await;
    let held =
        jobs.as_array().unwrap().iter().filter_map(|job| {
            Some((job["name"].as_str().unwrap().to_owned(), job["node"].as_str()?.to_owned()))
        });
    held.collect()
}

/// The one node that has all the jobs, once it is another one than this.
async fn only_holder(home: &Home, not: &str) -> String {
    eventually("one node to have all jobs", || async {
        let holders = holders(home).await;
        let node = holders.first().map(|(_, node)| node.clone()).unwrap_or_default();
        let all = holders.len() == 6 && holders.iter().all(|(_, holder)| *holder == node);
        if all && node != not { Ok(node) } else { Err(format!("{holders:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_frozen_past_its_leases_does_nothing_twice() {
    let mut smtp = SmtpServer::start(&["none"]).await;
    let paas = Server::start(Reply::status(204)).await;
    let home = Home::postgres()
        .await
        .with_mail(smtp.port)
        .with("SECRET_KEY", "the secret that all nodes share")
        .with("SERVELINK_WEBHOOK_URL", &format!("{}/hooks", paas.url))
        .with("SERVELINK_WEBHOOK_SECRETS", "whsec_canarycanarycanarycanarycanary12")
        .with("SERVELINK_WEBHOOK_ALLOW_PRIVATE", "127.0.0.1");
    let (one, client) = start(&home, "").await;
    client.register(&[1]).await;
    let awa = json!({ "role": "owner", "email": "canary.awa@example.org", "language": "fr" });
    client.put(&format!("/api/teams/{}/members/1", team(1)), &awa).await;
    let mut holder = only_holder(&home, "").await;
    let two = home.serve("").await;
    let clients = [client.at(&one), client.at(&two)];
    let nodes: [&Servelink; 2] = [&one, &two];

    let mut told = BTreeSet::new();
    for (round, (from, to, threshold)) in [(0, 82, 80), (82, 96, 95), (96, 104, 100)].into_iter().enumerate()
    {
        let (frozen, awake) = (nodes[round % 2], &clients[1 - round % 2]);
        let woken = home.log().matches(HELD_UP).count();
        // It may be about to tell of it, or in the midst of it.
        use_up(awake, from, to).await;
        frozen.signal("STOP").await;
        holder = only_holder(&home, &holder).await;
        let done = home.json("jobs run months --json").await;
        assert_eq!(done["failed"], json!(false), "{done}");
        let mail = smtp.got_within(TAKEN_OVER_WITHIN).await;
        assert!(told.insert(mail.headers["Message-ID"].clone()), "{:?} was told before", mail.headers);
        let alerts = awake.get("/api/teams/team-one/alerts").await.ok();
        assert_eq!(alerts["alerts"][0]["threshold"], json!(threshold), "{alerts}");

        frozen.signal("CONT").await;
        eventually("the frozen node to find out", || async {
            let now = home.log().matches(HELD_UP).count();
            if now > woken { Ok(()) } else { Err(format!("{now} times in the log")) }
        })
        .await;
    }

    eventually("the webhooks of all three", || async {
        let webhooks = paas.received().len();
        if webhooks >= 3 { Ok(()) } else { Err(format!("{webhooks} came")) }
    })
    .await;
    for job in ["limits", "mail", "webhooks"] {
        let done = home.json(&format!("jobs run {job} --json")).await;
        assert!(job == "limits" || done["report"] == NOTHING, "{done}");
    }
    let alerts = clients[0].get("/api/teams/team-one/alerts").await.ok();
    let thresholds: Vec<&Value> =
        alerts["alerts"].as_array().unwrap().iter().map(|alert| &alert["threshold"]).collect();
    assert_eq!(thresholds, [&json!(100), &json!(95), &json!(80)], "each was raised once");
    let jobs = home.json("jobs list --json").await;
    let months = jobs.as_array().unwrap().iter().find(|job| job["name"] == "months").unwrap();
    assert_eq!(
        months["runs"],
        json!(4),
        "its first start, and each of the three that were wished for: {months}"
    );
    assert_eq!(one.terminate().await.code(), Some(0));
    assert_eq!(two.terminate().await.code(), Some(0));
    assert_eq!(paas.received().len(), 3, "{:?}", paas.received());
    let rest = smtp.rest().await;
    assert!(rest.is_empty(), "told twice: {rest:?}");
}
