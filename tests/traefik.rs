//! Real bytes through a real Traefik: usage is what Traefik counted, to the byte, over restarts of Traefik and of
//! Servelink, and with traffic while Servelink was away.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::fmt::Write;

use chrono::Utc;
use common::client::start;
use common::traefik::Traefik;
use common::{Client, Home, deployment, eventually, project};

/// Bytes in, bytes out and requests.
type Counters = [u64; 3];

/// What Traefik counted for the projects 1 and 2: the first has one deployment, the second two.
fn by_project(counted: &std::collections::BTreeMap<u8, Counters>) -> [Counters; 2] {
    [counted[&1], plus(counted[&2], counted[&3])]
}

fn plus(one: Counters, other: Counters) -> Counters {
    std::array::from_fn(|i| one[i] + other[i])
}

/// Waits until the API shows this, in whichever month it was counted.
async fn shows(client: &Client, months: &[String], expected: [Counters; 2]) {
    eventually("the API to show what Traefik counted", || async {
        let mut seen = [[0; 3]; 2];
        for month in months {
            for (seen, byte) in seen.iter_mut().zip([1, 2]) {
                *seen = plus(*seen, client.used(&project(byte), month).await);
            }
        }
        if seen == expected { Ok(()) } else { Err(format!("{seen:?} instead of {expected:?}")) }
    })
    .await;
}

/// This month and the next: a test may run over the end of one.
fn months() -> Vec<String> {
    let now = Utc::now();
    [now, now + chrono::TimeDelta::minutes(10)].iter().map(|at| at.format("%Y-%m").to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_what_traefik_counted_embedded() {
    usage_is_what_traefik_counted(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_what_traefik_counted_on_postgres() {
    usage_is_what_traefik_counted(Home::postgres().await).await;
}

async fn usage_is_what_traefik_counted(home: Home) {
    let mut months = months();
    months.dedup();
    let mut traefik = Traefik::start(&[1, 2, 3]).await;
    let map = home.folder.path().join("deployments.toml");
    let lines = [(1, 1), (2, 2), (3, 2)].into_iter().fold(String::new(), |mut lines, (from, to)| {
        writeln!(lines, "{} = \"{}\"", deployment(from), project(to)).unwrap();
        lines
    });
    std::fs::write(&map, lines).unwrap();
    let home = home
        .with("SERVELINK_TRAEFIK_URL", &traefik.metrics_url())
        .with("SERVELINK_TRAEFIK_MAP", map.to_str().unwrap())
        .with("SERVELINK_TRAEFIK_INTERVAL", "100ms");

    // Some traffic before anything else runs.
    traefik.exchange(1, 100, 2_000).await;
    let (server, client) = start(&home, "").await;
    client.register(&[1, 2]).await;
    for (number, sends, answers) in
        [(1, 0, 1), (1, 12_345, 1_000), (1, 0, 69_000), (2, 5, 0), (3, 3_000_000, 678)]
    {
        traefik.exchange(number, sends, answers).await;
    }
    let counted = traefik.settled(6).await;
    assert_eq!(counted[&1], [12_445, 72_001, 4], "Traefik counts bodies");
    shows(&client, &months, by_project(&counted)).await;

    // Servelink is killed, and traffic goes on without it.
    server.kill().await;
    traefik.exchange(1, 1_000, 0).await;
    traefik.exchange(1, 0, 2_000_000).await;
    traefik.exchange(3, 7, 7).await;
    let counted = traefik.settled(9).await;
    let server = home.serve("").await;
    let client = client.at(&server);
    shows(&client, &months, by_project(&counted)).await;

    // Traefik restarts, after everything was read, while Servelink goes on.
    let first_life = by_project(&counted);
    traefik.stop().await;
    traefik.start_again().await;
    for (number, sends, answers) in [(1, 2_000, 0), (1, 0, 80_000), (2, 0, 9), (3, 11, 13)] {
        traefik.exchange(number, sends, answers).await;
    }
    let counted = traefik.settled(4).await;
    let both_lives =
        |counted: [Counters; 2]| [plus(first_life[0], counted[0]), plus(first_life[1], counted[1])];
    shows(&client, &months, both_lives(by_project(&counted))).await;

    // Servelink is stopped, and traffic goes on without it.
    assert_eq!(server.terminate().await.code(), Some(0));
    traefik.exchange(2, 1 << 20, 0).await;
    traefik.exchange(2, 0, 1 << 20).await;
    traefik.exchange(1, 1, 1).await;
    traefik.settled(7).await;
    let server = home.serve("").await;
    let client = client.at(&server);
    // The last exchange is seen only when all before it are, and nothing was counted twice.
    traefik.exchange(1, 3, 4).await;
    let counted = traefik.settled(8).await;
    let total = both_lives(by_project(&counted));
    shows(&client, &months, total).await;
    assert_eq!(total, [[15_449, 2_152_006, 10], [4_048_599, 1_049_283, 7]], "what was sent, all in all");
    let team = client.get(&format!("/api/usage/teams/team-one?month={}", months[0])).await.ok();
    if months.len() == 1 {
        let sum: u64 = total.iter().map(|[ingress, egress, _]| ingress + egress).sum();
        assert_eq!(team["usage"]["traffic_bytes"].as_u64(), Some(sum), "{team}");
    }
    traefik.stop().await;
}
