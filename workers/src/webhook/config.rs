//! Where webhooks go, what signs them, and what one may cost. Messages name the setting and never repeat it: a path
//! may be a password.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::address::special;
use super::resolver::PublicOnly;
use super::signature::{SecretsError, Signer};

/// What a webhook may cost. The times are those of Svix, which the Standard Webhooks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookLimits {
    /// The longest that making a connection may take, finding the address included.
    pub connect: Duration,
    /// The longest that a webhook may take, the connection included.
    pub total: Duration,
    /// About how many bytes of an answer's body are read. None of them is kept.
    pub answer_bytes: usize,
}

impl Default for WebhookLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), total: Duration::from_secs(15), answer_bytes: 1 << 10 }
    }
}

/// Where webhooks go, and what signs them.
#[derive(Clone)]
pub struct WebhookConfig {
    pub(super) url: Url,
    pub(super) signer: Signer,
    /// The host is allowed by name to be where the public is not.
    may_be_private: bool,
    /// What a webhook may cost.
    pub limits: WebhookLimits,
}

impl WebhookConfig {
    /// With the usual limits.
    ///
    /// `url` is `https`, or `http` to a host in `allowed_private`. `secrets` has commas between them: `whsec_` and
    /// base64, or plain text. `allowed_private` are names or addresses, as a URL has them: that host may be where the
    /// public cannot go. Empty entries of both do not count.
    ///
    /// # Errors
    /// [`WebhookConfigError`] names the setting.
    pub fn new(
        url: &SecretString,
        secrets: &SecretString,
        allowed_private: &[String],
    ) -> Result<Self, WebhookConfigError> {
        let url = Url::parse(url.expose_secret().trim()).map_err(|_| WebhookConfigError::Url)?;
        let web = matches!(url.scheme(), "http" | "https");
        let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let host = host(&url).filter(|_| web && bare).ok_or(WebhookConfigError::Url)?;
        let may_be_private = allowed(allowed_private)?.iter().any(|allowed| allowed == host);
        if !may_be_private {
            // The resolver is asked about names only. Other spellings (`0x7f.1`) were one before the URL was read.
            if let Some(kind) = host.parse().ok().and_then(special) {
                return Err(WebhookConfigError::Private(kind));
            }
            if url.scheme() != "https" {
                return Err(WebhookConfigError::Plain);
            }
        }
        let signer = Signer::new(secrets)?;
        Ok(Self { url, signer, may_be_private, limits: WebhookLimits::default() })
    }

    /// Whether there is no TLS to it.
    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Host, and port if it is not the usual one: all of the URL that is shown.
    pub(super) fn host(&self) -> String {
        self.url.authority().to_owned()
    }

    pub(super) const fn resolver(&self) -> PublicOnly {
        PublicOnly { may_be_private: self.may_be_private }
    }
}

/// Lower case, without the brackets of an IPv6 address and the dot that may end a name.
fn host(url: &Url) -> Option<&str> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty()).then_some(host)
}

/// The hosts, spelled as [`host`] spells them.
fn allowed(hosts: &[String]) -> Result<Vec<String>, WebhookConfigError> {
    let given = (1..).zip(hosts.iter().map(|host| host.trim())).filter(|(_, host)| !host.is_empty());
    given.map(|(place, text)| one_allowed(text).ok_or(WebhookConfigError::AllowPrivate { place })).collect()
}

fn one_allowed(text: &str) -> Option<String> {
    let text = match text.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        // A port or a path would be cut off, and a `*` be the name of nobody.
        Ok(IpAddr::V4(_)) | Err(_) if text.contains(|c| ":/\\?#@*[]".contains(c)) => return None,
        Ok(IpAddr::V4(_)) | Err(_) => text.to_owned(),
    };
    let url = Url::parse(&format!("http://{text}/")).ok()?;
    host(&url).map(str::to_owned)
}

