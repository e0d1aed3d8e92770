//! Why a webhook was not handed over, and whether another try can help. Neither the URL's path, which may hold a
//! secret, nor a word of the answer is in it.

use std::error::Error;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::config::WebhookLimits;
use super::resolver::PrivateAddress;
use crate::trouble::in_one_line;

/// The longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The most characters of what broke a connection: a certificate that is not for the host may name a thousand others.
const LONGEST: usize = 300;

/// Why a webhook was not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The receiver wants it no more, however often it is tried.
    #[error("the webhook is refused for good: {0}")]
    Permanent(String),
    /// The receiver cannot be reached, or does not take it now. Almost everything is of this kind: what answers 404
    /// or 401 may be set up right in an hour.
    #[error("the webhook is not sent for now: {why}")]
    Transient {
        /// What happened, and what to do about it.
        why: String,
        /// How long the receiver asks to be left alone: a day at most.
        retry_after: Option<Duration>,
    },
}

impl SendError {
    /// Whether another try is useless.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Permanent(_) => true,
            Self::Transient { .. } => false,
        }
    }

    /// How long the receiver asks to be left alone, if it said so: a day at most.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Permanent(_) => None,
            Self::Transient { retry_after, .. } => *retry_after,
        }
    }

    /// What an answer means.
    pub(super) fn of_answer(host: &str, status: StatusCode, headers: &HeaderMap) -> Result<(), Self> {
        let advice = match status.as_u16() {
            200..=299 => return Ok(()),
            // "The endpoint no longer wants to receive webhooks" (Standard Webhooks, "Disabling endpoints").
            410 => {
                return Err(Self::Permanent(format!(
                    "{host} answers {status}; unset SERVELINK_WEBHOOK_URL if it wants no webhooks any more"
                )));
            }
            300..=399 => ", and redirections are not followed; set SERVELINK_WEBHOOK_URL to where it leads",
            400 | 401 | 403 => {
                "; it may not know a secret of SERVELINK_WEBHOOK_SECRETS, or have another time"
            }
            404 | 405 => "; is the path in SERVELINK_WEBHOOK_URL right?",
            _ => "",
        };
        let retry_after = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => retry_after(headers),
            _ => None,
        };
        Err(Self::Transient { why: format!("{host} answers {status}{advice}"), retry_after })
    }

    /// What it means that there is no answer.
    pub(super) fn of(error: reqwest::Error, host: &str, limits: &WebhookLimits) -> Self {
        let why = match (refused(&error), error.is_connect(), error.is_timeout()) {
            (Some(refused), _, _) => refused.to_string(),
            (None, true, true) => format!("no connection to {host} within {:.1?}", limits.connect),
            (None, false, true) => format!("{host} does not answer within {:.1?}", limits.total),
            (None, _, false) => {
                let what = if error.is_connect() { "cannot be reached" } else { "does not answer" };
                let cause = in_one_line(&error.without_url());
                format!("{host} {what}: {}", cause.chars().take(LONGEST).collect::<String>())
            }
        };
        Self::Transient { why, retry_after: None }
    }
}

/// That the resolver let no address through.
fn refused(error: &reqwest::Error) -> Option<&PrivateAddress> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}

/// In seconds; the form with a date is not read, since it needs two clocks that agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    // Digits that are no number are too many.
    let digits = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<&str>) -> Result<(), SendError> {
        let headers = retry_after.map(|text| (RETRY_AFTER, text.parse().unwrap())).into_iter().collect();
        SendError::of_answer("paas.example", StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn every_status_means_something() {
        for status in 200..=999 {
            let outcome = answered(status, Some("7"));
            match status {
                200..=299 => assert_eq!(outcome, Ok(())),
                410 => assert!(outcome.unwrap_err().is_permanent()),
                _ => {
                    let error = outcome.unwrap_err();
                    let wait = matches!(status, 429 | 503).then_some(Duration::from_secs(7));
                    assert!(!error.is_permanent(), "{status}");
                    assert_eq!(error.retry_after(), wait, "{status}");
                    assert!(error.to_string().contains(&format!("paas.example answers {status}")), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_wait_is_seconds_and_has_an_end() {
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("86400", Some(86_400)),
            ("86401", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ] {
            let wait = answered(429, Some(text)).unwrap_err().retry_after();
            assert_eq!(wait, seconds.map(Duration::from_secs), "{text:?}");
        }
        assert_eq!(answered(503, None).unwrap_err().retry_after(), None);
    }
}
