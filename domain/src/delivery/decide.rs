//! What a command makes of a delivery.

use super::command::DeliveryCommand;
use super::event::{Delivered, DeliveryDelayed, DeliveryEvent, DeliveryGivenUp};
use super::refusal::{DeliveryRefusal, LONGEST_REASON};
use super::state::Delivery;

type Decision = Result<Vec<DeliveryEvent>, DeliveryRefusal>;

/// The events that this command causes; none when it tells what is known already, or what does not count any more.
///
/// # Errors
/// [`DeliveryRefusal`], and then nothing changes.
pub fn decide(delivery: &Delivery, command: DeliveryCommand) -> Decision {
    match (delivery, command) {
        (Delivery::Due, DeliveryCommand::Delay { at, reason }) => {
            let reason = checked(reason)?;
            Ok(vec![DeliveryEvent::DeliveryDelayed(DeliveryDelayed { at, reason })])
        }
        (Delivery::Due | Delivery::Delayed { .. }, DeliveryCommand::GiveUp { at, reason }) => {
            let reason = checked(reason)?;
            Ok(vec![DeliveryEvent::DeliveryGivenUp(DeliveryGivenUp { at, reason })])
        }
        // What was given up may be sent by hand.
        (Delivery::Due | Delivery::Delayed { .. } | Delivery::GivenUp, DeliveryCommand::Deliver { at }) => {
            Ok(vec![DeliveryEvent::Delivered(Delivered { at })])
        }
        (Delivery::Delayed { .. }, DeliveryCommand::Delay { .. })
        | (Delivery::GivenUp, DeliveryCommand::Delay { .. } | DeliveryCommand::GiveUp { .. })
        | (
            Delivery::Delivered,
            DeliveryCommand::Delay { .. } | DeliveryCommand::Deliver { .. } | DeliveryCommand::GiveUp { .. },
        ) => Ok(vec![]),
    }
}

fn checked(reason: String) -> Result<String, DeliveryRefusal> {
    if reason.len() > LONGEST_REASON { Err(DeliveryRefusal::LongReason(reason.len())) } else { Ok(reason) }
}
