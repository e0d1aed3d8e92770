//! Rows of subscriptions.

use chrono::{DateTime, Utc};
use domain::plan::PlanName;
use domain::{PaymentId, Slug, TeamId};

/// What a team has of the plans it paid for. Instants are cut to microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The team.
    pub team_id: TeamId,
    /// Its name in addresses.
    pub slug: Slug,
    /// Its plan now: `free` when it never paid for one, and once that has lapsed.
    pub plan: PlanName,
    /// The first instant of the last unbroken time on a paid plan; none when there never was one.
    pub since: Option<DateTime<Utc>>,
    /// The first instant after that time. The team stays on the plan until it lapses, which is some days later.
    pub until: Option<DateTime<Utc>>,
    /// The last payment that paid for a plan; none when all of it was given.
    pub payment_id: Option<PaymentId>,
    /// The last reminder that this time ends: how many days before the end it was due.
    pub reminded: Option<u8>,
    /// What lapsed, when nothing has been paid for since.
    pub lapsed: Option<Lapsed>,
}

/// A plan whose time is over, and so is the grace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapsed {
    /// The plan.
    pub plan: PlanName,
    /// When it lapsed.
    pub at: DateTime<Utc>,
}
