//! The payment backend as the settings name it, and who may send its callbacks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use api::auth::callback::{self, CallbackConfig, CallbackPolicy, PolicyError, SecretsError};
use secrecy::ExposeSecret;
use store::Clock;
use store::commands::Commands;
use store::payments::Payments;
use workers::payment_backend::{BackendConfig, BackendConfigError, HttpPaymentBackend};

use crate::config::PaymentArgs;

/// What is wrong with the settings of payments. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PaymentSettingError {
    #[error(
        "--payment-backend-url (PAYMENT_BACKEND_URL) is set: set --payment-api-key (PAYMENT_API_KEY) too"
    )]
    NoKey,
    #[error(
        "set --base-url (BASE_URL) to where the payment backend reaches this server: it listens on {listen}, which is \
         no address to be reached at"
    )]
    NoBaseUrl { listen: String },
    #[error(transparent)]
    Backend(#[from] BackendConfigError),
    #[error("invalid value for --payment-webhook-secrets (PAYMENT_WEBHOOK_SECRETS)")]
    Secrets(#[from] SecretsError),
    #[error(
        "set --payment-webhook-secrets (PAYMENT_WEBHOOK_SECRETS), or let callbacks in that nobody signed with \
         --payment-unsigned-callbacks (PAYMENT_UNSIGNED_CALLBACKS=true)"
    )]
    Callbacks(#[from] PolicyError),
}

/// Payments over the backend that the settings name; none when they name none. `listen` is where this process answers.
pub(crate) fn payments(
    args: &PaymentArgs,
    listen: Option<SocketAddr>,
    commands: &Arc<Commands>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Payments>, PaymentSettingError> {
    let Some(url) = given(args.payment_backend_url.as_deref()) else {
        if args.payment_api_key.is_some() || args.payment_webhook_secrets.is_some() {
            tracing::warn!(
                "PAYMENT_BACKEND_URL is not set: nothing can be paid, whatever else is set for payments"
            );
        }
        return Ok(None);
    };
    let keys = args.payment_api_key.as_ref().filter(|keys| !keys.expose_secret().trim().is_empty());
    let keys = keys.ok_or(PaymentSettingError::NoKey)?;
    let reachable = listen.and_then(|listen| reached_by(url, listen));
    let base_url = match (given(args.base_url.as_deref()), reachable) {
        (Some(url), _) => url.to_owned(),
        (None, Some(listen)) => {
            if listen.ip().is_loopback() && !is_here(url) {
                tracing::warn!(
                    "BASE_URL is not set: the payment backend is told to call back at http://{listen}"
                );
            }
            format!("http://{listen}")
        }
        (None, None) => {
            let listen = listen.map_or_else(|| "nothing".into(), |listen| listen.to_string());
            return Err(PaymentSettingError::NoBaseUrl { listen });
        }
    };
    let backend = HttpPaymentBackend::new(&BackendConfig::new(url, keys, base_url))?;
    Ok(Some(Payments::new(Arc::clone(commands), Arc::new(backend), Arc::clone(clock))))
}

/// Who may send callbacks; none when there is no payment backend.
pub(crate) fn callbacks(args: &PaymentArgs) -> Result<Option<CallbackPolicy>, PaymentSettingError> {
    if given(args.payment_backend_url.as_deref()).is_none() {
        return Ok(None);
    }
    if args.payment_unsigned_callbacks {
        tracing::warn!(
            "PAYMENT_UNSIGNED_CALLBACKS is on: callbacks that nobody signed are taken, and confirmed by polls"
        );
    }
    let secrets = args.payment_webhook_secrets.as_ref().map_or("", |secrets| secrets.expose_secret());
    let policy = CallbackPolicy::new(CallbackConfig {
        secrets: callback::parse_secrets(secrets)?,
        unsigned_allowed: args.payment_unsigned_callbacks,
        allowed: args.payment_callback_networks.0.clone(),
        trusted_proxies: args.trusted_proxies.0.clone(),
    })?;
    Ok(Some(policy))
}

/// Where the payment backend at this address reaches us; none when it cannot be known.
fn reached_by(backend: &str, mut listen: SocketAddr) -> Option<SocketAddr> {
    if listen.ip().is_unspecified() {
        // One on this machine reaches us here, whatever else we listen on.
        let here = is_here(backend);
        let loopback: IpAddr =
            if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        listen.set_ip(here.then_some(loopback)?);
    }
    Some(listen)
}

/// Whether this address is on this machine.
fn is_here(url: &str) -> bool {
    let url = reqwest::Url::parse(url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str);
    host.is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host))
}

/// A setting that is empty, as `.env` files leave them, is none.
fn given(setting: Option<&str>) -> Option<&str> {
    setting.map(str::trim).filter(|setting| !setting.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_on_this_machine_reaches_us_at_the_loopback_address() {
        let reached = |backend: &str, listen: &str| {
            reached_by(backend, listen.parse().unwrap()).map(|address| address.to_string())
        };
        assert_eq!(reached("https://pay.example", "192.0.2.1:80").unwrap(), "192.0.2.1:80");
        assert_eq!(reached("http://127.0.0.1:9/", "0.0.0.0:80").unwrap(), "127.0.0.1:80");
        assert_eq!(reached("http://localhost:9/", "[::]:80").unwrap(), "[::1]:80");
        assert_eq!(reached("https://pay.example", "0.0.0.0:80"), None);
    }
}
