//! Servers that are killed and stores that go away: what was acknowledged counts, and nothing counts twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandbox::{SandboxConfig, Signing};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::common::{Home, PATIENCE, eventually};
use crate::shop::{SECRET, Shop, standard, told};

/// A server that answers and shows, and does nothing by itself.
pub(crate) const NO_WORKERS: &str = "--roles api,projections";

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_backend_is_asked() {
    let mut shop = Shop::open().await;
    shop.behave(json!({ "initiate": { "answer": "hang", "times": 1 } }));
    let asked = tokio::spawn({
        let (client, order) = (shop.client.clone(), shop.order().header("Idempotency-Key", "once"));
        async move { client.try_send(order).await.is_err() }
    });
    eventually("the backend to be asked", || async {
        if shop.sandbox.payments().is_empty() { Err("not yet".into()) } else { Ok(()) }
    })
    .await;
    shop.kill().await;
    assert!(asked.await.unwrap(), "nobody answered");
    shop.restart("").await;
    // Another process might still be asking: after half a minute none is.
    let payment = shop.client.send(shop.order().header("Idempotency-Key", "once")).await;
    assert_eq!(payment.status, 202, "{payment:?}");
    let payment = payment.json();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let found = loop {
        let again = shop.client.send(shop.order().header("Idempotency-Key", "once")).await;
        assert_eq!(again.json()["payment_id"], payment["payment_id"]);
        if again.status == 201 && again.json()["payment_url"].is_string() {
            break again.json();
        }
        assert!(tokio::time::Instant::now() < deadline, "{again:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    shop.press(&found, "pay").await;
    shop.becomes(&found, "completed").await;
    shop.lifted().await;
    assert_eq!((shop.sandbox.payments().len(), shop.history().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_answer() {
    let mut shop = Shop::open().await;
    let payment = shop.client.send(shop.order().header("Idempotency-Key", "once")).await.ok();
    shop.kill().await;
    // Paid while nobody listens: the backend calls again, or is asked.
    shop.press(&payment, "pay").await;
    shop.restart("").await;
    shop.becomes(&payment, "completed").await;
    shop.lifted().await;
    let again = shop.client.send(shop.order().header("Idempotency-Key", "once")).await;
    assert_eq!(again.json()["payment_id"], payment["payment_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_money_and_the_plan_on_the_embedded_store() {
    killed_between_the_money_and_the_plan(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_money_and_the_plan_on_postgres() {
    killed_between_the_money_and_the_plan(Home::postgres().await).await;
}

async fn killed_between_the_money_and_the_plan(home: Home) {
    let mut shop = Shop::open_with(standard(), home, NO_WORKERS).await;
    let payment = shop.begun().await;
    let acknowledged = shop.client.send(shop.signed("paid", &told(&payment, "completed"))).await;
    assert_eq!(acknowledged.status, 200);
    shop.kill().await;
    shop.restart(NO_WORKERS).await;
    shop.becomes(&payment, "completed").await;
    assert_eq!(shop.subscription().await["plan"], "free", "nobody has settled it");
    shop.kill().await;
    shop.restart("").await;
    let lifted = shop.lifted().await;
    for _ in 0..3 {
        shop.kill().await;
        shop.restart("").await;
        let again = shop.client.send(shop.signed("paid", &told(&payment, "completed"))).await;
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(shop.subscription().await["period_end"], lifted["period_end"], "it counts once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_a_doubtful_callback_and_its_poll() {
    let legacy = SandboxConfig { signing: Signing::Legacy { secret: SECRET.into() }, ..standard() };
    let mut shop = Shop::open_with(legacy, Home::embedded(), "").await;
    let payment = shop.begun().await;
    shop.behave(json!({ "status": { "answer": { "status": 500 } } }));
    shop.press(&payment, "pay").await;
    eventually("the callbacks to be taken", || async {
        let taken = shop.sandbox.payments()[0].callbacks.iter().filter(|callback| callback.taken).count();
        if taken == 2 { Ok(()) } else { Err(format!("{taken} are")) }
    })
    .await;
    assert_ne!(shop.status(&payment).await["status"], "completed", "nobody has confirmed it");
    shop.kill().await;
    shop.behave(json!({}));
    shop.restart("").await;
    // Nobody calls again, and nobody looks: it is asked for.
    shop.lifted().await;
    assert_eq!(shop.status(&payment).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_a_cancellation_on_its_way() {
    let mut shop = Shop::open().await;
    let payment = shop.begun().await;
    shop.behave(json!({ "cancel": { "answer": "hang", "delay_ms": 60_000 } }));
    let path = format!("/api/payments/{}/cancel", payment["payment_id"].as_str().unwrap());
    let head = shop.client.head().await;
    let cancel = tokio::spawn({
        let (client, request) = (shop.client.clone(), shop.client.as_user(reqwest::Method::POST, &path));
        async move { client.try_send(request).await.is_err() }
    });
    eventually("the wish to be recorded", || async {
        if shop.client.head().await > head { Ok(()) } else { Err("not yet".into()) }
    })
    .await;
    shop.kill().await;
    assert!(cancel.await.unwrap());
    shop.behave(json!({}));
    shop.restart("").await;
    shop.becomes(&payment, "cancelled").await;
}

/// The team is on Pro for so many months, from its first day on it.
pub(crate) async fn month_is(shop: &Shop, months: u32) {
    eventually(&format!("{months} months"), || async {
        let now = shop.subscription().await;
        let instant =
            |field: &str| now[field].as_str().map(|at| at.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
        let expected =
            instant("since").and_then(|since| since.checked_add_months(chrono::Months::new(months)));
        if expected.is_some() && instant("period_end") == expected { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_on_the_embedded_store() {
    killed_at_any_moment(Home::embedded(), 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_on_postgres() {
    killed_at_any_moment(Home::postgres().await, 6).await;
}

/// The server is killed at any moment of a payment's way, again and again. Every payment that was captured is a month.
async fn killed_at_any_moment(home: Home, rounds: u32) {
    let mut shop = Shop::open_with(standard(), home, "").await;
    for round in 0..rounds {
        let order = shop.order().header("Idempotency-Key", format!("round-{round}"));
        let answer = shop.client.send(order).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        let payment = answer.json();
        shop.press(&payment, "pay").await;
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 7)).await;
        shop.kill().await;
        shop.restart("").await;
        shop.becomes(&payment, "completed").await;
        // The next one is for the month after.
        month_is(&shop, round + 1).await;
    }
    assert_eq!(shop.sandbox.payments().len(), shop.history().await.len());
}

/// A way to the database that can be closed.
struct Gate {
    open: Arc<AtomicBool>,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
}

impl Gate {
    /// A gate before this address, and the port that it is at.
    async fn before(target: String) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Self { open: Arc::new(AtomicBool::new(true)), connections: Arc::default() };
        let (open, connections) = (Arc::clone(&gate.open), Arc::clone(&gate.connections));
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                if open.load(Ordering::SeqCst) {
                    let target = target.clone();
                    connections.lock().await.spawn(async move {
                        let mut inside = TcpStream::connect(target).await.unwrap();
                        let _ = copy_bidirectional(&mut outside, &mut inside).await;
                    });
                }
            }
        });
        (gate, port)
    }

    async fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.connections.lock().await.abort_all();
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_while_the_store_is_away_is_told_to_come_again() {
    let mut home = Home::postgres().await;
    let database = home.database.as_mut().unwrap();
    let (before, rest) = database.url.rsplit_once('@').unwrap();
    let (target, name) = rest.split_once('/').unwrap();
    let (gate, port) = Gate::before(target.to_owned()).await;
    database.url = format!("{before}@127.0.0.1:{port}/{name}");
    let shop = Shop::open_with(standard(), home, "").await;
    let payment = shop.begun().await;
    gate.close().await;
    let body = told(&payment, "completed");
    let away = shop.client.send(shop.signed("paid", &body)).await;
    assert_eq!(away.status, 503, "{away:?}");
    assert!(away.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{away:?}");
    gate.open();
    eventually("the callback to be taken", || async {
        let answer = shop.client.send(shop.signed("paid", &body)).await;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
    shop.becomes(&payment, "completed").await;
    shop.lifted().await;
}
