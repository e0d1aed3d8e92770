//! What a captured payment comes to: its team's plan, or a refund that is due. Exactly one of the two, however often and
//! by however many nodes it is asked for, and whatever stops between: the plan's event names the payment, a team takes
//! each payment once, and each of the two is recorded on the condition that the other was not.

use cqrs_es::Aggregate;
use domain::PaymentId;
use domain::payment::{self, Payment, PaymentCommand, PaymentRefusal, Status};
use domain::team::{self, PaidBy, Team, TeamCommand, TeamRefusal};

use super::{Actor, CommandError, Commands, Loaded, PaymentNow, decide_until_first};
use crate::log::{Condition, Position};

/// What a payment came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing is captured, or it has come to something before.
    Nothing,
    /// The team has its plan by it.
    Activated(Position),
    /// Its money is to be given back, for this reason.
    Refund(Position, String),
}

impl Commands {
    /// Gives the team the plan that this payment paid for, or says that a refund is due.
    ///
    /// # Errors
    /// What any command may meet.
    pub async fn settle_payment(&self, actor: &Actor, id: PaymentId) -> Result<Settlement, CommandError> {
        decide_until_first!(self.settle(actor, id))
    }

    /// Another payment has paid the month that this one is for: nobody is to pay it again, so it is called off in its
    /// payer's name.
    ///
    /// # Errors
    /// [`PaymentRefusal`], and what any command may meet.
    pub async fn supersede_payment(&self, actor: &Actor, id: PaymentId) -> Result<PaymentNow, CommandError> {
        let by = self.payment(id).await?.payment.initiated.map(|initiated| initiated.user_id);
        self.request_cancellation(actor, id, by.ok_or(PaymentRefusal::Unknown)?).await
    }

    async fn settle(&self, actor: &Actor, id: PaymentId) -> Result<Settlement, CommandError> {
        // Before both are loaded: whatever happens to the other from here on fails the condition.
        let unless_after = self.log.head().await?;
        let unless = |aggregate_type, event_type| Condition { aggregate_type, event_type, unless_after };
        let loaded: Loaded<Payment> = self.load(&id.to_string()).await?;
        let Some(initiated) = loaded.state.initiated.clone() else {
            return Ok(Settlement::Nothing);
        };
        if loaded.state.status != Status::Completed || loaded.state.refund_due {
            return Ok(Settlement::Nothing);
        }
        let team: Loaded<Team> = self.load(&initiated.team_id.to_string()).await?;
        if team.state.payments.contains(&id) {
            return Ok(Settlement::Nothing);
        }
        let paid_by = Some(PaidBy { payment_id: id, period: initiated.period });
        let activate = TeamCommand::ActivatePlan { plan: initiated.plan, paid_by, at: self.clock.now() };
        match team::decide(&team.state, activate, &self.plans) {
            Ok(events) => {
                let condition = unless(Payment::TYPE, Some("RefundDue"));
                let position = self.record(actor, vec![team.decided(&events)?], vec![condition]).await?;
                Ok(Settlement::Activated(position))
            }
            // A mistake in the settings, which can be mended: money is not sent back for that.
            Err(refusal @ TeamRefusal::UnknownPlan(_)) => Err(refusal.into()),
            Err(refusal) => {
                let why = refusal.to_string();
                let events = payment::decide(&loaded.state, PaymentCommand::OweRefund { why: why.clone() })?;
                let condition = unless(Team::TYPE, None);
                let position = self.record(actor, vec![loaded.decided(&events)?], vec![condition]).await?;
                Ok(Settlement::Refund(position, why))
            }
        }
    }
}
