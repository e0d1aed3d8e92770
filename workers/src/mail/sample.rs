//! A letter of every kind, for tests and for the preview. What is in them is made up.

use chrono::{DateTime, NaiveDate, Utc};
use domain::payment::FailureCause;
use domain::team::Resource;
use domain::{ByteCount, Money, Month, PaymentId};
use iso_currency::Currency;

use super::message::{Letter, Offer, Payment, Team, Usage};

/// Every kind of letter, those that differ by what they are about more than once, each under a name of its own.
#[must_use]
pub fn sample() -> Vec<(&'static str, Letter)> {
    sample_for(&team("Atelier Dakar"))
}

/// The same for another team.
pub(super) fn sample_for(team: &Team) -> Vec<(&'static str, Letter)> {
    let team = || team.clone();
    let used = |resource, percent: u64| {
        let usage = usage(team(), resource);
        Usage { used: bytes((usage.limit.get() * percent).div_ceil(100)), ..usage }
    };
    // Nothing is above the plan that it is on.
    let on_the_top_plan = Usage {
        plan: offer().plan,
        limit: bytes(10 << 30),
        used: bytes(10 << 30),
        upgrade: None,
        ..used(Resource::Traffic, 0)
    };
    let payment = || Payment {
        team: team(),
        plan: offer().plan,
        amount: Money::new(2_000, Currency::XOF),
        payment_id: "0192f0c1-2b3c-7d4e-8f50-617283940a5b".parse::<PaymentId>().expect("a UUID"),
    };
    let reminder =
        |days_before| Letter::RenewalReminder { team: team(), offer: offer(), until: until(), days_before };
    vec![
        (
            "payment-confirmation",
            Letter::PaymentConfirmation { payment: payment(), paid_at: at(), until: until() },
        ),
        (
            "payment-failed",
            Letter::PaymentFailed { payment: payment(), at: at(), cause: Some(FailureCause::Declined) },
        ),
        ("payment-in-review", Letter::PaymentInReview { payment: payment(), at: at() }),
        ("alert-traffic", Letter::Alert(used(Resource::Traffic, 83))),
        ("alert-storage", Letter::Alert(used(Resource::Storage, 83))),
        ("critical-traffic", Letter::Critical(used(Resource::Traffic, 96))),
        ("critical-storage", Letter::Critical(used(Resource::Storage, 96))),
        ("limit-reached-traffic", Letter::LimitReached(used(Resource::Traffic, 100))),
        ("limit-reached-storage", Letter::LimitReached(used(Resource::Storage, 107))),
        ("limit-reached-top-plan", Letter::LimitReached(on_the_top_plan)),
        (
            "forecast",
            Letter::Forecast {
                usage: used(Resource::Traffic, 74),
                reached_on: NaiveDate::from_ymd_opt(2026, 11, 28).expect("a day"),
            },
        ),
        ("renewal-reminder-5-days", reminder(5)),
        ("renewal-reminder-1-day", reminder(1)),
        (
            "plan-lapsed",
            Letter::PlanLapsed { team: team(), offer: offer(), now_on: "Free".into(), until: until() },
        ),
    ]
}

/// A team with this name.
pub(super) fn team(name: &str) -> Team {
    Team { name: name.into(), slug: "atelier-dakar".parse().expect("a slug") }
}

/// A team that has used nothing of the free plan's limit.
pub(super) fn usage(team: Team, resource: Resource) -> Usage {
    let limit = match resource {
        Resource::Traffic => bytes(5 << 30),
        Resource::Storage => bytes(100 << 20),
    };
    Usage {
        team,
        plan: "Free".into(),
        resource,
        used: ByteCount::ZERO,
        limit,
        month: Month::of(at()).expect("a month"),
        upgrade: Some(offer()),
    }
}

fn offer() -> Offer {
    Offer {
        plan: "Pro".into(),
        prices: vec![Money::new(300, Currency::EUR), Money::new(2_000, Currency::XOF)],
    }
}

fn at() -> DateTime<Utc> {
    "2026-11-23T09:30:00Z".parse().expect("an instant")
}

fn until() -> DateTime<Utc> {
    "2026-12-23T09:30:00Z".parse().expect("an instant")
}

fn bytes(bytes: u64) -> ByteCount {
    ByteCount::try_from(bytes).expect("few bytes")
}
