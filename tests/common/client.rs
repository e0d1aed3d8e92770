//! The HTTP interface, asked by the PaaS (with a service key) and by a user (with a token).

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::home::{Home, text};
use super::{PATIENCE, Servelink, project, team, use_ring};

/// Someone who asks a server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    pub(crate) key: String,
    pub(crate) token: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// In seconds.
    pub(crate) retry_after: Option<u32>,
    pub(crate) text: String,
}

impl Answer {
    /// The body, when the status is 2xx.
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Client {
    /// Asks this server with these credentials.
    pub(crate) fn new(server: &Servelink, key: &str, token: &str) -> Self {
        use_ring();
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { http, url: server.url.clone(), key: key.into(), token: token.into() }
    }

    /// The same, as another user.
    pub(crate) fn with_token(&self, token: String) -> Self {
        Self { token, ..self.clone() }
    }

    /// The same credentials, at another server.
    pub(crate) fn at(&self, server: &Servelink) -> Self {
        Self { url: server.url.clone(), ..self.clone() }
    }

    /// The same server, with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    /// A request with the service key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    /// A request with the user's token.
    pub(crate) fn as_user(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    /// A request that says nothing of who asks.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// The port of its server.
    pub(crate) fn port(&self) -> &str {
        self.url.rsplit_once(':').unwrap().1
    }

    /// Sends it. An error when no whole answer came.
    pub(crate) async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let content_type =
            response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.map(|value| value.to_str().unwrap().parse().unwrap());
        let content_type = content_type.unwrap_or_default();
        Ok(Answer { status, content_type, retry_after, text: response.text().await? })
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// As the PaaS.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Value {
        self.send(self.request(Method::PUT, path).json(body)).await.ok()
    }

    /// As the PaaS.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// As the user.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.as_user(Method::GET, path)).await
    }

    /// Where the event log ends.
    pub(crate) async fn head(&self) -> u64 {
        self.get("/readyz").await.json()["log"]["position"].as_u64().unwrap()
    }

    /// One team of user 1's, with these projects; the position from which on reads see it.
    pub(crate) async fn register(&self, projects: &[u8]) -> u64 {
        let team = team(1);
        self.put(&format!("/api/teams/{team}"), &json!({ "name": "Team One", "slug": "team-one" })).await;
        let owner = json!({ "role": "owner" });
        let mut last = self.put(&format!("/api/teams/{team}/members/1"), &owner).await;
        for byte in projects {
            let body = json!({ "team_id": team, "name": format!("project {byte}") });
            last = self.put(&format!("/api/projects/{}", project(*byte)), &body).await;
        }
        position(&last)
    }

    /// What this project used in a month, up to now: ingress, egress and requests.
    pub(crate) async fn used(&self, project: &str, month: &str) -> [u64; 3] {
        let path = format!("/api/usage/projects/{project}?month={month}&min_position={}", self.head().await);
        let usage = self.get(&path).await.ok();
        ["ingress_bytes", "egress_bytes", "requests"].map(|field| usage[field].as_u64().unwrap())
    }
}

/// A batch of one source.
pub(crate) fn batch(id: &str, samples: &[Value]) -> Value {
    json!({ "batch_id": id, "source": "tests", "samples": samples })
}

/// A sample of a project.
pub(crate) fn sample(byte: u8, at: &str, [ingress, egress, requests]: [u64; 3]) -> Value {
    json!({ "project_id": project(byte), "at": at, "ingress_bytes": ingress, "egress_bytes": egress, "requests": requests })
}

/// A server here, and someone with a key for everything and user 1's token who asks it.
pub(crate) async fn start(home: &Home, args: &str) -> (Servelink, Client) {
    let key = home.key(&["usage:write", "directory:write"]).await;
    let token = home.token(1).await;
    let server = home.serve(args).await;
    let client = Client::new(&server, &key, &token);
    (server, client)
}

/// The position that a command was recorded at.
pub(crate) fn position(answer: &Value) -> u64 {
    answer["position"].as_u64().unwrap_or_else(|| panic!("{answer} has no position"))
}
