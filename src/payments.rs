//! The payment backend as the settings name it, and who may send its callbacks.

use std::net::SocketAddr;
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
    let Some(url) = given(args.payment_backend_url.as_deref()) else { return Ok(None) };
    let keys = args.payment_api_key.as_ref().filter(|keys| !keys.expose_secret().trim().is_empty());
    let keys = keys.ok_or(PaymentSettingError::NoKey)?;
    let reachable = listen.filter(|listen| !listen.ip().is_unspecified());
    let base_url = match (given(args.base_url.as_deref()), reachable) {
        (Some(url), _) => url.to_owned(),
        (None, Some(listen)) => format!("http://{listen}"),
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
    let secrets = args.payment_webhook_secrets.as_ref().map_or("", |secrets| secrets.expose_secret());
    let policy = CallbackPolicy::new(CallbackConfig {
        secrets: callback::parse_secrets(secrets)?,
        unsigned_allowed: args.payment_unsigned_callbacks,
        allowed: args.payment_callback_networks.iter().map(|network| network.0).collect(),
        trusted_proxies: args.trusted_proxies.iter().map(|network| network.0).collect(),
    })?;
    Ok(Some(policy))
}

/// A setting that is empty, as `.env` files leave them, is none.
fn given(setting: Option<&str>) -> Option<&str> {
    setting.map(str::trim).filter(|setting| !setting.is_empty())
}
