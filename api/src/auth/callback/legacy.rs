//! The scheme that payment backends had before Standard Webhooks: `X-Payment-Signature: sha256=<hex>`, HMAC-SHA256 over
//! the body.

use http::HeaderMap;

use super::secret::{Tag, WebhookSecret, signer};
use super::{SignatureError, only};

pub(super) const HEADER: &str = "x-payment-signature";

/// The kid of the secret that signed this body.
pub(super) fn verify(
    secrets: &[WebhookSecret],
    headers: &HeaderMap,
    body: &[u8],
) -> Result<String, SignatureError> {
    let tag = tag(only(headers, HEADER)?).ok_or(SignatureError::Malformed {
        header: HEADER,
        why: "it must be `sha256=` and 64 hexadecimal digits",
    })?;
    let signer = signer(secrets, &[body], &[tag]).ok_or(SignatureError::NoMatch(HEADER))?;
    Ok(signer.kid().to_owned())
}

fn tag(value: &str) -> Option<Tag> {
    let mut tag = Tag::default();
    hex::decode_to_slice(value.strip_prefix("sha256=")?, &mut tag).ok()?;
    Some(tag)
}
