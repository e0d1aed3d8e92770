//! What Prometheus is told: numbers, and nothing of anybody.

use serde_json::json;

use crate::common::client::{batch, sample, start};
use crate::common::{Answer, Client, Home, PATIENCE, eventually, project, team};

/// A name that must not be in there.
const NAME: &str = "Wholly Private";

/// The address that the log tells.
pub(crate) fn address(home: &Home) -> String {
    let log = home.log();
    let (_, rest) = log.split_once("metrics are at ").unwrap_or_else(|| panic!("no metrics in {log}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

pub(crate) async fn read(url: &str) -> Answer {
    let response = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
        .get(url)
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    Answer { status, content_type, retry_after: None, text: response.text().await.unwrap() }
}

/// Every sample by name and labels; each line is one, or a comment that belongs to the samples after it.
pub(crate) fn samples(text: &str) -> Vec<(String, f64)> {
    let mut family = "";
    let mut samples: Vec<(String, f64)> = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            match words[..] {
                ["HELP", name, _] => family = name,
                ["TYPE", name, "gauge" | "counter"] => assert_eq!(name, family, "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let labels = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        if !labels.is_empty() {
            let labels = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).unwrap();
            for label in labels.split(',') {
                let (label, value) = label.split_once('=').unwrap_or_else(|| panic!("{line}"));
                assert!(label.bytes().all(|byte| byte.is_ascii_lowercase()), "{line}");
                assert!(value.len() > 2 && value.starts_with('"') && value.ends_with('"'), "{line}");
            }
        }
        assert!(samples.iter().all(|(other, _)| other != name), "{name} is there twice");
        samples.push((name.to_owned(), value.parse().unwrap_or_else(|error| panic!("{line}: {error}"))));
    }
    samples
}

async fn private_team(client: &Client) -> u64 {
    client.put(&format!("/api/teams/{}", team(1)), &json!({ "name": NAME, "slug": "wholly-private" })).await;
    let owner = json!({ "role": "owner", "email": "wholly.private@example.org" });
    client.put(&format!("/api/teams/{}/members/1", team(1)), &owner).await;
    let put = json!({ "team_id": team(1), "name": NAME });
    client.put(&format!("/api/projects/{}", project(1)), &put).await;
    let sent = batch("one", &[sample(1, "2024-05-10T12:00:00Z", [1, 2, 3])]);
    client.post("/api/usage/traffic", &sent).await.ok()["position"].as_u64().unwrap()
}

async fn numbers_and_nothing_of_anybody(home: Home) {
    let (server, client) = start(&home, "--metrics-listen 127.0.0.1:0").await;
    let position = private_team(&client).await;
    let url = address(&home);
    let wanted = ["limits", "settle"];
    let text = eventually("jobs that ran, and read models that have it all", || async {
        let answer = read(&url).await;
        assert_eq!((answer.status, &*answer.content_type), (200, "text/plain; version=0.0.4; charset=utf-8"));
        let samples = samples(&answer.text);
        let value = |name: &str| samples.iter().find(|(its, _)| its == name).map(|(_, value)| *value);
        let ran = |job: &&str| {
            value(&format!("servelink_job_runs_total{{job=\"{job}\"}}")) >= Some(1.0)
                && value(&format!("servelink_job_failed{{job=\"{job}\"}}")) == Some(0.0)
                && value(&format!("servelink_job_last_run_timestamp_seconds{{job=\"{job}\"}}"))
                    > Some(1_700_000_000.0)
        };
        let recorded = value("servelink_log_position").is_some_and(|head| head >= position as f64);
        let caught_up = value("servelink_projection_behind_events{projection=\"directory\"}") == Some(0.0);
        let delivered = value("servelink_deliveries{channel=\"mail\",state=\"given_up\"}") == Some(0.0);
        let all = recorded && caught_up && delivered && wanted.iter().all(ran);
        if all { Ok(answer.text) } else { Err(answer.text) }
    })
    .await;
    for name in ["rivate", &team(1), &project(1)] {
        assert!(!text.contains(name), "{name} is in\n{text}");
    }
    assert_eq!(client.get("/metrics").await.status, 404, "what faces the world does not show them");
    assert_eq!(server.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_embedded_store() {
    numbers_and_nothing_of_anybody(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    numbers_and_nothing_of_anybody(Home::postgres().await).await;
}
