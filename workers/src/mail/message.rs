//! What teams are told by mail. Each letter has just the facts that it tells; none has an address.

use chrono::{DateTime, NaiveDate, Utc};
use domain::payment::FailureCause;
use domain::team::Resource;
use domain::{ByteCount, Money, Month, PaymentId, Slug};

/// The team that a letter is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// What people call it, in whatever characters they like.
    pub name: String,
    /// Its name in addresses.
    pub slug: Slug,
}

/// A plan that can be paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What people call the plan: `Pro`.
    pub plan: String,
    /// What a month costs, in every currency it can be paid in.
    pub prices: Vec<Money>,
}

/// How much of a limit is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Whose.
    pub team: Team,
    /// What people call the plan that sets the limit.
    pub plan: String,
    /// Of what.
    pub resource: Resource,
    /// What is used.
    pub used: ByteCount,
    /// What the plan allows.
    pub limit: ByteCount,
    /// The UTC month it was used in: traffic begins anew after it.
    pub month: Month,
    /// A plan that allows more, if there is one.
    pub upgrade: Option<Offer>,
}

impl Usage {
    /// In whole per cent of the limit, rounded down. Of a limit of nothing, all is used.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let percent = (u128::from(self.used.get()) * 100).checked_div(u128::from(self.limit.get()));
        percent.map_or(100, |percent| u64::try_from(percent).unwrap_or(u64::MAX))
    }
}

/// A payment, as far as its payer wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Whose plan it is for.
    pub team: Team,
    /// What people call the plan.
    pub plan: String,
    /// What it is of.
    pub amount: Money,
    /// What to name when asking about it.
    pub payment_id: PaymentId,
}

/// What a team is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letter {
    /// A payment was captured, and the plan is paid for.
    PaymentConfirmation {
        /// Which.
        payment: Payment,
        /// When it was captured.
        paid_at: DateTime<Utc>,
        /// The first instant after the time that is paid for.
        until: DateTime<Utc>,
    },
    /// A payment will not be captured.
    PaymentFailed {
        /// Which.
        payment: Payment,
        /// When that was known.
        at: DateTime<Utc>,
        /// Why, if it is known.
        cause: Option<FailureCause>,
    },
    /// Money came, and not as asked. A person decides: it must not be paid again.
    PaymentInReview {
        /// Which.
        payment: Payment,
        /// When that was known.
        at: DateTime<Utc>,
    },
    /// At least 80 % of a limit is used.
    Alert(Usage),
    /// At least 95 % of a limit is used.
    Critical(Usage),
    /// All of a limit is used.
    LimitReached(Usage),
    /// At the pace of the last days, the limit is reached within the month.
    Forecast {
        /// Now.
        usage: Usage,
        /// The UTC day on which the limit is reached.
        reached_on: NaiveDate,
    },
    /// The plan ends soon, and nothing has been paid for the time after it.
    RenewalReminder {
        /// Whose.
        team: Team,
        /// The plan, and what it costs.
        offer: Offer,
        /// The first instant after its time.
        until: DateTime<Utc>,
        /// How many days before that the reminder was due: 5 or 1.
        days_before: u8,
    },
    /// The plan's time and its grace are over: the team is on the free plan.
    PlanLapsed {
        /// Whose.
        team: Team,
        /// The plan that it was on, and what it costs to come back.
        offer: Offer,
        /// What people call the plan that it is on now.
        now_on: String,
        /// The first instant after the time that was paid for.
        until: DateTime<Utc>,
    },
}

impl Letter {
    /// The team that it is about.
    #[must_use]
    pub const fn team(&self) -> &Team {
        match self {
            Self::PaymentConfirmation { payment, .. }
            | Self::PaymentFailed { payment, .. }
            | Self::PaymentInReview { payment, .. } => &payment.team,
            Self::Alert(usage)
            | Self::Critical(usage)
            | Self::LimitReached(usage)
            | Self::Forecast { usage, .. } => &usage.team,
            Self::RenewalReminder { team, .. } | Self::PlanLapsed { team, .. } => team,
        }
    }

    /// Its name in logs, metrics and file names.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PaymentConfirmation { .. } => "payment-confirmation",
            Self::PaymentFailed { .. } => "payment-failed",
            Self::PaymentInReview { .. } => "payment-in-review",
            Self::Alert(_) => "alert",
            Self::Critical(_) => "critical",
            Self::LimitReached(_) => "limit-reached",
            Self::Forecast { .. } => "forecast",
            Self::RenewalReminder { .. } => "renewal-reminder",
            Self::PlanLapsed { .. } => "plan-lapsed",
        }
    }

    /// Whether it tells what has happened to the team's money, plan or limits, so that nobody can do without it. The
    /// others can be unsubscribed from.
    #[must_use]
    pub const fn is_essential(&self) -> bool {
        match self {
            Self::PaymentConfirmation { .. }
            | Self::PaymentFailed { .. }
            | Self::PaymentInReview { .. }
            | Self::LimitReached(_)
            | Self::PlanLapsed { .. } => true,
            Self::Alert(_) | Self::Critical(_) | Self::Forecast { .. } | Self::RenewalReminder { .. } => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::sample::{team, usage};

    #[test]
    fn per_cents_are_rounded_down() {
        let percent = |used: u64, limit: u64| {
            let (used, limit) = (ByteCount::try_from(used).unwrap(), ByteCount::try_from(limit).unwrap());
            Usage { used, limit, ..usage(team("Team"), Resource::Traffic) }.percent()
        };
        assert_eq!((percent(799, 1_000), percent(800, 1_000), percent(2_500, 1_000)), (79, 80, 250));
        assert_eq!((percent(0, 0), percent(5, 0)), (100, 100));
        assert_eq!(percent(ByteCount::MAX.get(), 1), u64::MAX);
    }
}
