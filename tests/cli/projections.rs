//! `servelink projections`, with a server running or not.

use serde_json::{Value, json};

use crate::common::client::{batch, sample, start};
use crate::common::home::text;
use crate::common::{Home, eventually, project};

const NAMES: [&str; 8] = [
    "alerts",
    "deliveries",
    "directory",
    "payment_history",
    "project_usage",
    "subscriptions",
    "team_usage",
    "traffic_sources",
];

fn generations(status: &Value) -> Vec<(String, i64, u64)> {
    let row = |row: &Value| {
        (text(&row["name"]), row["generation"].as_i64().unwrap(), row["position"].as_u64().unwrap())
    };
    let mut rows: Vec<_> = status.as_array().unwrap().iter().map(row).collect();
    rows.sort();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_rebuild_embedded() {
    status_and_rebuild(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_rebuild_on_postgres() {
    status_and_rebuild(Home::postgres().await).await;
}

async fn status_and_rebuild(home: Home) {
    let (server, paas) = start(&home, "").await;
    paas.register(&[1]).await;
    let sample = sample(1, "2024-05-01T00:00:00Z", [1, 2, 3]);
    paas.post("/api/usage/traffic", &batch("one", &[sample])).await.ok();
    let head = paas.head().await;
    assert_eq!(paas.used(&project(1), "2024-05").await, [1, 2, 3]);

    // Through the server, or beside it.
    let before = home.json("projections status --json").await;
    let names: Vec<String> = generations(&before).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, NAMES);
    for row in before.as_array().unwrap() {
        let mut fields: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["generation", "head", "name", "position", "state", "stopped", "version"]);
        assert_eq!(
            (&row["state"], &row["stopped"], &row["head"]),
            (&json!("active"), &Value::Null, &json!(head))
        );
        assert_eq!(row["position"], json!(head), "{row}");
    }
    let rebuilt = home.json("projections rebuild project_usage --json").await;
    assert_eq!(rebuilt, json!({ "rebuilt": "project_usage", "position": head }));
    let after = generations(&home.json("projections status --json").await);
    for ((name, old, _), (_, new, position)) in generations(&before).into_iter().zip(after) {
        assert_eq!((new > old, position), (name == "project_usage", head), "{name}");
    }
    let unknown = home.run("projections rebuild bogus").await;
    assert!(unknown.code == Some(1) && unknown.err.contains("`bogus`"), "{unknown:?}");
    assert_eq!(paas.used(&project(1), "2024-05").await, [1, 2, 3]);
    // The server goes on with the generation that is new.
    let sample = crate::common::client::sample(1, "2024-05-01T00:00:00Z", [10, 10, 10]);
    paas.post("/api/usage/traffic", &batch("two", &[sample])).await.ok();
    let head = paas.head().await;
    eventually("the new generation to follow", || async {
        let used = paas.used(&project(1), "2024-05").await;
        if used == [11, 12, 13] { Ok(()) } else { Err(format!("{used:?}")) }
    })
    .await;
    assert_eq!(server.terminate().await.code(), Some(0));

    // Nobody runs.
    let rebuilt = home.json("projections rebuild --json").await;
    assert_eq!(rebuilt["position"], json!(head));
    let table = home.run("projections status").await;
    assert_eq!((table.code, table.err.as_str()), (Some(0), ""));
    for word in NAMES.into_iter().chain(["NAME", "BEHIND", "active"]) {
        assert!(table.out.contains(word), "{word}: {table:?}");
    }
    let unknown = home.run("projections rebuild bogus --json").await;
    assert!(
        unknown.code == Some(1) && unknown.out.is_empty() && unknown.err.contains("`bogus`"),
        "{unknown:?}"
    );
    let server = home.serve("").await;
    assert_eq!(paas.at(&server).used(&project(1), "2024-05").await, [11, 12, 13]);
}

#[tokio::test]
async fn an_empty_store_has_nothing_to_build() {
    let home = Home::embedded();
    let status = home.json("projections status --json").await;
    assert!(status.as_array().is_some(), "{status}");
    home.json("projections rebuild --json").await;
    let status = home.json("projections status --json").await;
    assert_eq!(generations(&status).into_iter().map(|(name, ..)| name).collect::<Vec<_>>(), NAMES);
}
