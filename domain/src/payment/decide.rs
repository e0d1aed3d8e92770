//! What a command makes of a payment.

use chrono::{DateTime, TimeDelta, Utc};

use super::command::{Capture, Observation, ObservedStatus, PaymentCommand, Submission, Unpaid, Via};
use super::event::{
    CallbackReceived, CancellationRequested, FailureCause, PaymentCancelled, PaymentCompleted,
    PaymentConflicted, PaymentEvent, PaymentFailed, PaymentInitiated, PaymentProcessing, PaymentSubmitted,
    RefundDue, SecondLinkFound, Verdict,
};
use super::refusal::PaymentRefusal;
use super::state::{Payment, Status};
use crate::{ExternalPaymentId, Money, UserId};

/// How long a payment is followed: one whose backend tells no end may be paid for so long, and one that has ended unpaid
/// may be found paid.
pub const FOLLOWED_FOR: TimeDelta = TimeDelta::days(8);
/// Second links that are asked about. A backend that ignores our idempotency key has one more for each answer that was
/// lost, which is a few; one that has more of them is broken or hostile, and shall not make us ask for ever more. Of a link
/// beyond these nothing is remembered but its money: any callback that tells of it makes a conflict at once, also one whose
/// word is not enough elsewhere, since no poll would confirm it and a person can.
pub const MOST_SECOND_LINKS: usize = 8;
/// Callbacks after which those are no more recorded that change nothing.
const MOST_CALLBACKS: usize = 64;
/// How long a payment stands that the backend never named. Nobody can pay it, and it keeps its team from paying.
const UNNAMED_AFTER: TimeDelta = TimeDelta::days(1);
/// The same when somebody wants it called off.
const UNWANTED_AFTER: TimeDelta = TimeDelta::minutes(5);

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
            | PaymentCommand::TakeCallback { .. },
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
        (Some(asked), PaymentCommand::Expire { asked_at, unpaid }) => {
            expire(payment, asked, asked_at, unpaid)
        }
        (Some(_), PaymentCommand::OweRefund { why }) => owe_refund(payment, why),
        (Some(asked), PaymentCommand::TakeCallback { digest, observation, trusted }) => {
            take_callback(payment, asked.amount, digest, observation, trusted)
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
    if let Some(known) = &payment.external_payment_id
        && *known != submitted.external_payment_id
    {
        let told = submitted.external_payment_id;
        return Err(PaymentRefusal::OtherExternalId { known: known.clone(), told });
    }
    let news = payment.external_payment_id.is_none()
        || (payment.payment_url.is_none() && submitted.payment_url.is_some());
    let mut events = Vec::new();
    if news {
        events.push(PaymentEvent::PaymentSubmitted(submitted));
    }
    if processing && payment.status == Status::Pending {
        // The backend's answer has no time of its own; it came soon after the wish.
        let at = payment.initiated.as_ref().map_or(DateTime::UNIX_EPOCH, |initiated| initiated.at);
        events.push(PaymentEvent::PaymentProcessing(PaymentProcessing { at }));
    }
    Ok(events)
}

/// A refusal counts only while the backend has not taken the payment on, by whatever way we know.
fn refuse_submission(payment: &Payment, reason: String) -> Vec<PaymentEvent> {
    if payment.status == Status::Pending && payment.external_payment_id.is_none() {
        vec![failed(payment, FailureCause::NotTakenOn, reason)]
    } else {
        vec![]
    }
}

