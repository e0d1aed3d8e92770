//! What is secret is never printed, and its files are their owner's alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use chrono::Utc;

use crate::common::client::{batch, sample, start};
use crate::common::{Finished, Home};

/// Planted where secrets are; must come out nowhere.
const CANARY: &str = "c4n4ry-do-not-print";

fn keeps_quiet(what: &str, done: &Finished) {
    assert!(!done.out.contains(CANARY) && !done.err.contains(CANARY), "{what} tells a secret: {done:?}");
}

#[tokio::test]
async fn a_wrong_secret_is_not_repeated() {
    let urls = [format!("mysql://user:{CANARY}@host/db"), format!("postgres://user:{CANARY}@host:port/db")];
    for url in &urls {
        let home = Home::embedded();
        for args in [
            "key list",
            "serve --listen 127.0.0.1:0",
            "projections status",
            "token --user 1 --help",
            "--help",
        ] {
            let mut by_variable = home.command(args);
            by_variable.env("DATABASE_URL", url);
            keeps_quiet(args, &crate::common::home::finish(by_variable).await);
            keeps_quiet(args, &home.run(&format!("{args} --database-url {url}")).await);
        }
    }
    let short = &CANARY[..15];
    let home = Home::embedded().with("SECRET_KEY", short);
    for args in ["serve", "token --user 1", "serve --help"] {
        let done = home.run(args).await;
        assert!(!done.err.contains(short) && !done.out.contains(short), "{args}: {done:?}");
    }
    // Nor is a line of .env that cannot be read.
    let home = Home::embedded();
    std::fs::write(home.data().with_file_name(".env"), format!("SECRET_KEY={CANARY} and more\n")).unwrap();
    let done = home.run("key list").await;
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.err.contains(".env"), "{done:?}");
    keeps_quiet("key list", &done);
    // A password in other addresses, too.
    let url = format!("ftp://user:{CANARY}@host/");
    for name in ["SERVELINK_TRAEFIK_URL", "SERVELINK_JWKS_URL", "DOCKER_HOST"] {
        let home = Home::embedded().with(name, &url).with("SERVELINK_LISTEN", "192.0.2.1:1");
        for args in ["serve", "serve --help"] {
            keeps_quiet(name, &home.run(args).await);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_of_the_database_is_not_repeated() {
    let home = Home::postgres().await;
    let database = home.database.as_ref().unwrap();
    let wrong = database.url.replace(database.password(), CANARY);
    let done = home.run(&format!("serve --listen 127.0.0.1:0 --database-url {wrong}")).await;
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("password authentication failed"), "{done:?}");
    keeps_quiet("serve", &done);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_talkative_log_tells_no_secret_embedded() {
    nothing_is_told(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_talkative_log_tells_no_secret_on_postgres() {
    nothing_is_told(Home::postgres().await).await;
}

async fn nothing_is_told(home: Home) {
    let home = home.with("SECRET_KEY", CANARY).with("RUST_LOG", "trace").with("SERVELINK_LOG_FORMAT", "json");
    let traefik = format!("--traefik-url http://user:{CANARY}@127.0.0.1:1/metrics --traefik-interval 50ms");
    let (server, paas) = start(&home, &format!("{traefik} --docker-host tcp://127.0.0.1:1")).await;
    paas.register(&[1]).await;
    let now = Utc::now().to_rfc3339();
    paas.post("/api/usage/traffic", &batch("one", &[sample(1, &now, [1, 1, 1])])).await.ok();
    let up_to = paas.head().await;
    paas.get(&format!("/api/usage/teams/team-one?min_position={up_to}")).await.ok();
    assert_eq!(paas.with_key(CANARY).post("/api/usage/traffic", &batch("two", &[])).await.status, 401);
    let made = [home.key(&["usage:write"]).await, home.token(2).await];
    let control = fs::read_to_string(home.data().join("control.json")).unwrap_or_default();
    let control: serde_json::Value = serde_json::from_str(&control).unwrap_or_default();
    assert_eq!(control["password"].is_string(), home.database.is_none());
    assert_eq!(server.terminate().await.code(), Some(0));

    let log = home.log();
    assert!(log.contains("told to stop") && log.lines().count() > 100, "this test is blind:\n{log}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let mut secrets = vec![CANARY, &paas.key, &paas.token, &made[0], &made[1]];
    secrets.extend(home.database.as_ref().map(|database| database.password()));
    secrets.extend(control["password"].as_str());
    for secret in secrets {
        if let Some(line) = log.lines().find(|line| line.contains(secret)) {
            panic!("a secret is in the log: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_secrets_are_their_owners_alone() {
    let home = Home::embedded();
    let (server, _) = start(&home, "").await;
    for file in ["secret.key", "control.json"] {
        let mode = fs::metadata(home.data().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let mode = fs::metadata(home.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "the data folder");
    // Nothing else is left of making them.
    let mut files: Vec<String> = fs::read_dir(home.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| !file.contains(".db"))
        .collect();
    files.sort();
    assert_eq!(files, ["control.json", "lock", "secret.key"]);
    assert_eq!(server.terminate().await.code(), Some(0));
    assert!(!home.data().join("control.json").exists(), "a stopped server is not to be found");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_that_make_the_secret_make_one() {
    let home = Home::embedded();
    let tokens = (0..8).map(|_| home.json("token --user 1 --ttl 1h --json"));
    futures::future::join_all(tokens).await;
    let secret = fs::read_to_string(home.data().join("secret.key")).unwrap();
    assert_eq!(secret.trim().len(), 64);
    let (_server, user) = start(&home, "").await;
    let up_to = user.register(&[]).await;
    user.get(&format!("/api/usage/teams/team-one?min_position={up_to}")).await.ok();
    fs::write(home.data().join("secret.key"), "short").unwrap();
    let refused = home.run("token --user 1").await;
    assert!(refused.code == Some(1) && refused.err.contains("secret.key"), "{refused:?}");
}
