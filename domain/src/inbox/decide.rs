//! What a command makes of an external id.

use super::command::InboxCommand;
use super::event::{CallbackParked, InboxEvent, PaymentMatched};
use super::refusal::InboxRefusal;
use super::state::Inbox;
use crate::PaymentId;

/// Callbacks that wait under one id at the most: a payment has five statuses, and a backend has no more to say.
pub const MOST_PARKED: usize = 16;

type Decision = Result<Vec<InboxEvent>, InboxRefusal>;

/// The events that this command causes; none when it tells what is known already.
///
/// # Errors
/// [`InboxRefusal`], and then nothing changes.
pub fn decide(inbox: &Inbox, command: InboxCommand) -> Decision {
    match (inbox.payment_id, command) {
        (None, InboxCommand::Park(callback)) => park(inbox, callback),
        (Some(payment_id), InboxCommand::Park(_)) => Err(InboxRefusal::Matched { payment_id }),
        (None, InboxCommand::Match { payment_id }) => {
            Ok(vec![InboxEvent::PaymentMatched(PaymentMatched { payment_id })])
        }
        (Some(known), InboxCommand::Match { payment_id }) => same(known, payment_id),
    }
}

fn park(inbox: &Inbox, callback: CallbackParked) -> Decision {
    let same =
        |parked: &CallbackParked| (&parked.digest, parked.trusted) == (&callback.digest, callback.trusted);
    if inbox.parked.iter().any(same) {
        Ok(vec![])
    } else if inbox.parked.len() < MOST_PARKED {
        Ok(vec![InboxEvent::CallbackParked(callback)])
    } else {
        Err(InboxRefusal::Full)
    }
}

fn same(known: PaymentId, told: PaymentId) -> Decision {
    if known == told { Ok(vec![]) } else { Err(InboxRefusal::Matched { payment_id: known }) }
}