fn observe(payment: &Payment, asked: Money, observation: Observation) -> Decision {
    let Observation { via, external_payment_id, status, transaction_id, at } = observation;
    if payment.external_payment_id.as_ref().is_some_and(|known| *known != external_payment_id) {
        return Ok(observe_another_link(payment, asked, external_payment_id, status).into_iter().collect());
    }
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
            Some(failed(payment, FailureCause::Declined, "the backend says that it failed".to_owned()))
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

/// One external id a payment. What is told of a second link is no news of the payment itself; but money that was
/// captured by it is somebody's, and must not be lost sight of: it is asked about until there is some. Money is told of
/// once, whatever amounts are told later: a link captures once.
fn observe_another_link(
    payment: &Payment,
    asked: Money,
    link: ExternalPaymentId,
    status: ObservedStatus,
) -> Option<PaymentEvent> {
    if payment.was_paid_by(&link) {
        return None;
    }
    let captured = match status {
        ObservedStatus::Completed(Capture::Told(captured)) => captured,
        ObservedStatus::Completed(Capture::NotTold) => asked,
        ObservedStatus::Pending
        | ObservedStatus::Processing
        | ObservedStatus::Failed
        | ObservedStatus::Cancelled => {
            let new = !payment.second_links.contains_key(&link) && may_follow(payment, &link);
            let found = SecondLinkFound { external_payment_id: link };
            return new.then_some(PaymentEvent::SecondLinkFound(found));
        }
    };
    let external_payment_id = Some(link);
    Some(PaymentEvent::PaymentConflicted(PaymentConflicted { asked, captured, external_payment_id }))
}

/// Whether this second link is asked about, or can be from now on.
fn may_follow(payment: &Payment, link: &ExternalPaymentId) -> bool {
    payment.second_links.contains_key(link) || payment.second_links.len() < MOST_SECOND_LINKS
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
    let this = (captured.minor, captured.currency.code().to_owned(), None);
    let conflicted = PaymentConflicted { asked, captured, external_payment_id: None };
    (!payment.conflicts.contains(&this)).then_some(PaymentEvent::PaymentConflicted(conflicted))
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

/// A time-out alone never fails a payment: somebody must have asked since, and heard that it is not paid. What is being
/// paid, or has got lost, is waited for longer; what was paid wrongly will not be paid rightly.
fn expire(payment: &Payment, asked: &PaymentInitiated, asked_at: DateTime<Utc>, unpaid: Unpaid) -> Decision {
    if !payment.status.is_open() {
        return Ok(vec![]);
    }
    let longest = asked.at + FOLLOWED_FOR;
    let told = payment.expires_at;
    let (ends_at, cause, why) = match unpaid {
        Unpaid::Pending => (told.unwrap_or(longest), FailureCause::Expired, "it expired without being paid"),
        Unpaid::Processing => {
            let why = "it was being paid and never was paid";
            (told.unwrap_or(longest).max(longest), FailureCause::Unfinished, why)
        }
        Unpaid::Unknown => {
            let why = "the backend does not know it any more";
            (told.unwrap_or(longest).max(longest), FailureCause::Lost, why)
        }
        Unpaid::OtherMoney if payment.conflicts.is_empty() => return Err(PaymentRefusal::NotExpired),
        Unpaid::OtherMoney => {
            let why = "something else was captured than was asked; a person decides";
            (asked.at, FailureCause::OtherMoney, why)
        }
        Unpaid::Unnamed if payment.external_payment_id.is_some() => return Err(PaymentRefusal::NotExpired),
        Unpaid::Unnamed => {
            let after = if payment.cancellation_requested { UNWANTED_AFTER } else { UNNAMED_AFTER };
            let why = "whether the backend has it was never known, and nobody got a link to pay at";
            (asked.at + after, FailureCause::Lost, why)
        }
    };
    if asked_at < ends_at {
        return Err(PaymentRefusal::NotExpired);
    }
    Ok(vec![failed(payment, cause, why.to_owned())])
}

/// Whatever ends it: if money has come all the same, nobody is to pay again before a person has decided.
fn failed(payment: &Payment, cause: FailureCause, reason: String) -> PaymentEvent {
    let cause = if payment.conflicts.is_empty() { cause } else { FailureCause::OtherMoney };
    PaymentEvent::PaymentFailed(PaymentFailed { reason, cause: Some(cause) })
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

/// A callback is recorded with what was made of it. One whose word is not enough (it is not trusted, or tells of a
/// capture after the end) gives the payment its external id, or one more link to ask about, and no more: a poll decides
/// the rest.
fn take_callback(
    payment: &Payment,
    asked: Money,
    digest: String,
    observation: Observation,
    trusted: bool,
) -> Decision {
    let name = observation.external_payment_id.clone();
    let own = payment.external_payment_id.as_ref().is_none_or(|own| *own == name);
    let paid = matches!(observation.status, ObservedStatus::Completed(_));
    let late = own && paid && matches!(payment.status, Status::Failed | Status::Cancelled);
    match payment.callbacks.get(&digest) {
        // The same words, whose sender was in doubt then, or which came too early, and count now.
        Some(Verdict::ToConfirm) if trusted && !late => {}
        Some(Verdict::ToConfirm | Verdict::Applied | Verdict::NoNews) => return Ok(vec![]),
        None => {}
    }
    let believed = observe(payment, asked, observation.clone())?;
    let open_to_doubt = if own {
        // Of what is completed nothing is left to confirm, unless it would be news: other money than was captured.
        payment.status != Status::Completed || !believed.is_empty()
    } else {
        // Of a second link only money is news.
        paid && !believed.is_empty() && may_follow(payment, &name)
    };
    let (told, verdict) = if late || (!trusted && open_to_doubt) {
        // What it is called is worth knowing before it is confirmed: without it nobody can ask.
        let named = Observation { status: ObservedStatus::Pending, ..observation };
        (observe(payment, asked, named)?, Verdict::ToConfirm)
    } else {
        let verdict = if believed.is_empty() { Verdict::NoNews } else { Verdict::Applied };
        (believed, verdict)
    };
    // A payment's history stays short, however much a backend has to say that is known.
    let changes_nothing = match verdict {
        Verdict::NoNews => true,
        // It will be asked anyway.
        Verdict::ToConfirm if own => told.is_empty() && payment.to_confirm,
        Verdict::ToConfirm => payment.second_links.get(&name) == Some(&true),
        Verdict::Applied => false,
    };
    if changes_nothing && payment.callbacks.len() >= MOST_CALLBACKS {
        return Ok(vec![]);
    }
    let external_payment_id = (!own).then_some(name);
    let received = PaymentEvent::CallbackReceived(CallbackReceived { digest, verdict, external_payment_id });
    Ok([received].into_iter().chain(told).collect())
}
