//! What a command makes of a payment.

use chrono::{DateTime, Utc};

use super::command::{Capture, Observation, ObservedStatus, PaymentCommand, Submission, Via};
use super::event::{
    CallbackReceived, CancellationRequested, PaymentCancelled, PaymentCompleted, PaymentConflicted,
    PaymentEvent, PaymentFailed, PaymentInitiated, PaymentProcessing, PaymentSubmitted, RefundDue,
};
use super::refusal::PaymentRefusal;
use super::state::{Payment, Status};
use crate::{Money, UserId};

type Decision = Result<Vec<PaymentEvent>, PaymentRefusal>;

/// The events that this command causes; none when it tells what is known already.
///
/// # Errors
/// [`PaymentRefusal`], and then nothing changes.
pub fn decide(payment: &Payment, command: PaymentCommand) -> Decision {
    match (&payment.initiated, command) {
        (None, PaymentCommand::Initiate(initiated)) => initiate(initiated),
        (
            None,
            PaymentCommand::Submit(_)
            | PaymentCommand::RefuseSubmission { .. }
            | PaymentCommand::Observe(_)
            | PaymentCommand::RequestCancellation { .. }
            | PaymentCommand::Expire { .. }
            | PaymentCommand::OweRefund { .. }
            | PaymentCommand::NoteCallback { .. },
        ) => Err(PaymentRefusal::Unknown),
        (Some(known), PaymentCommand::Initiate(initiated)) => {
            if *known == initiated {
                Ok(vec![])
            } else {
                Err(PaymentRefusal::Exists)
            }
        }
        (Some(_), PaymentCommand::Submit(submission)) => submit(payment, submission),
        (Some(_), PaymentCommand::RefuseSubmission { reason }) => Ok(refuse_submission(payment, reason)),
        (Some(asked), PaymentCommand::Observe(observation)) => observe(payment, asked.amount, observation),
        (Some(_), PaymentCommand::RequestCancellation { by, at }) => request_cancellation(payment, by, at),
        (Some(_), PaymentCommand::Expire { polled_unpaid_at }) => expire(payment, polled_unpaid_at),
        (Some(_), PaymentCommand::OweRefund { why }) => owe_refund(payment, why),
        (Some(_), PaymentCommand::NoteCallback { digest, verdict }) => {
            Ok(note_callback(payment, digest, verdict))
        }
    }
}

fn initiate(initiated: PaymentInitiated) -> Decision {
    if initiated.amount.minor <= 0 {
        return Err(PaymentRefusal::NoAmount);
    }
    Ok(vec![PaymentEvent::PaymentInitiated(initiated)])
}

fn submit(payment: &Payment, submission: Submission) -> Decision {
    let Submission { submitted, processing } = submission;
    same_external_id(payment, &submitted.external_payment_id)?;
    let news = payment.external_payment_id.is_none()
        || (payment.payment_url.is_none() && submitted.payment_url.is_some());
    let mut events = Vec::new();
    if news {
        events.push(PaymentEvent::PaymentSubmitted(submitted));
    }
    if processing && payment.status == Status::Pending {
        // The backend's answer has no time of its own; the record's is close enough.
        let at = payment.initiated.as_ref().map_or(DateTime::UNIX_EPOCH, |initiated| initiated.at);
        events.push(PaymentEvent::PaymentProcessing(PaymentProcessing { at }));
    }
    Ok(events)
}

/// A refusal counts only while the backend has not taken the payment on, by whatever way we know.
fn refuse_submission(payment: &Payment, reason: String) -> Vec<PaymentEvent> {
    if payment.status == Status::Pending && payment.external_payment_id.is_none() {
        vec![PaymentEvent::PaymentFailed(PaymentFailed { reason })]
    } else {
        vec![]
    }
}

