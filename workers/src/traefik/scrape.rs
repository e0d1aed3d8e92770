//! Fetches the metrics over HTTP and hands them to the reader as they come. What they mean is not known here.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, TRANSFER_ENCODING};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use store::Clock;

use super::exposition::{ExpositionError, Reader, Shown};

/// Prometheus' text format, which has not changed since 2014. Left to choose, Traefik may answer in another one.
const FORMAT: &str = "text/plain;version=0.0.4";

/// What one scrape may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrapeLimits {
    /// The longest that making the connection may take.
    pub connect: Duration,
    /// The longest that all of it may take.
    pub total: Duration,
    /// The longest answer, in bytes. It is not kept in memory; 64 MiB are some 50,000 services.
    pub body_bytes: u64,
}

impl Default for ScrapeLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), total: Duration::from_secs(10), body_bytes: 64 << 20 }
    }
}

/// Why there is nothing to count. Messages do not hold the address: it may have a password in it.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// No answer.
    #[error("Traefik does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The answer broke off or took too long.
    #[error("Traefik's answer broke off")]
    Broken(#[source] reqwest::Error),
    /// An answer, but not the metrics.
    #[error("the metrics' address answers {0}: is `--metrics.prometheus` set, and is this its entry point?")]
    Status(StatusCode),
    /// A page of another kind.
    #[error("the metrics' address answers with `{0}` instead of metrics (`text/plain`)")]
    NotMetrics(String),
    /// Neither a length nor chunks: half an answer would look like a whole one.
    #[error("the metrics' address does not tell how long its answer is")]
    NoLength,
    /// Too long.
    #[error("the metrics are longer than {0} bytes")]
    TooLong(u64),
    /// Not to be understood.
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
}

/// What Traefik shows, and when.
#[derive(Debug)]
pub struct Scrape {
    /// The counters.
    pub shown: Shown,
    /// When it was answered, by the clock of Traefik's machine as far as it tells (else by ours); whole seconds.
    pub served_at: DateTime<Utc>,
    /// When the answer came in, by our clock.
    pub answered_at: DateTime<Utc>,
}

/// Fetches metrics from one address.
#[derive(Debug, Clone)]
pub struct Scraper {
    client: Client,
    url: Url,
    limits: ScrapeLimits,
}

impl Scraper {
    /// A scraper of this address. A rustls provider must have been installed.
    ///
    /// # Errors
    /// The client cannot be made, for instance because this machine has no certificates and the address is `https`.
    pub fn new(url: Url, limits: ScrapeLimits) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .redirect(redirect::Policy::none())
            // Compression would take away the length, by which half an answer is told from a whole one.
            .no_gzip()
            .no_proxy();
        if url.scheme() == "http" {
            // Nothing to verify: do without certificates, which a small container may not have.
            client = client.tls_certs_only([]);
        }
        Ok(Self { client: client.build()?, url, limits })
    }

    /// What Traefik shows now.
    ///
    /// # Errors
    /// [`ScrapeError`].
    pub async fn scrape(&self, clock: &dyn Clock) -> Result<Scrape, ScrapeError> {
        let request = self.client.get(self.url.clone()).header(ACCEPT, FORMAT);
        let response = request.send().await.map_err(|error| ScrapeError::Unreachable(error.without_url()))?;
        let answered_at = clock.now();
        check(&response)?;
        let served_at = header(response.headers(), &DATE)
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
            .map_or(answered_at, |date| date.with_timezone(&Utc));
        let shown = self.read(response).await?;
        Ok(Scrape { shown, served_at, answered_at })
    }

    async fn read(&self, mut response: Response) -> Result<Shown, ScrapeError> {
        let mut reader = Reader::default();
        let mut left = self.limits.body_bytes;
        while let Some(chunk) =
            response.chunk().await.map_err(|error| ScrapeError::Broken(error.without_url()))?
        {
            left =
                left.checked_sub(chunk.len() as u64).ok_or(ScrapeError::TooLong(self.limits.body_bytes))?;
            reader.feed(&chunk)?;
        }
        Ok(reader.finish()?)
    }
}

fn check(response: &Response) -> Result<(), ScrapeError> {
    if response.status() != StatusCode::OK {
        return Err(ScrapeError::Status(response.status()));
    }
    let headers = response.headers();
    let content_type = header(headers, &CONTENT_TYPE).unwrap_or("nothing");
    if content_type.split(';').next().map(str::trim) != Some("text/plain") {
        return Err(ScrapeError::NotMetrics(content_type.into()));
    }
    if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        Ok(())
    } else {
        Err(ScrapeError::NoLength)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
