//! What a mail says of an event: the event's facts, the team as it is called now, and what plans cost now.

use domain::plan::{Catalogue, PlanName};
use domain::team::{Resource, TeamEvent};
use domain::{ByteCount, Month};
use projections::PendingDelivery;
use projections::deliveries::{News, PaymentFacts};

use crate::mail::Letter;
use crate::mail::message::{Offer, Payment, Team, Usage};

/// None: nobody is written to of such an event.
pub(super) fn letter(delivery: &PendingDelivery, plans: &Catalogue) -> Option<Letter> {
    let about = About { delivery, plans };
    Some(match &delivery.told.news {
        News::PaymentConfirmed { payment, paid_at, until } => {
            Letter::PaymentConfirmation { payment: about.payment(payment), paid_at: *paid_at, until: *until }
        }
        News::PaymentConflicted { payment, at } => {
            Letter::PaymentInReview { payment: about.payment(payment), at: *at }
        }
        News::PaymentFailed { payment, at, cause } => {
            Letter::PaymentFailed { payment: about.payment(payment), at: *at, cause: *cause }
        }
        News::Team(event) => return about.event(event),
    })
}

struct About<'a> {
    delivery: &'a PendingDelivery,
    plans: &'a Catalogue,
}

impl About<'_> {
    fn event(&self, event: &TeamEvent) -> Option<Letter> {
        match event {
            TeamEvent::UsageAlertRaised(raised) => {
                let usage = self.usage(raised.resource, raised.used, raised.limit, raised.month);
                Some(match raised.threshold {
                    100.. => Letter::LimitReached(usage),
                    95..100 => Letter::Critical(usage),
                    0..95 => Letter::Alert(usage),
                })
            }
            TeamEvent::LimitForecast(forecast) => Some(Letter::Forecast {
                usage: self.usage(forecast.resource, forecast.used, forecast.limit, forecast.month),
                reached_on: forecast.reached_on,
            }),
            TeamEvent::RenewalDue(due) => Some(Letter::RenewalReminder {
                team: self.team(),
                offer: self.offer(&due.plan),
                until: due.until,
                days_before: due.days_before,
            }),
            TeamEvent::PlanLapsed(lapsed) => Some(Letter::PlanLapsed {
                team: self.team(),
                offer: self.offer(&lapsed.plan),
                now_on: self.label(&self.delivery.told.plan),
                until: lapsed.until,
            }),
            TeamEvent::TeamRegistered(_)
            | TeamEvent::TeamRenamed(_)
            | TeamEvent::UnlinkedStorageMeasured(_)
            | TeamEvent::TeamRemoved(_)
            | TeamEvent::MemberAdded(_)
            | TeamEvent::MemberRemoved(_)
            | TeamEvent::MemberRoleChanged(_)
            | TeamEvent::MemberContactChanged(_)
            | TeamEvent::SubjectErased(_)
            | TeamEvent::ProjectRegistered(_)
            | TeamEvent::ProjectRenamed(_)
            | TeamEvent::ProjectSourceChosen(_)
            | TeamEvent::ProjectMoved(_)
            | TeamEvent::ProjectRemoved(_)
            | TeamEvent::PlanActivated(_)
            | TeamEvent::PlanRenewed(_)
            | TeamEvent::UsageAlertCleared(_) => None,
        }
    }

    fn team(&self) -> Team {
        let team = &self.delivery.team;
        Team { name: team.name.clone(), slug: team.slug.clone() }
    }

    /// One that the operator has since taken out of the catalogue keeps its own name.
    fn label(&self, plan: &PlanName) -> String {
        let known = self.plans.find(plan.as_str());
        known.map_or_else(|| plan.to_string(), |(_, known)| known.display_name.clone())
    }

    fn offer(&self, plan: &PlanName) -> Offer {
        let known = self.plans.find(plan.as_str());
        let prices = known.map(|(_, known)| known.prices().collect()).unwrap_or_default();
        Offer { plan: self.label(plan), prices }
    }

    fn payment(&self, facts: &PaymentFacts) -> Payment {
        Payment {
            team: self.team(),
            plan: self.label(&facts.plan),
            amount: facts.amount,
            payment_id: facts.payment_id,
        }
    }

    fn usage(&self, resource: Resource, used: ByteCount, limit: ByteCount, month: Month) -> Usage {
        let plan = self.label(&self.delivery.told.plan);
        Usage {
            team: self.team(),
            plan,
            resource,
            used,
            limit,
            month,
            upgrade: self.upgrade(resource, limit),
        }
    }

    /// Of the plans that can be paid for and allow more than this, the one that allows the least.
    fn upgrade(&self, resource: Resource, limit: ByteCount) -> Option<Offer> {
        let allows = |plan: &domain::plan::Plan| match resource {
            Resource::Traffic => plan.traffic_limit(),
            Resource::Storage => plan.storage_limit(),
        };
        let paid = self.plans.iter().filter(|(_, plan)| plan.prices().any(|price| price.minor > 0));
        // Without a limit is more than any limit.
        let more = paid.map(|(name, plan)| (allows(plan).map_or(u64::MAX, ByteCount::get), name));
        more.filter(|(most, _)| *most > limit.get()).min().map(|(_, name)| self.offer(name))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::team::{PlanLapsed, UsageAlertRaised};
    use domain::{DeliveryId, EventId, TeamId, UserId};
    use projections::deliveries::{TeamName, Told};

    use super::*;

    const GB: u64 = 1 << 30;

    fn at() -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn told(news: News, plan: &str) -> PendingDelivery {
        PendingDelivery {
            id: DeliveryId::Mail { event_id: EventId::from_bytes([1; 16]), user_id: UserId(1) },
            team_id: TeamId::from_bytes([1; 16]),
            team: TeamName { name: "Now".into(), slug: "now".parse().unwrap() },
            due_at: at(),
            since: None,
            told: Told { news, plan: plan.into(), slug: "then".parse().unwrap() },
            contact: None,
        }
    }

    fn alert(plan: &str, threshold: u8, limit: u64, plans: &Catalogue) -> Letter {
        let raised = UsageAlertRaised {
            resource: Resource::Traffic,
            threshold,
            month: "2026-11".parse().unwrap(),
            used: limit.try_into().unwrap(),
            limit: limit.try_into().unwrap(),
            at: at(),
        };
        letter(&told(News::Team(TeamEvent::UsageAlertRaised(raised)), plan), plans).unwrap()
    }

    #[test]
    fn the_threshold_chooses_the_letter() {
        let kind = |threshold| alert("free", threshold, 5 * GB, &Catalogue::default()).kind();
        assert_eq!([80, 95, 100].map(kind), ["alert", "critical", "limit-reached"]);
    }

    #[test]
    fn the_next_plan_up_is_offered() {
        let text = include_str!("../../../domain/src/plans.toml");
        let pro = text.find("[pay_as_you_go]").unwrap();
        let more =
            text[pro..].replace("pay_as_you_go", "team").replace("\"pro\"", "\"t\"").replace("Pro", "Team");
        let more = more.replace("max_traffic_gb_per_month = 10", "max_traffic_gb_per_month = -1");
        let plans = Catalogue::from_toml(&format!("{text}\n{more}")).unwrap();
        let offered = |plan, limit: u64| {
            let Letter::Alert(usage) = alert(plan, 80, limit, &plans) else { panic!("no alert") };
            assert_eq!((&*usage.team.name, usage.team.slug.as_str()), ("Now", "now"));
            (usage.plan, usage.upgrade.map(|offer| (offer.plan, offer.prices.len())))
        };
        assert_eq!(offered("free", 5 * GB), ("Free".into(), Some(("Pro".into(), 2))));
        assert_eq!(offered("pay_as_you_go", 10 * GB), ("Pro".into(), Some(("Team".into(), 2))));
        assert_eq!(offered("gone", 50 * GB), ("gone".into(), Some(("Team".into(), 2))));
        let Letter::Alert(usage) = alert("pay_as_you_go", 80, 10 * GB, &Catalogue::default()) else {
            panic!()
        };
        assert_eq!(usage.upgrade, None, "nothing is above it");
    }

    #[test]
    fn who_lapses_is_told_what_he_is_on() {
        let lapsed = PlanLapsed { plan: "pay_as_you_go".into(), until: at(), at: at() };
        let letter = letter(&told(News::Team(TeamEvent::PlanLapsed(lapsed)), "free"), &Catalogue::default());
        let Some(Letter::PlanLapsed { offer, now_on, .. }) = letter else { panic!("{letter:?}") };
        assert_eq!((&*offer.plan, &*now_on), ("Pro", "Free"));
    }
}
