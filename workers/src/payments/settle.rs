//! Money that has come becomes a plan, or a refund that is due; and what would pay the same month again is called off.
//!
//! Its checkpoint is the log itself: a payment is unsettled from its PaymentCompleted on until a PlanActivated or
//! PlanRenewed names it or its RefundDue is there (docs/adr/0010-settlement.md). So a process that is killed between
//! the two finds the payment again when it starts, and one that was not finds nothing to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use store::commands::{Actor, CommandError, Commands, Settlement};
use store::known::Known;

use crate::job::{Job, Schedule};

/// Looking costs nothing: what is unsettled is known in memory.
const INTERVAL: Duration = Duration::from_millis(100);
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// What a run found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SettleReport {
    /// Payments that gave their team a plan.
    pub activated: usize,
    /// Payments whose money is to be given back.
    pub refunds: usize,
    /// Payments that are called off, since another one has paid their month.
    pub superseded: usize,
}

impl fmt::Display for SettleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { activated, refunds, superseded } = self;
        write!(f, "{activated} activated, {refunds} to be refunded")?;
        if *superseded > 0 {
            write!(f, ", {superseded} called off, as another payment has paid their month")?;
        }
        Ok(())
    }
}

/// The job.
pub struct SettleJob {
    commands: Arc<Commands>,
    known: Arc<Known>,
}

impl SettleJob {
    /// When it runs.
    pub const SCHEDULE: Schedule = Schedule { interval: INTERVAL, limit: RUN_LIMIT };

    /// The job over these commands.
    #[must_use]
    pub const fn new(commands: Arc<Commands>, known: Arc<Known>) -> Self {
        Self { commands, known }
    }
}

impl Job for SettleJob {
    const NAME: &'static str = "settle";
    type Report = SettleReport;
    type Error = CommandError;

    async fn run(&mut self) -> Result<SettleReport, CommandError> {
        let (unsettled, superseded) = {
            let facts = self.known.facts();
            (facts.unsettled.keys().copied().collect::<Vec<_>>(), facts.superseded())
        };
        let actor = Actor(Self::NAME.into());
        let mut report = SettleReport::default();
        let mut failed = None;
        for payment in unsettled {
            match self.commands.settle_payment(&actor, payment).await {
                Ok(Settlement::Nothing) => {}
                Ok(Settlement::Activated(_)) => {
                    tracing::info!(%payment, "a payment has given its team a plan");
                    report.activated += 1;
                }
                Ok(Settlement::Refund(_, why)) => {
                    tracing::warn!(%payment, why, "a payment's money is to be given back");
                    report.refunds += 1;
                }
                // One that cannot be settled keeps none of the others waiting.
                Err(error) => failed = Some(error),
            }
        }
        for payment in superseded {
            match self.commands.supersede_payment(&actor, payment).await {
                Ok(_) => report.superseded += 1,
                // It has ended meanwhile.
                Err(error) if error.refusal().is_some() => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(report), Err)
    }
}
