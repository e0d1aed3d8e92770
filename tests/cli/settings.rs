//! Help, wrong values, and where a setting may come from.

use std::fs;

use crate::common::home::{bare, finish};
use crate::common::{Client, Home, Servelink};

#[tokio::test]
async fn everything_has_help() {
    let home = Home::embedded();
    for (command, mentions) in [
        ("", "serve demo sandbox key token jobs projections --data-dir --database-url"),
        (
            "serve",
            "SERVELINK_LISTEN SERVELINK_DATA_DIR DATABASE_URL SERVELINK_ROLES SERVELINK_PLANS SECRET_KEY",
        ),
        (
            "serve",
            "SERVELINK_JWKS_URL SERVELINK_TRAEFIK_URL SERVELINK_TRAEFIK_MAP DOCKER_HOST SERVELINK_LOG_FORMAT",
        ),
        ("serve", "TRAFFIC_SOURCE SERVELINK_NIC SERVELINK_NIC_INTERVAL SERVELINK_METRICS_LISTEN"),
        (
            "serve",
            "MAIL_URL MAIL_FROM MAIL_REPLY_TO SERVELINK_WEBHOOK_URL SERVELINK_WEBHOOK_SECRETS SERVELINK_WEBHOOK_ALLOW_PRIVATE",
        ),
        ("serve", "SERVELINK_JOB_LEASE SERVELINK_STORAGE"),
        ("serve", "127.0.0.1:8080 ./data api,projections,workers 15s 10s"),
        ("demo", "--listen --keep"),
        (
            "sandbox",
            "--listen --api-key --secret --scheme --settle-after --public-url --old-backend --log-format",
        ),
        ("sandbox", "SANDBOX_LISTEN PAYMENT_API_KEY SANDBOX_WEBHOOK_SECRET 127.0.0.1:8090 30s"),
        ("key", "create list revoke"),
        ("key create", "--scope --name --expires --json usage:write directory:write audit:read"),
        ("key list", "--json"),
        ("key revoke", "<ID> --json"),
        ("token", "--user --ttl --json"),
        ("jobs", "list run"),
        ("jobs list", "--json"),
        ("jobs run", "<NAME> --wait --json 10m"),
        ("projections", "status rebuild"),
        ("projections status", "--json"),
        ("projections rebuild", "[NAME] --json"),
    ] {
        let help = home.run(&format!("{command} --help")).await;
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{command} --help");
        for word in mentions.split(' ') {
            assert!(help.out.contains(word), "{command} --help does not mention {word}:\n{}", help.out);
        }
    }
    let version = home.run("--version").await;
    assert_eq!(version.out, concat!("servelink ", env!("CARGO_PKG_VERSION"), "\n"));
}

