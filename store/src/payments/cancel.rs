//! Calling a payment off: a member's wish, which the backend decides on.

use domain::payment::{Observation, ObservedStatus, PaymentRefusal, Status, Unpaid, Via};
use domain::{ExternalPaymentId, PaymentId, UserId};

use super::backend::BackendError;
use super::{Payments, PaymentsError};
use crate::commands::{Actor, CommandError, PaymentNow};

impl Payments {
    /// A member of the team wants the payment called off. Goes on when the caller stops waiting. The payment that
    /// comes back is cancelled.
    ///
    /// # Errors
    /// [`PaymentRefusal::TooLate`] when it has ended otherwise, [`PaymentsError`].
    pub async fn cancel(&self, actor: Actor, id: PaymentId, by: UserId) -> Result<PaymentNow, PaymentsError> {
        let known = self.commands.payment(id).await?.payment;
        let team = known.initiated.ok_or(CommandError::from(PaymentRefusal::Unknown))?.team_id;
        if known.status.is_open() {
            self.backend.ready()?;
        }
        let place = self.flights.place(team).ok_or(PaymentsError::Busy)?;
        let payments = self.clone();
        let work = tokio::spawn(async move {
            let _place = place;
            payments.commands.request_cancellation(&actor, id, by).await?;
            // Whoever is asking the backend for it now learns its name first.
            let _alone = payments.flights.alone(team).await;
            payments.follow_cancellation(&actor, id).await
        });
        work.await.map_err(|_| PaymentsError::Stopping)?
    }

    /// Calls off at the backend what a member wants called off.
    ///
    /// # Errors
    /// As for [`Payments::cancel`].
    pub async fn follow_cancellation(
        &self,
        actor: &Actor,
        id: PaymentId,
    ) -> Result<PaymentNow, PaymentsError> {
        let mut now = self.commands.payment(id).await?;
        if now.payment.status.is_open() && now.payment.external_payment_id.is_none() {
            now = self.refresh(actor, id).await?;
        }
        if !now.payment.status.is_open() {
            return called_off(now);
        }
        let Some(name) = now.payment.external_payment_id.clone() else {
            let what = "the payment is not known to have reached it".into();
            return Err(BackendError::Unanswered { what }.into());
        };
        match self.backend.cancel(id, &name).await {
            Ok(()) => called_off(self.observe_cancelled(actor, id, name).await?),
            // It says that it is too late: then it knows what came instead.
            Err(refused @ BackendError::Refused { .. }) => {
                let now = self.refresh(actor, id).await?;
                if now.payment.status.is_open() { Err(refused.into()) } else { called_off(now) }
            }
            // It does not know it: if it says so when it is polled too, nobody can pay it.
            Err(unknown @ BackendError::Unknown) => {
                let asked = now.payment.initiated.as_ref().map(|initiated| initiated.amount);
                let asked = asked.ok_or(CommandError::from(PaymentRefusal::Unknown))?;
                match self.poll(actor, now, name.clone(), asked).await? {
                    (_, Unpaid::Unknown) => called_off(self.observe_cancelled(actor, id, name).await?),
                    (now, _) if now.payment.status.is_open() => Err(unknown.into()),
                    (now, _) => called_off(now),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn observe_cancelled(
        &self,
        actor: &Actor,
        id: PaymentId,
        external_payment_id: ExternalPaymentId,
    ) -> Result<PaymentNow, CommandError> {
        let (via, status, at) = (Via::Cancellation, ObservedStatus::Cancelled, self.clock.now());
        let observation = Observation { via, external_payment_id, status, transaction_id: None, at };
        self.commands.observe_payment(actor, id, observation).await
    }
}

/// Whoever cancels wants to know that it is cancelled, and else what it is.
fn called_off(now: PaymentNow) -> Result<PaymentNow, PaymentsError> {
    match now.payment.status {
        Status::Cancelled => Ok(now),
        Status::Unknown | Status::Pending | Status::Processing | Status::Completed | Status::Failed => {
            Err(CommandError::from(PaymentRefusal::TooLate(now.payment.status.as_str())).into())
        }
    }
}
