//! `servelink jobs`, with a server running or not.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use crate::common::home::text;
use crate::common::{Home, eventually};

/// Every job, and the setting that turns it on.
const JOBS: [(&str, Option<&str>); 10] = [
    ("settle", None),
    ("reconcile", Some("PAYMENT_BACKEND_URL")),
    ("renewals", None),
    ("limits", None),
    ("months", None),
    ("storage", Some("SERVELINK_STORAGE")),
    ("traefik", Some("SERVELINK_TRAEFIK_URL")),
    ("nic", Some("SERVELINK_NIC")),
    ("mail", Some("MAIL_URL")),
    ("webhooks", Some("SERVELINK_WEBHOOK_URL")),
];

#[tokio::test(flavor = "multi_thread")]
async fn list_and_run_embedded() {
    list_and_run(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn list_and_run_on_postgres() {
    list_and_run(Home::postgres().await).await;
}

async fn list_and_run(home: Home) {
    nobody_runs(&home, "limits", "the role workers").await;
    let unknown = home.run("jobs run bogus").await;
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(1), ""));
    assert!(unknown.err.contains("`bogus`"), "{unknown:?}");
    for (name, _) in JOBS {
        assert!(unknown.err.contains(name), "{name} is not among those that there are: {unknown:?}");
    }

    let server = home.serve("").await;
    let rows = eventually("jobs to be somebody's", || async {
        let rows = home.json("jobs list --json").await;
        let are_on = JOBS.iter().filter(|(_, setting)| setting.is_none());
        let missing = are_on.filter(|(name, _)| row(&rows, name)["node"].is_null()).count();
        if missing == 0 { Ok(rows) } else { Err(rows.to_string()) }
    })
    .await;
    let listed = rows.as_array().unwrap().iter();
    let listed: Vec<_> = listed.map(|row| (text(&row["name"]), row["turned_on_by"].as_str())).collect();
    assert_eq!(listed, JOBS.map(|(name, setting)| (name.to_owned(), setting)));
    for (name, setting) in JOBS {
        // Without its setting nobody has a job, and nobody knows its turns.
        assert_eq!(row(&rows, name)["node"].is_string(), setting.is_none(), "{rows:#}");
        assert!(setting.is_none() || name == "storage" || row(&rows, name)["next_run"].is_null(), "{rows:#}");
    }
    assert_eq!(row(&rows, "limits")["schedule"], "every 10s");
    assert_eq!(row(&rows, "months")["schedule"], "30 0 4 * *");
    assert!(text(&row(&rows, "months")["next_run"]).ends_with("-04T00:30:00Z"), "{rows:#}");

    // Both kinds: of an interval, and of the calendar, whose time it is not.
    for name in ["renewals", "months"] {
        let before = row(&home.json("jobs list --json").await, name)["last_run"]["started_at"].clone();
        let run = home.json(&format!("jobs run {name} --json")).await;
        assert_eq!((&run["job"], &run["failed"]), (&json!(name), &json!(false)), "{run}");
        assert_ne!(run["run"]["started_at"], before, "{run}");
        let after = home.json("jobs list --json").await;
        assert_eq!(row(&after, name)["requested_at"], Value::Null, "{after:#}");
    }
    let done = home.run("jobs run limits").await;
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    assert!(done.out.starts_with("limits: 0 teams looked at"), "{done:?}");
    next_turn_follows(&home, "limits", TimeDelta::seconds(10)).await;
    let table = home.run("jobs list").await;
    for word in ["NAME", "NODE", "LAST RUN", "webhooks", "every 10s", "30 0 4 * *", "months: 0 months of"] {
        assert!(table.code == Some(0) && table.out.contains(word), "{word}: {table:?}");
    }
    nobody_runs(&home, "nic", "SERVELINK_NIC").await;
    nobody_runs(&home, "webhooks", "SERVELINK_WEBHOOK_URL").await;

    assert_eq!(server.terminate().await.code(), Some(0));
    nobody_runs(&home, "limits", "the role workers").await;
    // What was noted stays.
    let after = home.json("jobs list --json").await;
    assert_eq!(row(&after, "months")["last_run"]["failed"], json!(false), "{after:#}");
    assert_eq!(row(&after, "months")["node"], Value::Null, "{after:#}");
    assert!(row(&after, "months")["next_run"].is_string() && row(&after, "limits")["next_run"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_is_shown_as_it_was_set() {
    // No engine is there: the job runs all the same, and fails.
    let home = Home::embedded()
        .with("SERVELINK_NIC", "yes")
        .with("SERVELINK_NIC_INTERVAL", "45s")
        .with("DOCKER_HOST", "tcp://127.0.0.1:1");
    let server = home.serve("").await;
    eventually("its first run", || async {
        let rows = home.json("jobs list --json").await;
        if row(&rows, "nic")["last_run"]["failed"] == json!(true) { Ok(()) } else { Err(rows.to_string()) }
    })
    .await;
    let rows = next_turn_follows(&home, "nic", TimeDelta::seconds(45)).await;
    assert_eq!(row(&rows, "nic")["schedule"], "every 45s");
    assert_eq!(server.terminate().await.code(), Some(0));
    let rows = home.json("jobs list --json").await;
    assert_eq!(row(&rows, "nic")["schedule"], "every 10s", "nobody has it: as it is unless it is set");
}

/// The next run of a job that somebody has is whole intervals after its last one, and within one interval from now.
async fn next_turn_follows(home: &Home, name: &str, interval: TimeDelta) -> Value {
    let before = Utc::now();
    let rows = home.json("jobs list --json").await;
    let instant = |value: &Value| text(value).parse::<DateTime<Utc>>().unwrap();
    let job = row(&rows, name);
    let (next, begun) = (instant(&job["next_run"]), instant(&job["last_run"]["started_at"]));
    assert!(next > before && next <= Utc::now() + interval, "{job:#}");
    assert_eq!((next - begun).num_milliseconds() % interval.num_milliseconds(), 0, "{job:#}");
    rows
}

/// The clocks of who asks and who runs need not agree: here the run before was noted by one that was an hour ahead.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_before_is_not_taken_for_the_one_that_was_asked_for() {
    let home = Home::postgres().await;
    let server = home.serve("").await;
    home.json("jobs run months --json").await;
    let mut state = PgConnection::connect(&home.database.as_ref().unwrap().url).await.unwrap();
    let ahead = "UPDATE state_job SET started_at = started_at + 3600000, finished_at = finished_at + 3600000, \
                 report = 'of before' WHERE name = 'months'";
    assert_eq!(state.execute(ahead).await.unwrap().rows_affected(), 1);
    state.close().await.unwrap();

    let run = home.json("jobs run months --json").await;
    assert_ne!(run["report"], "of before", "{run}");
    let begun: DateTime<Utc> = text(&run["run"]["started_at"]).parse().unwrap();
    assert!(begun <= Utc::now(), "{run}");
    assert_eq!(server.terminate().await.code(), Some(0));
}

/// Each is told of a run that began after he asked, and nobody waits for somebody else's for ever.
#[tokio::test(flavor = "multi_thread")]
async fn many_may_ask_at_once() {
    let home = Home::postgres().await;
    let server = home.serve("").await;
    home.json("jobs run months --json").await;
    let asked = Utc::now();
    let runs = futures::future::join_all((0..4).map(|_| home.json("jobs run months --json"))).await;
    for run in runs {
        let begun: DateTime<Utc> = text(&run["run"]["started_at"]).parse().unwrap();
        assert!(begun >= asked - TimeDelta::milliseconds(1) && run["failed"] == json!(false), "{run}");
    }
    let rows = home.json("jobs list --json").await;
    assert_eq!(row(&rows, "months")["requested_at"], Value::Null, "{rows:#}");
    assert_eq!(server.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_of_a_server_that_was_killed_are_nobodys() {
    let home = Home::embedded();
    let server = home.serve("").await;
    home.json("jobs run limits --json").await;
    server.kill().await;
    nobody_runs(&home, "limits", "the role workers").await;

    // The next server has other roles: nobody may wait for what it does not do.
    let server = home.serve("--roles api,projections").await;
    let rows = home.json("jobs list --json").await;
    assert!(rows.as_array().unwrap().iter().all(|row| row["node"].is_null()), "{rows:#}");
    nobody_runs(&home, "limits", "the role workers").await;
    assert_eq!(server.terminate().await.code(), Some(0));
}

/// Wants a job run that nobody runs, and is told what would turn it on.
async fn nobody_runs(home: &Home, name: &str, turn_on: &str) {
    let refused = home.run(&format!("jobs run {name}")).await;
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{refused:?}");
    for word in ["error: no node runs", name, turn_on] {
        assert!(refused.err.contains(word), "{word}: {refused:?}");
    }
}

fn row<'a>(rows: &'a Value, name: &str) -> &'a Value {
    let mut found = rows.as_array().unwrap().iter().filter(|row| row["name"] == name);
    found.next().unwrap_or_else(|| panic!("there is no {name}: {rows:#}"))
}
