//! Where the backend is, who we are to it, and what a call may cost. Messages name the setting and never repeat it: an
//! address may have a password in it.

use std::fmt;
use std::time::Duration;

use domain::ExternalPaymentId;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::breaker::BreakerLimits;

/// Two during a rotation.
const MOST_KEYS: usize = 2;

/// What a call to the backend may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendLimits {
    /// The longest that making a connection may take.
    pub connect: Duration,
    /// The longest that one try may take, its answer's body included.
    pub total: Duration,
    /// The longest that a call may take, all tries and pauses included. Under the API's own 30 s.
    pub call: Duration,
    /// The most tries in one call.
    pub tries: u32,
    /// The longest pause after the first try; it doubles after each.
    pub backoff_base: Duration,
    /// The longest that a pause grows to.
    pub backoff_cap: Duration,
    /// The longest `Retry-After` that a call waits for; when the backend asks for more, the call ends.
    pub retry_after_cap: Duration,
    /// The longest answer, in bytes.
    pub body_bytes: usize,
    /// When the backend is not asked at all.
    pub breaker: BreakerLimits,
}

impl Default for BackendLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            total: Duration::from_secs(10),
            call: Duration::from_secs(25),
            tries: 3,
            backoff_base: Duration::from_millis(250),
            backoff_cap: Duration::from_secs(2),
            retry_after_cap: Duration::from_secs(4),
            body_bytes: 64 << 10,
            breaker: BreakerLimits::default(),
        }
    }
}

/// Which backend, and how. It is checked by [`HttpPaymentBackend::new`](super::HttpPaymentBackend::new).
#[derive(Clone)]
pub struct BackendConfig {
    /// `PAYMENT_BACKEND_URL`: the contract's paths are put behind it.
    pub url: String,
    /// `PAYMENT_API_KEY`: one key, or two during a rotation. The first is used until the backend refuses it.
    pub api_keys: Vec<SecretString>,
    /// `BASE_URL`: where the backend reaches Servelink.
    pub base_url: String,
    /// What a call may cost.
    pub limits: BackendLimits,
}

impl BackendConfig {
    /// With the usual limits. `api_keys` is one key, or two with a comma between them.
    #[must_use]
    pub fn new(url: impl Into<String>, api_keys: &SecretString, base_url: impl Into<String>) -> Self {
        let keys = api_keys.expose_secret().split(',').map(str::trim).filter(|key| !key.is_empty());
        Self {
            url: url.into(),
            api_keys: keys.map(SecretString::from).collect(),
            base_url: base_url.into(),
            limits: BackendLimits::default(),
        }
    }

    pub(super) fn check(&self) -> Result<Checked, BackendConfigError> {
        let url = address(&self.url).ok_or(BackendConfigError::Url)?;
        let base_url = address(&self.base_url).ok_or(BackendConfigError::BaseUrl)?;
        if !(1..=MOST_KEYS).contains(&self.api_keys.len()) {
            return Err(BackendConfigError::KeyCount);
        }
        Ok(Checked {
            endpoints: Endpoints(url),
            callback_url: below(&base_url, &["api", "payments", "callback"]).into(),
            keys: self.api_keys.iter().map(bearer).collect::<Result<_, _>>()?,
        })
    }
}

/// The address may have a password in it.
impl fmt::Debug for BackendConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendConfig").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum BackendConfigError {
    /// The backend's address.
    #[error(
        "PAYMENT_BACKEND_URL must be an http or https URL such as https://pay.example, without a user, query or \
         fragment"
    )]
    Url,
    /// Our own address.
    #[error(
        "BASE_URL must be the http or https URL where the payment backend reaches Servelink, such as \
         https://usage.example, without a user, query or fragment"
    )]
    BaseUrl,
    /// Not one key or two.
    #[error("PAYMENT_API_KEY must be one key, or two with a comma between them while they are rotated")]
    KeyCount,
    /// A key that no header can hold.
    #[error("PAYMENT_API_KEY must be visible ASCII characters")]
    Key,
    /// The HTTP client cannot be made.
    #[error("the client for the payment backend (PAYMENT_BACKEND_URL) cannot be made")]
    Client(#[from] reqwest::Error),
}

/// What a configuration comes to.
pub(super) struct Checked {
    pub(super) endpoints: Endpoints,
    pub(super) callback_url: String,
    /// Values of `Authorization`, never empty.
    pub(super) keys: Vec<HeaderValue>,
}

/// Where the contract's three endpoints are.
pub(super) struct Endpoints(Url);

impl Endpoints {
    /// Whether there is no TLS to it.
    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    pub(super) fn initiate(&self) -> Url {
        below(&self.0, &["api", "v1", "payments", "initiate"])
    }

