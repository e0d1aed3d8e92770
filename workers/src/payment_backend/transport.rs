//! One request and its answer: which key it shows, how long it may take, how long it may be. What either means is not
//! known here.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use tokio::time::Instant;

use super::config::BackendLimits;
use crate::trouble::in_one_line;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const USER_AGENT: &str = concat!("servelink/", env!("CARGO_PKG_VERSION"));

/// What is sent. Every try of a call sends the same.
pub(super) struct Request {
    method: Method,
    url: Url,
    idempotency_key: Option<String>,
    body: Option<String>,
}

impl Request {
    pub(super) const fn get(url: Url) -> Self {
        Self { method: Method::GET, url, idempotency_key: None, body: None }
    }

    pub(super) const fn post(url: Url, idempotency_key: String, body: Option<String>) -> Self {
        Self { method: Method::POST, url, idempotency_key: Some(idempotency_key), body }
    }
}

/// What comes back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// In seconds; the form with a date is not read, since it needs two clocks that agree.
    pub(super) retry_after: Option<Duration>,
    /// Of a 2xx only.
    pub(super) body: Vec<u8>,
}

/// Why nothing came back: a line each, without address, key or content.
#[derive(Debug)]
pub(super) enum Broken {
    /// Nothing was sent.
    NotConnected(String),
    /// It may have been sent; no answer, or half of one, came in time.
    Lost(String),
    /// The answer is over the limit.
    TooLong(String),
}

/// Sends requests to the backend.
pub(super) struct Transport {
    client: Client,
    /// Never empty.
    keys: Vec<HeaderValue>,
    /// The place of the key that worked last.
    good: AtomicUsize,
    limits: BackendLimits,
}

impl Transport {
    /// `plain`: to an `http` address.
    pub(super) fn new(
        keys: Vec<HeaderValue>,
        plain: bool,
        limits: &BackendLimits,
    ) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(limits.connect)
            // A payment must not be asked of whoever an answer points to.
            .redirect(redirect::Policy::none())
            // Else HTTP_PROXY and its like in the environment would decide who sees the key.
            .no_proxy()
            // One HTTP/2 connection that has died unnoticed would fail every call until somebody notices.
            .http1_only()
            .no_gzip();
        if plain {
            // Nothing to verify: do without certificates, which a small container may not have.
            client = client.tls_certs_only([]);
        }
        Ok(Self { client: client.build()?, keys, good: AtomicUsize::new(0), limits: *limits })
    }

    /// Sends it once: once per key while the backend answers 401, all within `limit`.
    pub(super) async fn send(&self, request: &Request, limit: Duration) -> Result<Answer, Broken> {
        let until = Instant::now() + limit;
        let first = self.good.load(Ordering::Relaxed);
        let mut place = first;
        let mut response = self.send_with(&self.keys[place], request, until, limit).await?;
        for step in 1..self.keys.len() {
            if response.status() != StatusCode::UNAUTHORIZED {
                break;
            }
            place = (first + step) % self.keys.len();
            response = self.send_with(&self.keys[place], request, until, limit).await?;
        }
        if place != first && response.status().is_success() {
            tracing::info!("the payment backend takes the other key of PAYMENT_API_KEY");
            self.good.store(place, Ordering::Relaxed);
        }
        self.read(response, limit).await
    }

    async fn send_with(
        &self,
        key: &HeaderValue,
        what: &Request,
        until: Instant,
        limit: Duration,
    ) -> Result<Response, Broken> {
        let left = until.saturating_duration_since(Instant::now());
        let mut request = self
            .client
            .request(what.method.clone(), what.url.clone())
            .header(ACCEPT, JSON)
            .header(AUTHORIZATION, key)
            .timeout(left);
        if let Some(key) = &what.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        request = match &what.body {
            Some(body) => request.header(CONTENT_TYPE, JSON).body(body.clone()),
            // Some servers answer 411 to a POST that does not say that it has no body (RFC 9110, section 8.6).
            None if what.method == Method::POST => request.header(CONTENT_LENGTH, 0),
            None => request,
        };
        request.send().await.map_err(|error| self.broken(error, limit))
    }

    async fn read(&self, mut response: Response, limit: Duration) -> Result<Answer, Broken> {
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let mut body = Vec::new();
        while status.is_success()
            && let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error, limit))?
        {
            if body.len() + chunk.len() > self.limits.body_bytes {
                return Err(Broken::TooLong(format!("the answer is over {} bytes", self.limits.body_bytes)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body })
    }

    fn broken(&self, error: reqwest::Error, limit: Duration) -> Broken {
        let timed_out = error.is_timeout();
        match (error.is_connect(), timed_out) {
            (true, true) => Broken::NotConnected(format!("no connection within {:.1?}", self.limits.connect)),
            (true, false) => Broken::NotConnected(in_one_line(&error.without_url())),
            (false, true) => Broken::Lost(format!("timed out after {limit:.1?}")),
            (false, false) => Broken::Lost(in_one_line(&error.without_url())),
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
