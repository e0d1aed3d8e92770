//! Service keys: made and revoked while a server runs or while none does.

use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::{batch, sample, start};
use crate::common::home::text;
use crate::common::{Answer, Home, eventually, team};

/// The longest that a revoked key may still work.
const REVOKED_WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn keys_work_from_the_start_and_stop_working_when_they_are_revoked_embedded() {
    keys_come_and_go(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_work_from_the_start_and_stop_working_when_they_are_revoked_on_postgres() {
    keys_come_and_go(Home::postgres().await).await;
}

async fn keys_come_and_go(home: Home) {
    // Once with nobody running, once while a server runs.
    let (_server, paas) = start(&home, "").await;
    paas.register(&[1]).await;
    let made = home.json("key create --scope usage:write --name gateway --expires 90d --json").await;
    let (key, id) = (text(&made["key"]), text(&made["id"]));
    assert!(key.starts_with(&format!("slk_{id}_")), "{made}");
    assert_eq!((&made["name"], &made["scopes"]), (&json!("gateway"), &json!(["usage:write"])));
    let expires: chrono::DateTime<Utc> = text(&made["expires_at"]).parse().unwrap();
    assert_eq!((expires - Utc::now()).num_hours(), 90 * 24 - 1);

    let gateway = paas.with_key(&key);
    let record = |number: u32| {
        let batch = batch(&format!("gateway-{number}"), &[sample(1, "2024-05-01T00:00:00Z", [1, 1, 1])]);
        gateway.send(gateway.request(Method::POST, "/api/usage/traffic").json(&batch))
    };
    assert_eq!(eventually("the new key to work", || worked(record(0))).await, 200);
    let wrong_scope = gateway.request(Method::PUT, &format!("/api/teams/{}", team(2)));
    let refused = gateway.send(wrong_scope.json(&json!({ "name": "T", "slug": "t" }))).await;
    assert_eq!(refused.status, 403, "{refused:?}");

    let list = home.json("key list --json").await;
    let row = list.as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap();
    let mut fields: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["created_at", "expires_at", "id", "name", "revoked_at", "scopes"]);
    assert_eq!((&row["revoked_at"], &row["name"]), (&Value::Null, &json!("gateway")));
    assert!(!list.to_string().contains(&key), "a list shows no key");

    let revoked = home.json(&format!("key revoke {id} --json")).await;
    assert_eq!(revoked, json!({ "id": id, "revoked": true }));
    let since = Instant::now();
    eventually("the revoked key to be refused", || async {
        let answer = record(1).await;
        if answer.status == 401 { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
    assert!(since.elapsed() < REVOKED_WITHIN, "it worked for {:?} more", since.elapsed());
    let list = home.json("key list --json").await;
    let row = list.as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap();
    assert!(row["revoked_at"].is_string(), "{row}");
    let unknown = home.run("key revoke 000000000000 --json").await;
    assert!(unknown.code == Some(1) && unknown.err.contains("no such service key"), "{unknown:?}");
}

async fn worked(answer: impl Future<Output = Answer>) -> Result<u16, String> {
    match answer.await {
        Answer { status: 200, .. } => Ok(200),
        other => Err(format!("{other:?}")),
    }
}
