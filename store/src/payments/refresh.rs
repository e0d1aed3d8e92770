//! Asking the backend where a payment stands.

use domain::payment::{Observation, ObservedStatus, PaymentRefusal, Unpaid, Via};
use domain::{ExternalPaymentId, Money, PaymentId};

use super::backend::{BackendError, Polled};
use super::flights::Question;
use super::{FRESH, Payments, PaymentsError};
use crate::commands::{Actor, CommandError, PaymentNow};

impl Payments {
    /// Asks the backend where the payment stands, and records what it says: whatever its state, and also when it is
    /// not known whether the backend has it. What is not paid when its time is over ends.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub async fn refresh(&self, actor: &Actor, id: PaymentId) -> Result<PaymentNow, PaymentsError> {
        // Before the question: what is paid after it is no answer to it.
        let asked_at = self.clock.now();
        let now = self.commands.payment(id).await?;
        let asked = now.payment.initiated.as_ref().map(|initiated| initiated.amount);
        let (now, unpaid) = match (now.payment.external_payment_id.clone(), asked) {
            (Some(name), Some(asked)) => self.poll(actor, now, name, asked).await?,
            (None, _) | (_, None) if now.payment.status.is_open() => {
                (self.find(actor, now).await?, Unpaid::Unnamed)
            }
            (None, _) | (_, None) => {
                self.flights.found(id);
                return Ok(now);
            }
        };
        if !now.payment.status.is_open() {
            self.flights.found(id);
            return Ok(now);
        }
        match self.commands.expire_payment(actor, id, asked_at, unpaid).await {
            Err(CommandError::Payment(PaymentRefusal::NotExpired)) => Ok(now),
            expired => Ok(expired?),
        }
    }

    /// Asks the backend about a second link of the payment, and records what it says. That never changes where the payment
    /// stands: money that has come by the link is a conflict. A link that is not followed, or no more, is not asked about.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub async fn refresh_second_link(
        &self,
        actor: &Actor,
        id: PaymentId,
        link: &ExternalPaymentId,
    ) -> Result<PaymentNow, PaymentsError> {
        let now = self.commands.payment(id).await?;
        let asked = now.payment.initiated.as_ref().map(|initiated| initiated.amount);
        match asked.filter(|_| now.payment.follows(link)) {
            Some(asked) => Ok(self.ask(actor, now, link.clone(), asked).await?.0),
            None => Ok(now),
        }
    }

    /// Asks where the payment stands by its own name; and what is said of it if it is not paid.
    pub(super) async fn poll(
        &self,
        actor: &Actor,
        now: PaymentNow,
        name: ExternalPaymentId,
        asked: Money,
    ) -> Result<(PaymentNow, Unpaid), PaymentsError> {
        self.flights.asked(now.id, Question::Poll);
        self.ask(actor, now, name, asked).await
    }

    async fn ask(
        &self,
        actor: &Actor,
        now: PaymentNow,
        name: ExternalPaymentId,
        asked: Money,
    ) -> Result<(PaymentNow, Unpaid), PaymentsError> {
        match self.backend.poll(&name, asked).await {
            Ok(Polled { status, transaction_id, completed_at }) => {
                let at = completed_at.unwrap_or_else(|| self.clock.now());
                let via = Via::Poll;
                let observation = Observation { via, external_payment_id: name, status, transaction_id, at };
                let unpaid = match status {
                    ObservedStatus::Pending => Unpaid::Pending,
                    ObservedStatus::Processing => Unpaid::Processing,
                    // Of these, only what is not as asked leaves a payment open.
                    ObservedStatus::Completed(_) | ObservedStatus::Failed | ObservedStatus::Cancelled => {
                        Unpaid::OtherMoney
                    }
                };
                Ok((self.commands.observe_payment(actor, now.id, observation).await?, unpaid))
            }
            Err(BackendError::Unknown) => Ok((now, Unpaid::Unknown)),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds out what the backend calls a payment that it may never have heard of. What stands against it is no reason
    /// to let the payment stand for ever.
    async fn find(&self, actor: &Actor, now: PaymentNow) -> Result<PaymentNow, PaymentsError> {
        let id = now.id;
        match self.submit_again(actor, now).await {
            Err(
                error @ (PaymentsError::Backend(
                    BackendError::Refused { .. } | BackendError::Unauthorised | BackendError::Unknown,
                )
                | PaymentsError::Command(CommandError::Team(_) | CommandError::Inbox(_))),
            ) => {
                tracing::warn!(payment = %id, %error, "a payment cannot be asked for");
                Ok(self.commands.payment(id).await?)
            }
            found => found,
        }
    }

    /// The same, unless it was done a moment ago; and what goes wrong is only logged: whoever looks at a payment sees
    /// what is known. None: nothing was asked, or nothing was told.
    pub async fn refresh_if_old(&self, actor: &Actor, id: PaymentId) -> Option<PaymentNow> {
        // Also when the question is lost: whoever looks again and again must not ask again and again.
        if !self.flights.ask_if_old(id, Question::Poll, FRESH) {
            return None;
        }
        let refreshed = self.refresh(actor, id).await;
        refreshed
            .inspect_err(|error| {
                tracing::warn!(payment = %id, %error, "the payment backend did not tell where a payment stands");
            })
            .ok()
    }
}