/// Neither secrets nor path.
impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, signer: _, may_be_private, limits } = self;
        f.debug_struct("WebhookConfig")
            .field("host", &self.host())
            .field("may_be_private", may_be_private)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum WebhookConfigError {
    /// The receiver's address.
    #[error(
        "SERVELINK_WEBHOOK_URL must be an https URL such as https://paas.example/hooks, without a user or \
         fragment"
    )]
    Url,
    /// Everybody could read along.
    #[error(
        "SERVELINK_WEBHOOK_URL must begin with https://, or its host be named in \
         SERVELINK_WEBHOOK_ALLOW_PRIVATE"
    )]
    Plain,
    /// An address of this kind.
    #[error(
        "SERVELINK_WEBHOOK_URL has a {0} address: name it in SERVELINK_WEBHOOK_ALLOW_PRIVATE if webhooks \
         shall go there"
    )]
    Private(&'static str),
    /// The secrets.
    #[error("SERVELINK_WEBHOOK_SECRETS: {0}")]
    Secrets(#[from] SecretsError),
    /// What may be private.
    #[error(
        "SERVELINK_WEBHOOK_ALLOW_PRIVATE: entry {place} must be a host name or an address, without scheme, \
         port or `*`"
    )]
    AllowPrivate {
        /// Its place in the list, from 1.
        place: usize,
    },
    /// The HTTP client cannot be made.
    #[error("the client for webhooks (SERVELINK_WEBHOOK_URL) cannot be made")]
    Client(#[from] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "CANARY-0123456789abcdef0";

    fn config(url: &str, allowed: &[&str]) -> Result<WebhookConfig, WebhookConfigError> {
        let allowed: Vec<String> = allowed.iter().map(|host| (*host).into()).collect();
        WebhookConfig::new(&url.into(), &SECRET.into(), &allowed)
    }

    fn refused(url: &str, allowed: &[&str]) -> String {
        config(url, allowed).unwrap_err().to_string()
    }

    #[test]
    fn a_public_host_by_https_is_taken() {
        for (url, host) in [
            ("https://paas.example/hooks?token=CANARY", "paas.example"),
            (" https://PAAS.example.:8443 ", "paas.example.:8443"),
            ("https://8.8.8.8/", "8.8.8.8"),
            ("https://[2606:4700::1111]/", "[2606:4700::1111]"),
        ] {
            let config = config(url, &["", "other.example"]).unwrap();
            assert_eq!((config.host(), config.may_be_private), (host.into(), false), "{url}");
            let shown = format!("{config:?}");
            assert!(shown.contains("paas") == host.contains("paas") && !shown.contains("CANARY"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_such_url_is_not_repeated() {
        for url in [
            "",
            "canary",
            "canary.example/hooks",
            "ftp://canary.example",
            "https://",
            "https://./canary",
            "https://canary@paas.example",
            "https://:canary@paas.example",
            "https://paas.example/#canary",
            "https://[fe80::1%25canary]/",
        ] {
            let text = refused(url, &["canary.example"]);
            assert!(
                text.contains("SERVELINK_WEBHOOK_URL must be") && !text.contains("canary"),
                "{url}: {text}"
            );
        }
        let error = WebhookConfig::new(&"https://paas.example".into(), &"canary".into(), &[]).unwrap_err();
        assert_eq!(error.to_string(), "SERVELINK_WEBHOOK_SECRETS: secret 1 is shorter than 24 bytes");
    }

    #[test]
    fn without_tls_only_to_a_host_allowed_by_name() {
        assert!(refused("http://paas.example/", &["example"]).contains("must begin with https://"));
        for (url, allowed) in [
            ("http://devpush:8000/hooks", "devpush"),
            ("http://DevPush.", "devpush"),
            ("http://devpush", "DEVPUSH."),
            ("http://bücher.example/", "xn--bcher-kva.example"),
            ("http://10.0.0.7/", "10.0.0.7"),
            ("http://0x0a.7/", "10.0.0.7"),
            ("http://10.0.0.7/", "012.7"),
            ("http://[FD00:0::1]:80/", "fd00::1"),
            ("https://[fd00::1]/", "[fd00:0:0::1]"),
        ] {
            let config = config(url, &["other.example", allowed]).unwrap();
            assert!(config.may_be_private, "{url} {allowed}");
        }
    }

    #[test]
    fn a_private_address_is_seen_in_every_spelling() {
        for (url, kind) in [
            ("https://127.0.0.1/", "loopback"),
            ("https://127.1/", "loopback"),
            ("https://127.0.0.1./", "loopback"),
            ("https://2130706433/", "loopback"),
            ("https://0x7f000001/", "loopback"),
            ("https://0x7f.0.0x0.1/", "loopback"),
            ("https://0177.0.0.01/", "loopback"),
            ("https://%31%32%37.0.0.1/", "loopback"),
            ("https://１２７。０。０。１/", "loopback"),
            ("https://[::1]/", "loopback"),
            ("https://[0:0::0:1]/", "loopback"),
            ("https://[::ffff:127.0.0.1]/", "loopback"),
            ("https://[::ffff:7f00:1]/", "loopback"),
            ("https://[64:ff9b::10.0.0.7]/", "private"),
            ("https://0/", "unspecified"),
            ("https://[::]/", "unspecified"),
            ("http://169.254.169.254/latest/meta-data", "link-local"),
            ("https://[fd00::1]/", "unique local"),
        ] {
            let text = refused(url, &["localhost", "10.0.0.7"]);
            assert!(text.contains(&format!("has a {kind} address: ")), "{url}: {text}");
        }
    }

    #[test]
    fn an_allowed_host_is_only_a_host() {
        for entry in [
            "https://devpush",
            "devpush:8000",
            "devpush:80",
            "devpush/",
            "*.internal",
            "10.0.0.0/8",
            "a b",
            "u@devpush",
            "[devpush]",
            "fe80::1%eth0",
            "1.2.3.4.5",
        ] {
            let text = refused("https://paas.example", &["", entry]);
            assert!(text.contains("ALLOW_PRIVATE: entry 2 ") && !text.contains("devpush"), "{entry}: {text}");
        }
    }
}