fn observe(payment: &Payment, asked: Money, observation: Observation) -> Decision {
    let Observation { via, external_payment_id, status, transaction_id, at } = observation;
    same_external_id(payment, &external_payment_id)?;
    let mut events = Vec::new();
    if payment.external_payment_id.is_none() {
        // Its answer was lost or is still on its way: now the payment has the backend's id all the same.
        events.push(PaymentEvent::PaymentSubmitted(PaymentSubmitted {
            external_payment_id,
            payment_url: None,
            qr_code: None,
            expires_at: None,
        }));
    }
    let news = match (payment.status, status) {
        (_, ObservedStatus::Completed(Capture::Told(captured))) if captured != asked => {
            conflict(payment, asked, captured)
        }
        (Status::Pending | Status::Processing, ObservedStatus::Completed(capture)) => {
            Some(completed(asked, capture, transaction_id, at))
        }
        (Status::Failed | Status::Cancelled, ObservedStatus::Completed(capture)) => match via {
            Via::Poll => Some(completed(asked, capture, transaction_id, at)),
            Via::Callback | Via::Cancellation => None,
        },
        (Status::Pending, ObservedStatus::Processing) => {
            Some(PaymentEvent::PaymentProcessing(PaymentProcessing { at }))
        }
        (Status::Pending | Status::Processing, ObservedStatus::Failed) => {
            let reason = "the backend says that it failed".to_owned();
            Some(PaymentEvent::PaymentFailed(PaymentFailed { reason }))
        }
        (Status::Pending | Status::Processing, ObservedStatus::Cancelled) => {
            Some(PaymentEvent::PaymentCancelled(PaymentCancelled { at }))
        }
        (Status::Pending, ObservedStatus::Pending)
        | (Status::Processing, ObservedStatus::Pending | ObservedStatus::Processing)
        | (
            Status::Failed | Status::Cancelled,
            ObservedStatus::Pending
            | ObservedStatus::Processing
            | ObservedStatus::Failed
            | ObservedStatus::Cancelled,
        )
        | (
            Status::Unknown | Status::Completed,
            ObservedStatus::Pending
            | ObservedStatus::Processing
            | ObservedStatus::Completed(_)
            | ObservedStatus::Failed
            | ObservedStatus::Cancelled,
        ) => None,
    };
    events.extend(news);
    Ok(events)
}

/// One external id a payment: what is told of another id is told of another payment.
fn same_external_id(payment: &Payment, told: &str) -> Result<(), PaymentRefusal> {
    match &payment.external_payment_id {
        Some(known) if known != told => {
            Err(PaymentRefusal::OtherExternalId { known: known.clone(), told: told.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

fn completed(
    asked: Money,
    capture: Capture,
    transaction_id: Option<String>,
    at: DateTime<Utc>,
) -> PaymentEvent {
    let told = match capture {
        Capture::Told(_) => true,
        Capture::NotTold => false,
    };
    // Whatever was told is what was asked: the rest is a conflict.
    PaymentEvent::PaymentCompleted(PaymentCompleted {
        transaction_id,
        captured: asked,
        told,
        completed_at: at,
    })
}

fn conflict(payment: &Payment, asked: Money, captured: Money) -> Option<PaymentEvent> {
    let known = payment.conflicts.contains(&(captured.minor, captured.currency.code().to_owned()));
    (!known).then_some(PaymentEvent::PaymentConflicted(PaymentConflicted { asked, captured }))
}

fn request_cancellation(payment: &Payment, by: UserId, at: DateTime<Utc>) -> Decision {
    match payment.status {
        Status::Pending | Status::Processing if payment.cancellation_requested => Ok(vec![]),
        Status::Pending | Status::Processing => {
            Ok(vec![PaymentEvent::CancellationRequested(CancellationRequested { by, at })])
        }
        Status::Cancelled => Ok(vec![]),
        Status::Unknown | Status::Completed | Status::Failed => {
            Err(PaymentRefusal::TooLate(payment.status.as_str()))
        }
    }
}

/// A time-out alone never fails a payment: somebody must have asked since, and heard that it is not paid.
fn expire(payment: &Payment, polled_unpaid_at: DateTime<Utc>) -> Decision {
    match (payment.status, payment.expires_at) {
        (Status::Pending | Status::Processing, Some(expires_at)) if polled_unpaid_at >= expires_at => {
            let reason = format!("it expired at {expires_at} without being paid");
            Ok(vec![PaymentEvent::PaymentFailed(PaymentFailed { reason })])
        }
        (Status::Pending | Status::Processing, Some(_) | None) => Err(PaymentRefusal::NotExpired),
        (Status::Unknown | Status::Completed | Status::Failed | Status::Cancelled, Some(_) | None) => {
            Ok(vec![])
        }
    }
}

fn owe_refund(payment: &Payment, why: String) -> Decision {
    match payment.status {
        Status::Completed if payment.refund_due => Ok(vec![]),
        Status::Completed => Ok(vec![PaymentEvent::RefundDue(RefundDue { why })]),
        Status::Unknown | Status::Pending | Status::Processing | Status::Failed | Status::Cancelled => {
            Err(PaymentRefusal::NothingCaptured)
        }
    }
}

fn note_callback(payment: &Payment, digest: String, verdict: String) -> Vec<PaymentEvent> {
    if payment.callbacks.contains(&digest) {
        vec![]
    } else {
        vec![PaymentEvent::CallbackReceived(CallbackReceived { digest, verdict })]
    }
}
