//! Why a callback is refused, and what its sender is told: everything but what is secret, since a sender who is refused
//! has only this to find out why.

use super::AddressRefused;
use super::standard::TOLERANCE_SECONDS;
use crate::problem::{Kind, Problem};

/// Why nothing vouches for a callback. Headers are named in lower case, as they travel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header of any scheme is there.
    #[error(
        "the callback is not signed: send `webhook-id`, `webhook-timestamp` and `webhook-signature`, \
         or `x-payment-signature`"
    )]
    Unsigned,
    /// The scheme needs this header.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// This header is there twice or more: which of them counts would be a guess.
    #[error("the header `{0}` is there more than once")]
    Repeated(&'static str),
    /// This header is not of its form.
    #[error("the header `{header}` is malformed: {why}")]
    Malformed {
        /// Its name.
        header: &'static str,
        /// What it must be.
        why: &'static str,
    },
    /// It was signed too long ago.
    #[error(
        "the header `webhook-timestamp` is {age} s behind the clock here, and at most {TOLERANCE_SECONDS} s are \
         taken: sign again whenever the same callback is sent again"
    )]
    TooOld {
        /// How long ago, in seconds.
        age: i128,
    },
    /// It claims to have been signed too far in the future.
    #[error(
        "the header `webhook-timestamp` is {ahead} s ahead of the clock here, and at most {TOLERANCE_SECONDS} s are \
         taken: it must be seconds since 1970-01-01T00:00:00Z"
    )]
    TooFarAhead {
        /// How far, in seconds.
        ahead: i128,
    },
    /// This header is of its form, but no active secret made what it holds.
    #[error(
        "no signature in the header `{0}` is right: it was made with a secret that is not active here, or what was \
         signed is not, byte for byte, what came"
    )]
    NoMatch(&'static str),
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        Self::new(Kind::BadSignature, error.to_string())
    }
}

impl From<AddressRefused> for Problem {
    fn from(error: AddressRefused) -> Self {
        Self::new(Kind::AddressRefused, error.to_string())
    }
}
