//! Starting and stopping a sandbox, and steering it from Rust.

use std::sync::Arc;

use reqwest::Url;
use tokio::net::TcpListener;

use crate::backend::{Backend, Terms};
use crate::behaviour::Behaviour;
use crate::callbacks::Courier;
use crate::config::SandboxConfig;
use crate::http::{self, Shop};
use crate::ledger::PaymentView;
use crate::serve::serve;
use crate::signature::{BadSecret, Signer};

/// A running sandbox. It stops when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    backend: Arc<Backend>,
}

/// Why a sandbox cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The secret that signs callbacks.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// The address that payers are sent to.
    #[error("the public URL must be an http or https URL")]
    PublicUrl,
    /// The HTTP client that sends callbacks.
    #[error("cannot make an HTTP client")]
    Client(#[from] reqwest::Error),
    /// The listener.
    #[error("cannot tell where it listens")]
    Listener(#[from] std::io::Error),
}

impl Sandbox {
    /// Begins to serve on this listener. Must be called on a tokio runtime, in a process that has a default `rustls`
    /// provider.
    pub fn start(listener: TcpListener, config: SandboxConfig) -> Result<Self, StartError> {
        let signer = Signer::new(&config.signing)?;
        let url = format!("http://{}", listener.local_addr()?);
        let public_url = match &config.public_url {
            Some(url) => public(url)?,
            None => url.clone(),
        };
        let terms = Terms {
            tells_amounts: config.tells_amounts,
            settle_after: config.settle_after,
            expires_after: config.expires_after,
            callback_retries: config.callback_retries,
        };
        let backend = Arc::new(Backend::new(terms, Courier::new(signer)?));
        let shop = Shop {
            backend: Arc::clone(&backend),
            api_keys: config.api_keys.into(),
            public_url: public_url.into(),
            draws_qr: config.draws_qr,
        };
        backend.spawn(serve(listener, http::router(shop)));
        Ok(Self { url, backend })
    }

    /// Where it answers, such as `http://127.0.0.1:8090`: Servelink's `PAYMENT_BACKEND_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it misbehaves like this, and no other way.
    pub fn behave(&self, behaviour: Behaviour) {
        self.backend.switches.set(behaviour);
    }

    /// How it misbehaves now.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        self.backend.switches.now()
    }

    /// Its payments, the oldest first, with their callbacks.
    #[must_use]
    pub fn payments(&self) -> Vec<PaymentView> {
        self.backend.payments()
    }

    /// Stops it at once, whatever is under way; returns when nothing is.
    pub async fn stop(self) {
        self.backend.stop();
        self.backend.stopped().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.backend.stop();
    }
}

/// Serves on this listener until that happens.
pub async fn run(
    listener: TcpListener,
    config: SandboxConfig,
    until: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let sandbox = Sandbox::start(listener, config)?;
    until.await;
    sandbox.stop().await;
    Ok(())
}

fn public(url: &str) -> Result<String, StartError> {
    let parsed = Url::parse(url).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    parsed.map(|_| url.trim_end_matches('/').to_owned()).ok_or(StartError::PublicUrl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_one() {
        assert_eq!(public("https://pay.example/sandbox/").unwrap(), "https://pay.example/sandbox");
        assert!(public("pay.example").is_err() && public("javascript:alert(1)").is_err());
    }
}
