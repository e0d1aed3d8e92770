//! `servelink sandbox`: a payment backend to try payments with.

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::common::{Home, PATIENCE, Servelink};

type Callbacks = mpsc::Receiver<(HeaderMap, Bytes)>;

/// Servelink's part: where callbacks go, and those that came.
async fn receiver() -> (String, Callbacks) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, callbacks) = mpsc::channel(16);
    let receive =
        move |headers: HeaderMap, body: Bytes| async move { sender.send((headers, body)).await.unwrap() };
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/", post(receive))).await.unwrap() },
    );
    (url, callbacks)
}

async fn next(callbacks: &mut Callbacks) -> (HeaderMap, Bytes) {
    timeout(PATIENCE, callbacks.recv()).await.expect("no callback comes").unwrap()
}

/// Starts it, up to the line that says where it listens.
async fn sandbox(home: &Home, args: &str) -> Servelink {
    let mut sandbox = Servelink::start_silent(home, &format!("sandbox --listen 127.0.0.1:0 {args}"));
    let line = sandbox.says(home, "servelink sandbox is listening on http://").await;
    sandbox.url = line.rsplit(' ').next().unwrap().to_owned();
    sandbox
}

/// Orders this many euros.
async fn order(sandbox: &Servelink, key: &str, euros: f64, callback_url: &str) -> reqwest::Response {
    let order = json!({ "payment_id": "ours", "amount": euros, "currency": "EUR", "payment_method": "credit_card",
        "metadata": {}, "callback_url": callback_url });
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let request = http.post(format!("{}/api/v1/payments/initiate", sandbox.url));
    request.bearer_auth(key).json(&order).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_makes_its_secrets_and_says_what_servelink_needs() {
    let home = Home::embedded().with("RUST_LOG", "trace").with("PAYMENT_API_KEY", "");
    let mut sandbox = sandbox(&home, "--settle-after 10ms").await;
    let mut copied = Vec::new();
    for name in ["PAYMENT_BACKEND_URL", "PAYMENT_API_KEY", "PAYMENT_WEBHOOK_SECRETS"] {
        let line = sandbox.says(&home, "export ").await;
        copied.push(line.trim_start().strip_prefix(&format!("export {name}=")).unwrap().to_owned());
    }
    let secret = copied[2].strip_prefix("sandbox:").unwrap();
    assert_eq!(copied[0], sandbox.url);
    assert!(copied[1].len() >= 32 && secret.len() >= 32 && secret != copied[1]);

    let (url, mut callbacks) = receiver().await;
    assert_eq!(order(&sandbox, "another", 3.0, &url).await.status(), 401);
    assert_eq!(order(&sandbox, &copied[1], 3.0, &url).await.status(), 201);
    let webhook = Webhook::from_bytes(secret.as_bytes().to_vec()).unwrap();
    for status in ["processing", "completed"] {
        let (headers, body) = next(&mut callbacks).await;
        webhook.verify(&body, &headers).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["status"], status);
    }
    assert_eq!(sandbox.terminate().await.code(), Some(0));
    let log = home.log();
    assert!(log.contains("told to stop"), "this test is blind:\n{log}");
    assert!(!log.contains(&copied[1]) && !log.contains(secret), "a secret is in the log:\n{log}");
    assert!(!home.data().exists(), "it keeps nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_was_given_is_used_and_not_repeated() {
    let home = Home::embedded()
        .with("PAYMENT_API_KEY", "c4n4ry-one, c4n4ry-two")
        .with("SANDBOX_WEBHOOK_SECRET", "c4n4ry-secret")
        .with("DATABASE_URL", "postgres://c4n4ry@127.0.0.1:1/is-of-no-concern");
    let (url, mut callbacks) = receiver().await;
    let legacy = sandbox(&home, "--scheme legacy --old-backend --public-url https://pay.example").await;
    for key in ["c4n4ry-one", "c4n4ry-two"] {
        let answer: Value = order(&legacy, key, 0.02, &url).await.json().await.unwrap();
        assert!(answer["payment_url"].as_str().unwrap().starts_with("https://pay.example/pay/"), "{answer}");
        let (headers, body) = next(&mut callbacks).await;
        assert!(headers["x-payment-signature"].to_str().unwrap().starts_with("sha256="));
        assert!(serde_json::from_slice::<Value>(&body).unwrap().get("payment_id").is_none());
    }
    let unsigned = sandbox(&home, "--scheme none").await;
    order(&unsigned, "c4n4ry-one", 0.02, &url).await;
    let (headers, _) = next(&mut callbacks).await;
    assert!(!headers.contains_key("x-payment-signature") && !headers.contains_key("webhook-signature"));
    assert!(!home.log().contains("c4n4ry"), "{}", home.log());
    assert_eq!(said(&home, "sandbox --listen 127.0.0.1:0").await.lines().count(), 1, "where it listens");
    let one_is_new = said(&home, "sandbox --listen 127.0.0.1:0 --secret=").await;
    assert!(one_is_new.contains("PAYMENT_WEBHOOK_SECRETS=sandbox:"), "{one_is_new}");
    assert!(!one_is_new.contains("PAYMENT_API_KEY") && !one_is_new.contains("c4n4ry"), "{one_is_new}");
}

/// All that it prints until it is told to stop, which it is as soon as it listens.
async fn said(home: &Home, args: &str) -> String {
    let mut child = home.command(args).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    timeout(PATIENCE, out.read_line(&mut said)).await.expect("it says nothing").unwrap();
    let kill = format!("kill -TERM {}", child.id().unwrap());
    assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    timeout(PATIENCE, out.read_to_string(&mut said)).await.expect("it does not end").unwrap();
    assert!(child.wait().await.unwrap().success());
    said
}
