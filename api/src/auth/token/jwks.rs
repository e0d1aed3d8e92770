//! An identity provider's key set: fetched when it is needed, and kept.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, Url, redirect};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::TokenError;
use super::key_set::KeySet;

const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const FETCH_LIMIT: Duration = Duration::from_secs(5);
/// Key sets have a few keys of a few hundred bytes.
const SIZE_LIMIT: usize = 256 * 1024;
/// How often it is fetched at most, whatever tokens come.
const FETCH_AT_MOST_EVERY: Duration = Duration::from_secs(60);
/// Fetched again after this long, so that a key that was withdrawn ends.
const FETCH_AT_LEAST_EVERY: Duration = Duration::from_secs(15 * 60);

/// Why there is no key set.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// It cannot be fetched.
    #[error("the key set cannot be fetched")]
    Fetch(#[from] reqwest::Error),
    /// It is larger than any key set.
    #[error("the key set is over {SIZE_LIMIT} bytes")]
    TooLarge,
    /// It is no key set.
    #[error("the key set cannot be read")]
    Read(#[from] serde_json::Error),
}

/// An identity provider's keys.
pub struct Jwks(Arc<Shared>);

struct Shared {
    url: Url,
    client: Client,
    kept: RwLock<Kept>,
    /// When it was last tried to fetch them; held while it is tried.
    tried: Arc<Mutex<Tried>>,
}

type Tried = Option<Instant>;

#[derive(Clone, Default)]
struct Kept {
    keys: Arc<KeySet>,
    /// When to fetch them again; none before they are fetched at all.
    good_until: Option<Instant>,
}

impl Jwks {
    /// The keys at this address. Nothing is fetched yet.
    ///
    /// # Errors
    /// When no client for it can be made.
    ///
    /// # Panics
    /// When the process has installed no rustls provider (the binary does that first of all).
    pub fn new(url: Url) -> Result<Self, JwksError> {
        let client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(FETCH_LIMIT)
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self(Arc::new(Shared { url, client, kept: RwLock::default(), tried: Arc::default() })))
    }

    /// The key for a token.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] when there is none, [`TokenError::KeysUnavailable`] when nobody knows.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, TokenError> {
        let kept = self.0.kept();
        let stale = kept.good_until.is_none_or(|good_until| good_until <= Instant::now());
        match kept.keys.find(id, algorithm).cloned() {
            Some(key) if !stale => return Ok(key),
            // Who comes while somebody else is fetching does not wait: the old key is still good enough.
            Some(key) => match Arc::clone(&self.0.tried).try_lock_owned() {
                Ok(tried) => self.refresh(tried).await,
                Err(_) => return Ok(key),
            },
            None => self.refresh(Arc::clone(&self.0.tried).lock_owned().await).await,
        }
        let kept = self.0.kept();
        match kept.keys.find(id, algorithm) {
            Some(key) => Ok(key.clone()),
            None if kept.good_until.is_none() => Err(TokenError::KeysUnavailable),
            None => Err(UNKNOWN_KEY),
        }
    }

    /// In a task of its own, which goes on when whoever asked hangs up: else a caller who always does would leave
    /// everyone without keys.
    async fn refresh(&self, tried: OwnedMutexGuard<Tried>) {
        let shared = Arc::clone(&self.0);
        if let Err(error) = tokio::spawn(async move { shared.refresh(tried).await }).await {
            tracing::error!(%error, "fetching the key set ended abnormally");
        }
    }

    /// As if the last try were a minute ago.
    #[cfg(test)]
    pub(super) async fn let_a_minute_pass(&self) {
        *self.0.tried.lock().await = None;
    }

    /// As if the keys were fetched long ago.
    #[cfg(test)]
    pub(super) async fn let_them_age(&self) {
        self.let_a_minute_pass().await;
        self.0.kept.write().unwrap().good_until = Some(Instant::now());
    }
}

impl Shared {
    /// Fetches the keys unless that was tried a moment ago. What cannot be fetched leaves what was kept.
    async fn refresh(&self, mut tried: OwnedMutexGuard<Tried>) {
        if tried.is_some_and(|tried| tried.elapsed() < FETCH_AT_MOST_EVERY) {
            return;
        }
        *tried = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                tracing::info!(
                    host = self.url.host_str(),
                    keys = keys.len(),
                    "fetched the key set for user tokens"
                );
                let kept =
                    Kept { keys: Arc::new(keys), good_until: Some(Instant::now() + FETCH_AT_LEAST_EVERY) };
                *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(host = self.url.host_str(), error, "cannot fetch the key set for user tokens");
            }
        }
    }

    /// Errors of this keep the address to themselves: it may hold a password.
    async fn ask(&self) -> Result<reqwest::Response, reqwest::Error> {
        self.client.get(self.url.clone()).send().await?.error_for_status()
    }

    async fn fetch(&self) -> Result<KeySet, JwksError> {
        let mut response = self.ask().await.map_err(reqwest::Error::without_url)?;
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            if document.len() + chunk.len() > SIZE_LIMIT {
                return Err(JwksError::TooLarge);
            }
            document.extend_from_slice(&chunk);
        }
        Ok(KeySet::parse(&document)?)
    }

    fn kept(&self) -> Kept {
        // Replaced whole or not at all.
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const UNKNOWN_KEY: TokenError = TokenError::Invalid("it is signed by a key that is not known");
