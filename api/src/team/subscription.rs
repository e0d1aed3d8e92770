//! `GET /api/teams/{team_slug}/subscription`: the plan that a team pays for, and until when.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Slug;
use domain::plan::{Plan, PlanName};
use domain::team::{GRACE, REMINDERS};
use projections::Subscription;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Member;
use crate::params::{NowQuery, ReadAfter, named};
use crate::payment::Amount;
use crate::problem::{Problem, ReadProblems};

/// How long before its end a plan is due to be paid again: since the first reminder.
const DUE: TimeDelta = TimeDelta::days(REMINDERS[0] as i64);

/// The plan that a team pays for.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct Answer {
    #[schema(value_type = String)]
    team_slug: Slug,
    /// Its plan now.
    #[schema(value_type = String, example = "pay_as_you_go")]
    plan: PlanName,
    /// What people call the plan.
    #[schema(example = "Pro")]
    plan_name: String,
    /// Since when the team pays, or when it last began to; null when it never did.
    since: Option<DateTime<Utc>>,
    /// The first instant that is not paid for; null when the team never paid.
    period_end: Option<DateTime<Utc>>,
    renewal: Renewal,
    /// What a month of its plan costs, in every currency it can be paid in; empty: nothing.
    price: Vec<Price>,
}

/// Whether the plan is to be paid again.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Renewal {
    state: RenewalState,
    /// Until when paying keeps the plan without a break; null when there is none to keep.
    pays_until: Option<DateTime<Utc>>,
    /// How many days before the end the last reminder was due; null when there was none in this period.
    reminded_days: Option<u8>,
}

/// Where a plan's renewal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RenewalState {
    /// The plan costs nothing, and the team had no other before.
    None,
    /// Paid for.
    Active,
    /// It ends within 5 days.
    Due,
    /// It has ended, and goes on for 3 days.
    Grace,
    /// It has ended, and so has the grace.
    Lapsed,
}

/// An amount of money.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriptionPrice)]
pub(crate) struct Price {
    /// In major units.
    #[schema(value_type = f64, example = 3.0)]
    amount: Amount,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: &'static str,
}

impl Answer {
    fn new(subscription: Subscription, plan: &Plan, now: DateTime<Utc>) -> Self {
        let renewal = Renewal::of(&subscription, now);
        let price = |money: domain::Money| Price { amount: Amount(money), currency: money.currency.code() };
        Self {
            team_slug: subscription.slug,
            plan: subscription.plan,
            plan_name: plan.display_name.clone(),
            since: subscription.since,
            period_end: subscription.until,
            renewal,
            price: plan.prices().map(price).collect(),
        }
    }
}

impl Renewal {
    fn of(subscription: &Subscription, now: DateTime<Utc>) -> Self {
        let state = state(subscription, now);
        let keeps = match state {
            RenewalState::Active | RenewalState::Due | RenewalState::Grace => true,
            RenewalState::None | RenewalState::Lapsed => false,
        };
        let end = subscription.until.and_then(|until| until.checked_add_signed(GRACE));
        Self { state, pays_until: end.filter(|_| keeps), reminded_days: subscription.reminded }
    }
}

/// By the clock: what is due to be recorded (a reminder, the lapse) may not be yet.
fn state(subscription: &Subscription, now: DateTime<Utc>) -> RenewalState {
    let Some(until) = subscription.until else { return RenewalState::None };
    if subscription.lapsed.is_some() || now - until >= GRACE {
        RenewalState::Lapsed
    } else if now >= until {
        RenewalState::Grace
    } else if until - now <= DUE {
        RenewalState::Due
    } else {
        RenewalState::Active
    }
}

/// The plan that a team pays for
#[utoipa::path(
    get,
    path = "/api/teams/{team_slug}/subscription",
    operation_id = "read_subscription",
    tag = "payments",
    params(("team_slug" = String, Path, description = "The team's name in addresses"), ReadAfter),
    responses((status = 200, body = Answer), ReadProblems),
    security(("user_token" = []), ("user_cookie" = [])),
)]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Member(user): Member,
    Path(slug): Path<String>,
    query: NowQuery,
) -> Result<Json<Answer>, Problem> {
    let slug: Slug = named(&slug)?;
    query.reached(&app).await?;
    let subscription = app.reads.subscription(user, &slug).await?.ok_or_else(Problem::not_found)?;
    let plan = app.plans.in_force(&subscription.plan);
    Ok(Json(Answer::new(subscription, plan, app.clock.now())))
}

#[cfg(test)]
mod tests {
    use domain::TeamId;
    use projections::Lapsed;

    use super::*;

    fn day(day: u32) -> DateTime<Utc> {
        chrono::NaiveDate::from_ymd_opt(2026, 12, day).unwrap().and_hms_opt(12, 0, 0).unwrap().and_utc()
    }

    /// Pro until the 23rd.
    fn pro() -> Subscription {
        Subscription {
            team_id: TeamId::from_bytes([1; 16]),
            slug: "ferme".parse().unwrap(),
            plan: "pay_as_you_go".into(),
            since: Some(day(1)),
            until: Some(day(23)),
            payment_id: None,
            reminded: None,
            lapsed: None,
        }
    }

    #[test]
    fn the_clock_decides() {
        let second = TimeDelta::seconds(1);
        for (now, wanted) in [
            (day(1), RenewalState::Active),
            (day(18) - second, RenewalState::Active),
            (day(18), RenewalState::Due),
            (day(23) - second, RenewalState::Due),
            (day(23), RenewalState::Grace),
            (day(26) - second, RenewalState::Grace),
            (day(26), RenewalState::Lapsed),
        ] {
            assert_eq!(state(&pro(), now), wanted, "{now}");
        }
        assert_eq!(Renewal::of(&pro(), day(23)).pays_until, Some(day(26)));
        assert_eq!(Renewal::of(&pro(), day(26)).pays_until, None);
    }

    #[test]
    fn what_lapsed_stays_so_and_what_never_was_is_none() {
        let lapsed = Lapsed { plan: "pay_as_you_go".into(), at: day(26) };
        let lapsed = Subscription { plan: PlanName::free(), lapsed: Some(lapsed), ..pro() };
        assert_eq!(state(&lapsed, day(27)), RenewalState::Lapsed);
        let never = Subscription { plan: PlanName::free(), since: None, until: None, ..pro() };
        let nothing = Renewal { state: RenewalState::None, pays_until: None, reminded_days: None };
        assert_eq!(Renewal::of(&never, day(1)), nothing);
    }
}
