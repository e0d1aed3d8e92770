//! A sandbox, a customer who asks it, and a receiver of its callbacks.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use servelink_sandbox::{Behaviour, CallbackView, PaymentView, Sandbox, SandboxConfig, Signing};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::receiver::Receiver;

/// The longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const KEY: &str = "key-one";
pub(crate) const SECRET: &str = "a secret of many characters";

pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) receiver: Receiver,
    pub(crate) http: Client,
}

/// Settles at once, and tries again at once.
pub(crate) fn quick() -> SandboxConfig {
    SandboxConfig {
        api_keys: vec![KEY.into(), "key-two".into()],
        signing: Signing::Standard { secret: SECRET.into() },
        settle_after: Duration::from_millis(20),
        callback_retries: vec![Duration::from_millis(5); 5],
        ..SandboxConfig::default()
    }
}

/// Settles after the test is over.
pub(crate) fn patient() -> SandboxConfig {
    SandboxConfig { settle_after: Duration::from_secs(300), ..quick() }
}

impl Rig {
    pub(crate) async fn start(config: SandboxConfig) -> Self {
        Self::with(config, &[]).await
    }

    /// The receiver answers with these statuses first.
    pub(crate) async fn with(config: SandboxConfig, answers: &[u16]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = Sandbox::start(listener, config).unwrap();
        let http = Client::builder().no_proxy().redirect(Policy::none()).timeout(PATIENCE).build().unwrap();
        Self { sandbox, receiver: Receiver::start(answers).await, http }
    }

    /// Misbehaves as this JSON says.
    pub(crate) fn behave(&self, behaviour: Value) {
        self.sandbox.behave(serde_json::from_value::<Behaviour>(behaviour).unwrap());
    }

    /// A request without a key.
    pub(crate) fn open(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sandbox.url()))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.open(Method::GET, path).bearer_auth(KEY)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.open(Method::POST, path).bearer_auth(KEY)
    }

    /// An order in the contract's form, with this text as its amount.
    pub(crate) fn order(&self, amount: &str, currency: &str) -> String {
        let order = json!({
            "payment_id": "0199-ours",
            "currency": currency,
            "payment_method": "mobile_money",
            "metadata": { "description": "One month", "team_id": "a1", "team_name": "Atelier Baobab", "user_id": 1,
                "user_email": "awa@example.sn", "plan_upgrade": true, "new_plan": "pay_as_you_go" },
            "callback_url": self.receiver.url,
            "reference": "what is not in the contract is ignored",
        });
        // By hand: JSON values of this test's own would be floats.
        order.to_string().replacen('{', &format!("{{\"amount\":{amount},"), 1)
    }

    pub(crate) fn initiate(&self, amount: &str, currency: &str) -> RequestBuilder {
        self.post("/api/v1/payments/initiate").body(self.order(amount, currency))
    }

    /// Orders it; the external id.
    pub(crate) async fn ordered(&self, amount: &str, currency: &str) -> String {
        let answer = self.initiate(amount, currency).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        id(&json_of(answer).await)
    }

    pub(crate) fn status(&self, id: &str) -> RequestBuilder {
        self.get(&format!("/api/v1/payments/{id}/status"))
    }

    /// What the status endpoint tells.
    pub(crate) async fn told(&self, id: &str) -> Value {
        let answer = self.status(id).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        json_of(answer).await
    }

    pub(crate) fn cancel(&self, id: &str) -> RequestBuilder {
        self.post(&format!("/api/v1/payments/{id}/cancel"))
    }

    /// Presses a button of the page.
    pub(crate) async fn press(&self, id: &str, button: &str) -> Response {
        self.open(Method::POST, &format!("/pay/{id}/{button}")).send().await.unwrap()
    }

    /// The only payment's callbacks, when they are like this.
    pub(crate) async fn callbacks(&self, like: impl Fn(&[CallbackView]) -> bool) -> Vec<CallbackView> {
        self.payment(|payment| like(&payment.callbacks)).await.callbacks
    }

    /// The only payment, when it is like this.
    pub(crate) async fn payment(&self, like: impl Fn(&PaymentView) -> bool) -> PaymentView {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let payments = self.sandbox.payments();
            assert_eq!(payments.len(), 1);
            if like(&payments[0]) {
                return payments[0].clone();
            }
            assert!(Instant::now() < deadline, "{payments:?}");
            sleep(Duration::from_millis(2)).await;
        }
    }
}

pub(crate) async fn json_of(answer: Response) -> Value {
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.unwrap()
}

pub(crate) fn id(answer: &Value) -> String {
    answer["external_payment_id"].as_str().unwrap().to_owned()
}