/// What is wrong, what it must be named by, and the exit code: 2 for what cannot be meant, 1 for what cannot be done.
const WRONG: [(&str, &[&str], i32); 48] = [
    ("serve --listen nonsense", &["'nonsense'", "--listen"], 2),
    ("serve --listen 127.0.0.1:99999", &["'127.0.0.1:99999'", "--listen"], 2),
    ("--listen nonsense", &["'nonsense'", "--listen"], 2),
    ("serve --listen 192.0.2.1:80", &["192.0.2.1:80", "--listen", "SERVELINK_LISTEN"], 1),
    (
        "serve --listen 127.0.0.1:0 --metrics-listen 192.0.2.1:80",
        &["192.0.2.1:80", "--metrics-listen", "SERVELINK_METRICS_LISTEN"],
        1,
    ),
    ("serve --roles api,bogus", &["'bogus'", "--roles", "api, projections, workers"], 2),
    ("serve --log-format xml", &["'xml'", "--log-format", "text, json"], 2),
    ("serve --database-url mysql://host/db", &["--database-url", "DATABASE_URL", "postgres://"], 2),
    ("key list --database-url postgres://a:c4n4ry@127.0.0.1:9/e", &["DATABASE_URL", "127.0.0.1:9, e"], 1),
    ("key list --database-url postgres://a:b@c:d/e", &["--database-url", "DATABASE_URL", "postgres://"], 2),
    ("key list --database-url postgres://a:c4n4ry@127.0.0.1:1/e", &["cannot be opened", "refused"], 1),
    ("serve --traefik-interval 5x", &["'5x'", "--traefik-interval", "15s, 1h or 90d"], 2),
    ("serve --traefik-interval 0s", &["'0s'", "--traefik-interval", "longer than nothing"], 2),
    ("serve --traffic-source nginx", &["'nginx'", "--traffic-source", "traefik, docker or ingest"], 2),
    ("serve --nic-interval 5x", &["'5x'", "--nic-interval", "15s, 1h or 90d"], 2),
    ("serve --listen 127.0.0.1:0 --nic --docker-host ftp://x", &["--docker-host", "unix://"], 1),
    ("serve --listen 127.0.0.1:0 --traefik-url nonsense", &["Traefik", "http or https URL"], 1),
    (
        "serve --listen 127.0.0.1:0 --traefik-url http://t/ --traefik-source A_B",
        &["Traefik source", "a-z"],
        1,
    ),
    (
        "serve --listen 127.0.0.1:0 --traefik-url http://t/ --docker-host ftp://x",
        &["--docker-host", "unix://"],
        1,
    ),
    ("serve --job-lease 0s", &["'0s'", "--job-lease", "longer than nothing"], 2),
    ("serve --job-lease 999ms", &["'999ms'", "--job-lease", "from 1s to 10m"], 2),
    ("serve --job-lease 11m", &["'11m'", "--job-lease", "from 1s to 10m"], 2),
    ("serve --listen 127.0.0.1:0 --mail-url smtp://u:c4n4ry@m", &["--mail-url", "MAIL_FROM"], 1),
    ("serve --listen 127.0.0.1:0 --mail-url c4n4ry --mail-from a@b.example", &["MAIL_URL", "smtp://"], 1),
    ("serve --listen 127.0.0.1:0 --mail-url smtp://u:c4n4ry@m --mail-from nobody", &["MAIL_FROM"], 1),
    (
        "serve --listen 127.0.0.1:0 --mail-url smtp://m --mail-from a@example.org --mail-reply-to us",
        &["MAIL_REPLY_TO"],
        1,
    ),
    (
        "serve --listen 0.0.0.0:0 --mail-url smtp://u:c4n4ry@m --mail-from a@b.example",
        &["--mail-url", "BASE_URL"],
        1,
    ),
    (
        "serve --listen 127.0.0.1:0 --webhook-url https://h/c4n4ry",
        &["--webhook-url", "SERVELINK_WEBHOOK_SECRETS"],
        1,
    ),
    (
        "serve --listen 127.0.0.1:0 --webhook-url https://h/ --webhook-secrets c4n4ry",
        &["SERVELINK_WEBHOOK_SECRETS", "24"],
        1,
    ),
    (
        "serve --listen 127.0.0.1:0 --webhook-url http://h/c4n4ry --webhook-secrets a-long-secret-of-24-c4n4ry",
        &["SERVELINK_WEBHOOK_URL", "https://", "SERVELINK_WEBHOOK_ALLOW_PRIVATE"],
        1,
    ),
    (
        "serve --listen 127.0.0.1:0 --webhook-url https://10.0.0.7/c4n4ry --webhook-secrets a-long-secret-of-24-c4n4ry",
        &["SERVELINK_WEBHOOK_URL", "private", "SERVELINK_WEBHOOK_ALLOW_PRIVATE"],
        1,
    ),
    ("jobs run", &["<NAME>"], 2),
    ("serve --listen 127.0.0.1:0 --jwks-url nonsense", &["--jwks-url"], 1),
    ("serve --listen 127.0.0.1:0 --plans missing.toml", &["plans", "missing.toml", "No such file"], 1),
    ("serve --listen 127.0.0.1:0 --plans broken.toml", &["plans", "broken.toml", "display_name"], 1),
    ("serve --secret-key short", &["--secret-key", "SECRET_KEY", "at least 16"], 2),
    ("token --user 1 --secret-key short", &["--secret-key", "SECRET_KEY", "at least 16"], 2),
    ("token --user me", &["'me'", "--user"], 2),
    ("token --user 1 --ttl soon", &["'soon'", "--ttl"], 2),
    ("key create --scope everything", &["'everything'", "--scope", "usage:write"], 2),
    ("key create --name x", &["--scope"], 2),
    ("key create --scope usage:write --expires soon", &["'soon'", "--expires", "90d"], 2),
    ("key create --scope usage:write --expires 300000years", &["--expires", "too far"], 1),
    ("keys", &["'keys'", "--help"], 2),
    ("sandbox --scheme md5", &["'md5'", "--scheme", "standard, legacy, none"], 2),
    ("sandbox --listen 192.0.2.1:80", &["192.0.2.1:80", "--listen", "SANDBOX_LISTEN"], 1),
    ("sandbox --listen 127.0.0.1:0 --public-url nonsense", &["public URL", "http or https"], 1),
    ("sandbox --listen 127.0.0.1:0 --secret whsec_c4n4ry!", &["secret", "base64"], 1),
];

