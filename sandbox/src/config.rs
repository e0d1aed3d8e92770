//! What may be chosen when a sandbox is started.

use std::time::Duration;

use secrecy::SecretString;

/// How a sandbox is set up. Its `Debug` form tells no secret.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The keys that are accepted as `Authorization: Bearer`; with none, nobody is let in.
    pub api_keys: Vec<SecretString>,
    /// How callbacks are signed.
    pub signing: Signing,
    /// After how long the amounts that settle by themselves do so (0.03 and 3.00 EUR).
    pub settle_after: Duration,
    /// After how long a payment that nobody paid is cancelled.
    pub expires_after: Duration,
    /// How long to wait before each repetition of a callback that was not taken; after the last, it is given up.
    pub callback_retries: Vec<Duration>,
    /// Whether the captured amount and currency, and `payment_id` in callbacks, are told. Older backends do not.
    pub tells_amounts: bool,
    /// Whether the answer to an order has a `qr_code`.
    pub draws_qr: bool,
    /// Where payers reach it, without a slash at the end; none: where it listens.
    pub public_url: Option<String>,
}

/// How callbacks are signed. A secret that begins with `whsec_` is a key in base64; of any other, the bytes are the key.
#[derive(Debug, Clone)]
pub enum Signing {
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature` over all three with the body.
    Standard {
        /// Shared with Servelink.
        secret: SecretString,
    },
    /// `X-Payment-Signature: sha256=<hex>` over the body alone.
    Legacy {
        /// Shared with Servelink.
        secret: SecretString,
    },
    /// Not at all.
    None,
}

/// A backend of today that signs nothing and lets nobody in: keys and a secret are the caller's to choose.
impl Default for SandboxConfig {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        let doubling = (0..6).map(|power| Duration::from_secs(1 << power));
        Self {
            api_keys: vec![],
            signing: Signing::None,
            settle_after: Duration::from_secs(30),
            expires_after: 15 * minute,
            // Twenty tries in all.
            callback_retries: doubling.chain(std::iter::repeat_n(minute, 13)).collect(),
            tells_amounts: true,
            draws_qr: true,
            public_url: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_tried_twenty_times() {
        let waits: Vec<u64> =
            SandboxConfig::default().callback_retries.iter().map(Duration::as_secs).collect();
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(waits.len() + 1, 20);
    }

    #[test]
    fn debug_tells_no_secret() {
        let config = SandboxConfig {
            api_keys: vec!["canary".into()],
            signing: Signing::Standard { secret: "canary".into() },
            ..SandboxConfig::default()
        };
        let shown = format!("{config:?} {:?}", Signing::Legacy { secret: "canary".into() });
        assert!(!shown.contains("canary"), "{shown}");
    }
}
