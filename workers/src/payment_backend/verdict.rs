//! What an answer's status code means, for each operation, and whether asking again may help. Bodies are not looked at
//! here: those of errors are not specified and may be HTML.

use std::time::Duration;

use reqwest::StatusCode;
use store::payments::BackendError;

use super::transport::{Answer, Broken};

/// What the backend is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// To take a payment on.
    Initiate,
    /// Where a payment stands.
    Poll,
    /// To call a payment off.
    Cancel,
}

impl Operation {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Initiate => "initiate",
            Self::Poll => "status",
            Self::Cancel => "cancel",
        }
    }
}

/// Whether asking again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// No.
    No,
    /// After a short pause.
    Soon,
    /// After the pause that the backend asks for.
    After(Duration),
}

/// A try that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// What it comes to if there is no other try.
    pub(super) error: BackendError,
    /// Whether there should be.
    pub(super) again: Again,
    /// Whether what was asked may have been done all the same.
    pub(super) may_be_done: bool,
}

/// What an answer says of the backend as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// It works: it said something, if only that it does not want this payment.
    Works,
    /// It does not.
    Fails,
    /// It may be this payment alone that it stumbles over: everybody else must not wait for that.
    Nothing,
}

/// What this answer says of the backend; none: there was no answer.
pub(super) fn counts(operation: Operation, status: Option<StatusCode>) -> Counts {
    match (status.map(|status| status.as_u16()), operation) {
        (Some(..500), _) => Counts::Works,
        (Some(500), Operation::Poll | Operation::Cancel) => Counts::Nothing,
        (Some(_) | None, _) => Counts::Fails,
    }
}

/// The body of an answer that says yes.
pub(super) fn of(operation: Operation, answer: Result<Answer, Broken>) -> Result<Vec<u8>, Failed> {
    // Whoever asks where a payment stands changes nothing.
    let changes = operation != Operation::Poll;
    let lost = |what, again, may_be_done| {
        Err(Failed { error: BackendError::Unanswered { what }, again, may_be_done: may_be_done && changes })
    };
    match answer {
        Ok(answer) if answer.status.is_success() => Ok(answer.body),
        Ok(answer) => Err(of_status(operation, answer.status, answer.retry_after)),
        Err(Broken::NotConnected(what)) => lost(what, Again::Soon, false),
        Err(Broken::Lost(what)) => lost(what, Again::Soon, true),
        Err(Broken::TooLong(what)) => lost(what, Again::No, true),
    }
}

fn of_status(operation: Operation, status: StatusCode, retry_after: Option<Duration>) -> Failed {
    use Operation::{Cancel, Initiate, Poll};
    let settled = |error| Failed { error, again: Again::No, may_be_done: false };
    let unanswered = || BackendError::Unanswered { what: status.to_string() };
    match (status.as_u16(), operation) {
        (401 | 403, _) => settled(BackendError::Unauthorised),
        // Not now: too early or too much, and so surely not begun.
        (425 | 429, _) => {
            let again = retry_after.map_or(Again::Soon, Again::After);
            Failed { error: unanswered(), again, may_be_done: false }
        }
        // Something on the way gave up; behind it the request may have arrived.
        (408 | 502..=504, _) => {
            let again = retry_after.map_or(Again::Soon, Again::After);
            Failed { error: unanswered(), again, may_be_done: operation != Poll }
        }
        (404, Poll | Cancel) => settled(BackendError::Unknown),
        // There is a payment of this id already, or a request with this idempotency key is being worked on: both mean
        // that an earlier request of ours arrived, whose answer was lost. That is no refusal: the payment may be paid.
        (409, Initiate) => settled(unanswered()),
        (400..=499, Initiate | Cancel) => settled(BackendError::Refused { reason: status.to_string() }),
        // Where a payment stands is not told by a refusal to tell it.
        (400..=499, Poll) => settled(unanswered()),
        // 500 and the like are the backend's own mistake, which asking again in a second repeats; a redirection is
        // not followed; and there is nothing else.
        (_, Initiate | Poll | Cancel) => settled(unanswered()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Sort {
        Refused,
        Unauthorised,
        Unknown,
        Unanswered,
    }

    fn answered(operation: Operation, status: u16) -> Failed {
        let status = StatusCode::from_u16(status).unwrap();
        of(operation, Ok(Answer { status, retry_after: None, body: vec![] })).unwrap_err()
    }

    fn sort(failed: &Failed) -> Sort {
        match failed.error {
            BackendError::Refused { .. } => Sort::Refused,
            BackendError::Unauthorised => Sort::Unauthorised,
            BackendError::Unknown => Sort::Unknown,
            BackendError::Unanswered { .. } => Sort::Unanswered,
            BackendError::Resting { .. } => unreachable!("the breaker's"),
        }
    }

    #[test]
    fn every_status_means_something() {
        use Operation::{Cancel, Initiate, Poll};
        use Sort::{Refused, Unanswered, Unauthorised, Unknown};
        for status in 300..=999 {
            for operation in [Initiate, Poll, Cancel] {
                let expected = match (status, operation) {
                    (401 | 403, _) => Unauthorised,
                    (404, Poll | Cancel) => Unknown,
                    (408 | 425 | 429, _) | (409, Initiate) | (400..=499, Poll) => Unanswered,
                    (400..=499, _) => Refused,
                    _ => Unanswered,
                };
                let failed = answered(operation, status);
                assert_eq!(sort(&failed), expected, "{status} {operation:?}");
                let again = matches!(status, 408 | 425 | 429 | 502..=504);
                assert_eq!(failed.again == Again::Soon, again, "{status} {operation:?}");
                let doubt = matches!(status, 408 | 502..=504) && operation != Poll;
                assert_eq!(failed.may_be_done, doubt, "{status} {operation:?}");
            }
        }
    }

    #[test]
    fn one_payment_that_it_stumbles_over_is_no_failure_of_all() {
        let of = |operation, status: Option<u16>| {
            counts(operation, status.map(|status| StatusCode::from_u16(status).unwrap()))
        };
        for operation in [Operation::Initiate, Operation::Poll, Operation::Cancel] {
            assert_eq!(of(operation, Some(404)), Counts::Works);
            assert_eq!((of(operation, Some(503)), of(operation, None)), (Counts::Fails, Counts::Fails));
        }
        assert_eq!(of(Operation::Initiate, Some(500)), Counts::Fails);
        assert_eq!(of(Operation::Poll, Some(500)), Counts::Nothing);
        assert_eq!(of(Operation::Cancel, Some(500)), Counts::Nothing);
    }

    #[test]
    fn what_was_not_connected_was_not_done() {
        let broken = |broken| of(Operation::Cancel, Err(broken)).unwrap_err();
        assert!(!broken(Broken::NotConnected("x".into())).may_be_done);
        assert!(broken(Broken::Lost("x".into())).may_be_done);
        assert_eq!(broken(Broken::TooLong("x".into())).again, Again::No);
        assert!(!of(Operation::Poll, Err(Broken::Lost("x".into()))).unwrap_err().may_be_done);
    }

    #[test]
    fn the_status_line_is_ours() {
        let BackendError::Refused { reason } = answered(Operation::Initiate, 422).error else { panic!() };
        assert_eq!(reason, "422 Unprocessable Entity");
    }
}