#[tokio::test]
async fn a_wrong_value_is_named_at_once() {
    let home = Home::embedded();
    fs::write(home.folder.path().join("broken.toml"), "[free]\n").unwrap();
    for (args, words, code) in WRONG {
        let done = home.run(args).await;
        assert_eq!((done.code, done.out.as_str()), (Some(code), ""), "servelink {args}: {done:?}");
        for word in words {
            assert!(
                done.err.starts_with("error: ") && done.err.contains(word),
                "{args} does not say {word}: {done:?}"
            );
        }
        assert!(!done.err.contains("panicked") && !done.err.contains("c4n4ry"), "{done:?}");
    }
}

#[tokio::test]
async fn a_wrong_value_in_the_environment_is_named_too() {
    for (name, value, words) in [
        ("SERVELINK_LISTEN", "nonsense", "'nonsense' --listen"),
        ("SERVELINK_ROLES", "all", "'all' --roles"),
        ("SERVELINK_TRAEFIK_INTERVAL", "often", "'often' --traefik-interval"),
        ("SERVELINK_JOB_LEASE", "0s", "'0s' --job-lease"),
        ("DATABASE_URL", "", "DATABASE_URL postgres://"),
        ("SECRET_KEY", "", "SECRET_KEY 16"),
        ("RUST_LOG", "a=b=c", "RUST_LOG"),
    ] {
        let home = Home::embedded().with(name, value);
        let done = home.run("").await;
        assert!(matches!(done.code, Some(1 | 2)), "{name}={value}: {done:?}");
        assert!(words.split(' ').all(|word| done.err.contains(word)), "{name}={value}: {done:?}");
    }
}

#[tokio::test]
async fn a_setting_is_a_flag_a_variable_or_a_line_in_a_file() {
    let home = Home::embedded();
    let folder = home.folder.path();
    let made = |name: &str| folder.join(name).join("log.db").exists();
    let list = |args: &'static str| {
        let mut command = bare(folder);
        command.args(args.split_whitespace());
        command
    };

    // Without any of them, the default.
    assert_eq!(finish(list("key list")).await.code, Some(0));
    assert!(made("data"));

    // A variable goes before the file, and a flag before both.
    fs::write(folder.join(".env"), "# where it all is\nSERVELINK_DATA_DIR=from-file\n").unwrap();
    assert_eq!(finish(list("key list")).await.code, Some(0));
    assert!(made("from-file") && !made("from-variable"));
    let mut command = list("key list");
    command.env("SERVELINK_DATA_DIR", "from-variable");
    assert_eq!(finish(command).await.code, Some(0));
    assert!(made("from-variable") && !made("from-flag"));
    for args in ["key list --data-dir from-flag", "--data-dir also-from-flag key list"] {
        let mut command = list(args);
        command.env("SERVELINK_DATA_DIR", "from-variable");
        assert_eq!(finish(command).await.code, Some(0));
    }
    assert!(made("from-flag") && made("also-from-flag"));

    fs::write(folder.join(".env"), "SERVELINK_DATA_DIR='from\n").unwrap();
    let broken = finish(list("key list")).await;
    assert!(broken.code == Some(2) && broken.err.contains(".env"), "{broken:?}");
}

#[tokio::test]
async fn without_a_command_it_serves() {
    let home = Home::embedded();
    let secret = "a secret in a file, for both";
    let file =
        format!("SERVELINK_LISTEN=127.0.0.1:0\nSECRET_KEY='{secret}'\nSERVELINK_ROLES=api,projections\n");
    fs::write(home.folder.path().join(".env"), file).unwrap();
    let server = Servelink::start(&home, "").await;
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
    let key = home.key(&["directory:write", "usage:write"]).await;
    let user = Client::new(&server, &key, &home.token(1).await);
    let up_to = user.register(&[1]).await;
    // The token was signed, and is checked, with what is in the file.
    user.get(&format!("/api/usage/teams/team-one?min_position={up_to}")).await.ok();
    assert!(!home.data().join("secret.key").exists());
    assert_eq!(server.terminate().await.code(), Some(0));
}
