//! A server, its payment backend and its users.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};
use ring::hmac;
use sandbox::{Behaviour, Sandbox, SandboxConfig, Signing};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::common::client::start;
use crate::common::{Answer, Client, Home, Servelink, eventually, use_ring};

/// What no log may hold.
const API_KEY: &str = "canary-api-key-5f1c9e";
pub(crate) const SECRET: &str = "canary-webhook-secret-77aa01";
pub(crate) const CANARIES: [&str; 4] = [API_KEY, SECRET, sandbox::PHONE_NUMBER, CARD];
/// A number that a card could have.
pub(crate) const CARD: &str = "4111111111111111";

/// A server with a payment backend, and user 1, who owns `team-one`.
pub(crate) struct Shop {
    pub(crate) sandbox: Sandbox,
    pub(crate) home: Home,
    /// None while it is down.
    pub(crate) server: Option<Servelink>,
    pub(crate) client: Client,
}

/// A sandbox that signs by Standard Webhooks and settles nothing by itself.
pub(crate) fn standard() -> SandboxConfig {
    SandboxConfig {
        api_keys: vec![API_KEY.into()],
        signing: Signing::Standard { secret: SECRET.into() },
        settle_after: std::time::Duration::from_secs(3_600),
        callback_retries: vec![std::time::Duration::from_millis(200); 100],
        ..SandboxConfig::default()
    }
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::open_with(standard(), Home::embedded(), "").await
    }

    pub(crate) async fn open_with(config: SandboxConfig, home: Home, args: &str) -> Self {
        use_ring();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = Sandbox::start(listener, config).unwrap();
        let home = home
            .with("PAYMENT_BACKEND_URL", sandbox.url())
            .with("PAYMENT_API_KEY", API_KEY)
            .with("PAYMENT_WEBHOOK_SECRETS", &format!("now:{SECRET}"))
            .with("RUST_LOG", "trace");
        let (server, client) = start(&home, args).await;
        let shop = Self { sandbox, home, server: Some(server), client };
        let registered = shop.client.register(&[]).await;
        shop.seen(registered).await;
        shop
    }

    /// The same shop, its server started anew with these settings.
    pub(crate) async fn with(mut self, env: &[(&str, &str)]) -> Self {
        assert!(self.server.take().unwrap().terminate().await.success());
        env.iter().for_each(|(name, value)| self.home.set(name, value));
        self.restart("").await;
        self
    }

    /// Ends the server in the middle of whatever it does.
    pub(crate) async fn kill(&mut self) {
        self.server.take().unwrap().kill().await;
    }

    /// Starts it again, at the address that callbacks go to.
    pub(crate) async fn restart(&mut self, args: &str) {
        let port = self.client.port().to_owned();
        self.server =
            Some(Servelink::start(&self.home, &format!("serve --listen 127.0.0.1:{port} {args}")).await);
    }

    /// A team of user 2's: where it begins a payment, and user 2.
    pub(crate) async fn another_team(&self) -> (String, Client) {
        let id = crate::common::team(2);
        let team = json!({ "name": "Team Two", "slug": "team-two" });
        self.client.put(&format!("/api/teams/{id}"), &team).await;
        let owner = json!({ "role": "owner" });
        let last = self.client.put(&format!("/api/teams/{id}/members/2"), &owner).await;
        let other = self.client.with_token(self.home.token(2).await);
        let position = crate::common::client::position(&last);
        other.get(&format!("/api/usage/teams/team-two?min_position={position}")).await.ok();
        ("/api/payments/team-two/initiate".into(), other)
    }

    /// Waits until reads see this position.
    pub(crate) async fn seen(&self, position: u64) {
        self.client.get(&format!("/api/usage/teams/team-one?min_position={position}")).await.ok();
    }

    pub(crate) fn behave(&self, behaviour: Value) {
        self.sandbox.behave(serde_json::from_value::<Behaviour>(behaviour).unwrap());
    }

    /// User 1 asks for Pro, paid by mobile money in francs.
    pub(crate) fn order(&self) -> RequestBuilder {
        let body = json!({
            "payment_method": "mobile_money", "plan_upgrade": true, "new_plan": "pro", "currency": "XOF",
        });
        self.client.as_user(Method::POST, "/api/payments/team-one/initiate").json(&body)
    }

    pub(crate) async fn initiate(&self) -> Answer {
        self.client.send(self.order()).await
    }

    /// A payment that waits for its payer.
    pub(crate) async fn begun(&self) -> Value {
        let answer = self.initiate().await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// Presses a button of the hosted page: `pay`, `fail`, `cancel`.
    pub(crate) async fn press(&self, payment: &Value, button: &str) {
        press(payment, button).await;
    }

    pub(crate) async fn status(&self, payment: &Value) -> Value {
        let id = payment["payment_id"].as_str().unwrap();
        self.client.get(&format!("/api/payments/{id}/status")).await.ok()
    }

    /// Waits until the payment has this status.
    pub(crate) async fn becomes(&self, payment: &Value, status: &str) -> Value {
        eventually(&format!("the payment to be {status}"), || async {
            let now = self.status(payment).await;
            if now["status"] == status { Ok(now) } else { Err(now.to_string()) }
        })
        .await
    }

    pub(crate) async fn subscription(&self) -> Value {
        self.client.get("/api/teams/team-one/subscription").await.ok()
    }

    /// Waits until the team is on Pro.
    pub(crate) async fn lifted(&self) -> Value {
        eventually("the team to be on Pro", || async {
            let now = self.subscription().await;
            if now["plan"] == "pay_as_you_go" { Ok(now) } else { Err(now.to_string()) }
        })
        .await
    }

    pub(crate) async fn history(&self) -> Vec<Value> {
        let history = self.client.get("/api/payments/team-one/history").await.ok();
        history["payments"].as_array().unwrap().clone()
    }

    /// A callback with this body, signed now by Standard Webhooks.
    pub(crate) fn signed(&self, id: &str, body: &str) -> RequestBuilder {
        self.signed_by(SECRET, id, 0, body)
    }

    /// The same with this secret, so many seconds from now.
    pub(crate) fn signed_by(&self, secret: &str, id: &str, seconds: i64, body: &str) -> RequestBuilder {
        let timestamp = (chrono::Utc::now().timestamp() + seconds).to_string();
        let signature = signature(secret, id, &timestamp, body);
        self.unsigned(body)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
    }

    /// A callback that nobody signed.
    pub(crate) fn unsigned(&self, body: &str) -> RequestBuilder {
        self.client
            .anonymous(Method::POST, "/api/payments/callback")
            .header("content-type", "application/json")
            .body(body.to_owned())
    }
}

/// Presses a button of a payment's page, whatever has become of the server.
pub(crate) async fn press(payment: &Value, button: &str) {
    let page = payment["payment_url"].as_str().unwrap();
    let pressed = reqwest::Client::new().post(format!("{page}/{button}")).send().await.unwrap();
    assert!(pressed.status().is_success(), "{pressed:?}");
}

pub(crate) fn signature(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes())))
}

/// What a backend tells of a payment.
pub(crate) fn told(payment: &Value, status: &str) -> String {
    json!({ "external_payment_id": payment["external_payment_id"], "status": status }).to_string()
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.home.log();
        assert!(log.contains("DEBUG"), "it logs all it can");
        for canary in CANARIES.into_iter().chain([self.client.token.as_str(), self.client.key.as_str()]) {
            let line = log.lines().find(|line| line.contains(canary));
            assert!(line.is_none(), "a log line holds {canary}: {line:?}");
        }
    }
}
