//! A mail that a real SMTP server refuses for good is not tried again: it is on record, counted where operators look, and
//! nobody reads anywhere to whom it went. That is no reason to take the node out of service.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::common::{Home, PATIENCE, eventually};
use crate::metrics;
use crate::news::{OWNER, Reader, Scene};

/// The server refuses `gone`, whatever comes after it; `scripts/test` looks for that in the logs of all servers.
const GONE: Reader = Reader { user: 2, role: "admin", email: "gone@canary.example.org", language: "en" };
/// The server's words, but for those with an `@` and the name.
const REASON: &str = "permanent error (550): 5.1.1 *** Recipient address rejected: user g*** unknown";

/// Why deliveries were given up, as the log has it.
async fn given_up(home: &Home) -> Vec<String> {
    let sql =
        "SELECT CAST(payload AS TEXT) FROM events WHERE event_type = 'DeliveryGivenUp' ORDER BY position";
    let payloads: Vec<String> = match &home.database {
        Some(database) => {
            let mut connection = PgConnection::connect(&database.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        }
        None => {
            let url = format!("sqlite://{}?mode=ro", home.data().join("log.db").display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        }
    };
    let reason = |payload: &String| {
        let payload: Value = serde_json::from_str(payload).unwrap();
        payload["DeliveryGivenUp"]["reason"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
    };
    payloads.iter().map(reason).collect()
}

impl Scene {
    /// So many mails are counted as given up, in both places where that is shown.
    async fn counts(&self, given_up: u64) {
        let expected = json!({ "delayed": 0, "given_up": given_up });
        eventually("the dead letters to be counted", || async {
            let ready = self.client.get("/readyz").await;
            assert_eq!(ready.status, 200, "{ready:?}");
            let ready = ready.json();
            assert_eq!(ready["ready"], true);
            let mail = &ready["deliveries"]["mail"];
            if *mail == expected { Ok(()) } else { Err(ready.to_string()) }
        })
        .await;
        let numbers = metrics::read(&metrics::address(&self.home)).await;
        let samples = metrics::samples(&numbers.text);
        for (state, count) in [("delayed", 0), ("given_up", given_up)] {
            let name = format!("servelink_deliveries{{channel=\"mail\",state=\"{state}\"}}");
            assert!(samples.contains(&(name, count as f64)), "{}", numbers.text);
        }
    }
}

async fn refused_for_good(home: Home) {
    let home = home.with("SERVELINK_METRICS_LISTEN", "127.0.0.1:0");
    let mut scene = Scene::open(home, &[OWNER, GONE]).await;
    for (from, to, threshold, count) in [(0, 85, 80, 1), (85, 105, 100, 2)] {
        scene.use_up(from, to).await;
        // One reader's address is nothing to the others.
        scene.mails(&[OWNER], PATIENCE).await;
        scene.webhook(threshold).await;
        scene.counts(count).await;
    }
    assert_eq!(given_up(&scene.home).await, [REASON, REASON]);
    assert!(scene.home.log().contains("5.1.1 *** Recipient"), "an operator reads why");
    scene.all_is_told(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_good_is_given_up_and_counted_on_the_embedded_store() {
    refused_for_good(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_good_is_given_up_and_counted_on_postgres() {
    refused_for_good(Home::postgres().await).await;
}