    /// None for an id that cannot be asked about.
    pub(super) fn status(&self, id: &ExternalPaymentId) -> Option<Url> {
        self.of_payment(id, "status")
    }

    /// None for an id that cannot be asked about.
    pub(super) fn cancel(&self, id: &ExternalPaymentId) -> Option<Url> {
        self.of_payment(id, "cancel")
    }

    /// `.` and `..` are no names in a path, however they are written (WHATWG URL, "double-dot URL path segment"), so a
    /// backend cannot mean a payment by them.
    fn of_payment(&self, id: &ExternalPaymentId, what: &str) -> Option<Url> {
        let id = id.as_str();
        (!matches!(id, "." | "..")).then(|| below(&self.0, &["api", "v1", "payments", id, what]))
    }
}

/// An address to put paths behind.
fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let web = matches!(url.scheme(), "http" | "https");
    // A user in the address would be sent as another `Authorization` than the key.
    let bare = url.username().is_empty() && url.password().is_none();
    (web && bare && url.query().is_none() && url.fragment().is_none()).then_some(url)
}

/// Each segment is percent-encoded, slashes included.
fn below(url: &Url, segments: &[&str]) -> Url {
    let mut url = url.clone();
    // Only an address that cannot be a base, such as `mailto:`, has no segments; `address` lets none through.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

fn bearer(key: &SecretString) -> Result<HeaderValue, BackendConfigError> {
    let key = key.expose_secret();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BackendConfigError::Key);
    }
    let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| BackendConfigError::Key)?;
    // Shown as `Sensitive` by whoever prints headers, and kept out of HTTP/2's compression tables.
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, keys: &str, base_url: &str) -> BackendConfig {
        BackendConfig::new(url, &SecretString::from(keys), base_url)
    }

    fn error(config: &BackendConfig) -> String {
        config.check().err().unwrap().to_string()
    }

    #[test]
    fn paths_are_put_behind_any_address() {
        for (url, expected) in [
            ("https://pay.example", "https://pay.example/api/v1/payments/initiate"),
            ("https://pay.example/", "https://pay.example/api/v1/payments/initiate"),
            ("http://10.0.0.7:8090/backend/", "http://10.0.0.7:8090/backend/api/v1/payments/initiate"),
            (" http://pay.example/a/b ", "http://pay.example/a/b/api/v1/payments/initiate"),
        ] {
            let checked = config(url, "k", "https://usage.example/servelink").check().unwrap();
            assert_eq!(checked.endpoints.initiate().as_str(), expected);
            assert_eq!(checked.callback_url, "https://usage.example/servelink/api/payments/callback");
        }
    }

    #[test]
    fn an_id_stays_one_segment_of_the_path() {
        let endpoints = config("https://pay.example", "k", "http://us.example").check().unwrap().endpoints;
        for (id, segment) in [
            ("om-1:A", "om-1:A"),
            ("a/b", "a%2Fb"),
            ("../../admin", "..%2F..%2Fadmin"),
            ("%2e%2e", "%252e%252e"),
            ("a\\b", "a%5Cb"),
            ("a?b#c", "a%3Fb%23c"),
            ("...", "..."),
        ] {
            let expected = format!("https://pay.example/api/v1/payments/{segment}/status");
            assert_eq!(endpoints.status(&id.parse().unwrap()).unwrap().as_str(), expected);
        }
        for id in [".", ".."] {
            assert_eq!(endpoints.cancel(&id.parse().unwrap()), None);
        }
    }

    #[test]
    fn mistakes_are_named_and_not_repeated() {
        let us = "https://usage.example";
        for url in [
            "",
            "pay.example",
            "ftp://canary.example",
            "https://u:canary@pay.example",
            "https://canary@pay.example",
            "https://pay.example?canary",
            "https://pay.example#canary",
            "mailto:canary@pay.example",
        ] {
            let text = error(&config(url, "k", us));
            assert!(text.contains("PAYMENT_BACKEND_URL") && !text.contains("canary"), "{text}");
            let text = error(&config(us, "k", url));
            assert!(text.contains("BASE_URL") && !text.contains("canary"), "{text}");
        }
        for keys in ["", " , ", "canary1,canary2,canary3", "can ary", "canary\n2", "canäry"] {
            let text = error(&config(us, keys, us));
            assert!(text.contains("PAYMENT_API_KEY") && !text.contains("can"), "{text}");
        }
    }

    #[test]
    fn keys_are_one_or_two_and_never_shown() {
        let config = config("https://u:canary@pay.example", " canary1, canary2 ,", "https://usage.example");
        assert_eq!(config.api_keys.len(), 2);
        assert!(!format!("{config:?}").contains("canary"));
        let key = bearer(&config.api_keys[1]).unwrap();
        assert_eq!((key.to_str().unwrap(), &*format!("{key:?}")), ("Bearer canary2", "Sensitive"));
    }
}
