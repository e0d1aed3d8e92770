//! A member's address is nowhere to be read: not in a file, not in the database, not in a log, not in an answer. And
//! when the person is to be forgotten, nothing is left that could read it.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::common::client::{position, start};
use crate::common::{Client, Home, team};

/// `scripts/test` looks for the first word of it in the logs of all servers.
const ADDRESS: &str = "canary.awa@example.org";

impl Home {
    /// Everything that is kept: the bytes of every file, and every row of every table.
    async fn kept(&self) -> Vec<u8> {
        let mut kept = every_file(&self.data());
        let Some(database) = &self.database else { return kept };
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
        assert!(["events", "state_subject_key"].iter().all(|name| tables.iter().any(|table| table == name)));
        for table in tables {
            let rows = format!("SELECT row_to_json(t)::text FROM \"{table}\" t");
            let rows: Vec<String> = sqlx::query_scalar(&rows).fetch_all(&mut connection).await.unwrap();
            kept.extend(rows.into_iter().flat_map(String::into_bytes));
        }
        connection.close().await.unwrap();
        kept
    }

    /// The keys of persons.
    async fn keys(&self) -> Vec<String> {
        let sql = "SELECT key FROM state_subject_key";
        match &self.database {
            Some(database) => {
                let mut connection = PgConnection::connect(&database.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
            None => {
                let url = format!("sqlite://{}?mode=ro", self.data().join("state.db").display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
        }
    }
}

fn every_file(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.flat_map(|file| std::fs::read(file).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn put(client: &Client, body: Value) -> Value {
    client.put(&format!("/api/teams/{}/members/1", team(1)), &body).await
}

async fn told_kept_and_forgotten(home: Home) {
    // What is logged at its loudest is looked through by `scripts/test`.
    let home = home.with("RUST_LOG", "trace");
    let (server, client) = start(&home, "").await;
    client.register(&[1]).await;
    let body = json!({ "role": "owner", "email": ADDRESS, "language": "fr" });
    let told = put(&client, body.clone()).await;
    assert_eq!(told.as_object().unwrap().len(), 1, "a position and nothing else: {told}");
    let wrong = client.request(Method::PUT, &format!("/api/teams/{}/members/1", team(1)));
    let wrong = client.send(wrong.json(&json!({ "role": "owner", "email": "canary.awa@nowhere" }))).await;
    assert!(wrong.status == 422 && !wrong.text.contains("canary"), "{wrong:?}");

    let kept = home.kept().await;
    assert!(holds(&kept, "MemberContactChanged"), "the search finds what is there");
    assert!(!holds(&kept, "canary"));
    let keys = home.keys().await;
    assert_eq!(keys.len(), 1);

    // Another server, and the address is known to be the same: the key was kept.
    assert_eq!(server.terminate().await.code(), Some(0));
    let server = home.serve("").await;
    let client = client.at(&server);
    assert_eq!(put(&client, body.clone()).await, told);

    let forget = || client.request(Method::DELETE, "/api/users/1/personal-data");
    let forgotten = position(&client.send(forget()).await.ok());
    assert_eq!(forgotten, position(&told) + 1);
    assert_eq!(position(&client.send(forget()).await.ok()), forgotten, "again");
    assert_eq!(home.keys().await.len(), 0);
    assert!(!holds(&home.kept().await, &keys[0]), "nothing is left of the key");

    assert_eq!(position(&put(&client, body.clone()).await), forgotten + 1, "it is told anew");
    let anew = home.keys().await;
    assert!(anew.len() == 1 && anew != keys);
    assert_eq!(server.terminate().await.code(), Some(0));
    let kept = home.kept().await;
    assert!(!holds(&kept, "canary") && !holds(&kept, &keys[0]));
    assert!(home.log().contains("request refused"), "the log was at its loudest");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_embedded_store() {
    told_kept_and_forgotten(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    told_kept_and_forgotten(Home::postgres().await).await;
}
