//! Callbacks: each changes its payment, or waits for it under the backend's name.

use domain::inbox::{self, CallbackParked, Inbox, InboxCommand};
use domain::payment::{Observation, ObservedStatus, Payment, PaymentCommand, Status, Via};
use domain::{ExternalPaymentId, PaymentId};

use super::{Answered, warn_of_conflict};
use crate::commands::{Actor, CommandError, Commands, Loaded, decide_until_first};
use crate::log::{Key, Position};

/// A callback whose sender was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// What the backend calls the payment.
    pub external_payment_id: ExternalPaymentId,
    /// What we call it, if told.
    pub payment_id: Option<PaymentId>,
    /// SHA-256 of its body, in hex; its place in the inbox until then; whether its word is enough.
    pub told: CallbackParked,
}

/// What became of a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Everything of it is seen after this position.
    pub position: Position,
    /// The payment, and where it stands; none when it is not known yet and the callback waits.
    pub payment: Option<(PaymentId, Status)>,
    /// Only a poll can tell whether it is so.
    pub to_confirm: bool,
    /// The same message came before.
    pub repeated: bool,
}

impl Commands {
    /// Takes in a callback: it changes its payment, or waits for it. `key` stands for the message; the same message
    /// again gets the same answer and changes nothing.
    ///
    /// # Errors
    /// [`AppendError::KeysReused`](crate::AppendError::KeysReused) when the key came with another digest,
    /// [`InboxRefusal`](domain::inbox::InboxRefusal), and what any command may meet.
    pub async fn receive_callback(
        &self,
        actor: &Actor,
        callback: &Callback,
        key: &Key,
    ) -> Result<Receipt, CommandError> {
        decide_until_first!(self.receive(actor, callback, key))
    }

    async fn receive(&self, actor: &Actor, callback: &Callback, key: &Key) -> Result<Receipt, CommandError> {
        let name = &callback.external_payment_id;
        let inbox: Loaded<Inbox> = self.load(name.as_str()).await?;
        let payment_id = match (inbox.state.payment_id, callback.payment_id) {
            (Some(matched), _) => Some(matched),
            // Whose word is not enough gives no names: the backend's own answer does.
            (None, Some(told)) if callback.told.trusted => self.exists(told).await?.then_some(told),
            (None, Some(_) | None) => None,
        };
        let mut receipt =
            Receipt { position: Position::default(), payment: None, to_confirm: false, repeated: false };
        let mut conflicted = None;
        let streams = match payment_id {
            Some(id) => {
                let told = take(name, callback.told.clone());
                let decided = self.decided_payment(id, told, Some(name)).await?;
                receipt.payment = Some((id, decided.payment.status));
                receipt.to_confirm =
                    decided.payment.to_confirm && decided.payment.status != Status::Completed;
                conflicted = decided.conflicted.then_some(id);
                decided.streams
            }
            None => {
                if let ObservedStatus::Completed(_) = callback.told.status {
                    tracing::warn!(external = %name, "money came for a payment that is not known yet");
                }
                let parked = inbox::decide(&inbox.state, InboxCommand::Park(callback.told.clone()))?;
                vec![inbox.decided(&parked)?]
            }
        };
        let answered = Answered {
            payment_id: receipt.payment.map(|(id, _)| id),
            status: receipt.payment.map(|(_, status)| status),
        };
        let key = Key { answer: Some(answered.text()?), ..key.clone() };
        let appended = self.record_as(actor, key.clone(), streams, vec![]).await?;
        if let Some(earlier) = appended.earlier {
            let answer = earlier.first().and_then(|record| record.answer.as_deref());
            let answered = Answered::of(&key, answer)?;
            receipt.payment = answered.payment_id.zip(answered.status);
            receipt.repeated = true;
        } else if let Some(id) = conflicted {
            warn_of_conflict(id);
        }
        Ok(Receipt { position: appended.position, ..receipt })
    }

    async fn exists(&self, id: PaymentId) -> Result<bool, CommandError> {
        let loaded: Loaded<Payment> = self.load(&id.to_string()).await?;
        Ok(loaded.state.initiated.is_some())
    }
}

/// What is told under this name, as a command to the payment that it is told of.
pub(super) fn take(name: &ExternalPaymentId, told: CallbackParked) -> PaymentCommand {
    let CallbackParked { digest, status, transaction_id, at, trusted } = told;
    let observation =
        Observation { via: Via::Callback, external_payment_id: name.clone(), status, transaction_id, at };
    PaymentCommand::TakeCallback { digest, observation, trusted }
}
