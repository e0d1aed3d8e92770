//! The JSON body of each kind of webhook: `type`, `timestamp` and `data`, as Standard Webhooks advises. Fields are
//! named as the API names them; bytes are whole numbers, months `YYYY-MM`, times RFC 3339 in UTC.

use chrono::{DateTime, Utc};
use domain::plan::PlanName;
use domain::team::{Resource, TeamEvent};
use domain::{Month, PaymentId, Slug, TeamId};
use serde::Serialize;

/// What a webhook tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payload {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: DateTime<Utc>,
    data: Data,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Data {
    team_id: TeamId,
    /// Null when the team is not known by name (any more).
    team_slug: Option<Slug>,
    #[serde(flatten)]
    fact: Fact,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Fact {
    AlertRaised {
        resource: Resource,
        /// In per cent of the limit: 80, 95 or 100.
        threshold: u8,
        month: Month,
        used_bytes: u64,
        limit_bytes: u64,
        raised_at: DateTime<Utc>,
    },
    AlertCleared {
        resource: Resource,
        /// The highest threshold that still stands; null: none does.
        standing_threshold: Option<u8>,
        month: Month,
        used_bytes: u64,
        limit_bytes: u64,
        cleared_at: DateTime<Utc>,
    },
    /// Activated or renewed.
    PlanPaid {
        plan: PlanName,
        /// Null when the plan was given.
        payment_id: Option<PaymentId>,
        period_start: DateTime<Utc>,
        /// The first instant after the period.
        period_end: DateTime<Utc>,
    },
    PlanLapsed {
        /// The plan that the team is on from now on: as in the other kinds, whoever sets limits by `plan` is right.
        plan: PlanName,
        lapsed_plan: PlanName,
        period_end: DateTime<Utc>,
        lapsed_at: DateTime<Utc>,
    },
}

impl Payload {
    /// What is told of a team's event that was recorded then; none: nothing is.
    ///
    /// `slug` is the team's, if it has one. The same event gives the same payload, whenever it is made.
    #[must_use]
    pub fn of(
        team_id: TeamId,
        slug: Option<&Slug>,
        event: &TeamEvent,
        recorded_at: DateTime<Utc>,
    ) -> Option<Self> {
        let (kind, fact) = told(event)?;
        Some(Self { kind, timestamp: recorded_at, data: Data { team_id, team_slug: slug.cloned(), fact } })
    }

    /// The kind, such as `usage.alert.raised`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The body as it is sent and signed.
    ///
    /// # Errors
    /// Never, as far as is known: no field has a form that JSON has not.
    pub fn to_body(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

fn told(event: &TeamEvent) -> Option<(&'static str, Fact)> {
    Some(match event {
        TeamEvent::UsageAlertRaised(raised) => (
            "usage.alert.raised",
            Fact::AlertRaised {
                resource: raised.resource,
                threshold: raised.threshold,
                month: raised.month,
                used_bytes: raised.used.get(),
                limit_bytes: raised.limit.get(),
                raised_at: raised.at,
            },
        ),
        TeamEvent::UsageAlertCleared(cleared) => (
            "usage.alert.cleared",
            Fact::AlertCleared {
                resource: cleared.resource,
                standing_threshold: cleared.standing,
                month: cleared.month,
                used_bytes: cleared.used.get(),
                limit_bytes: cleared.limit.get(),
                cleared_at: cleared.at,
            },
        ),
        TeamEvent::PlanActivated(activated) => (
            "plan.activated",
            Fact::PlanPaid {
                plan: activated.plan.clone(),
                payment_id: activated.payment_id,
                period_start: activated.from,
                period_end: activated.until,
            },
        ),
        TeamEvent::PlanRenewed(renewed) => (
            "plan.renewed",
            Fact::PlanPaid {
                plan: renewed.plan.clone(),
                payment_id: renewed.payment_id,
                period_start: renewed.from,
                period_end: renewed.until,
            },
        ),
        TeamEvent::PlanLapsed(lapsed) => (
            "plan.lapsed",
            Fact::PlanLapsed {
                plan: PlanName::free(),
                lapsed_plan: lapsed.plan.clone(),
                period_end: lapsed.until,
                lapsed_at: lapsed.at,
            },
        ),
        // What the PaaS told us itself.
        TeamEvent::TeamRegistered(_)
        | TeamEvent::TeamRenamed(_)
        | TeamEvent::TeamRemoved(_)
        | TeamEvent::MemberAdded(_)
        | TeamEvent::MemberRemoved(_)
        | TeamEvent::MemberRoleChanged(_)
        | TeamEvent::MemberContactChanged(_)
        | TeamEvent::SubjectErased(_)
        | TeamEvent::ProjectRegistered(_)
        | TeamEvent::ProjectRenamed(_)
        | TeamEvent::ProjectMoved(_)
        | TeamEvent::ProjectRemoved(_)
        | TeamEvent::ProjectSourceChosen(_)
        // What is said to people, and changes nothing.
        | TeamEvent::RenewalDue(_)
        | TeamEvent::LimitForecast(_)
        | TeamEvent::UnlinkedStorageMeasured(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use domain::team::{
        PlanActivated, PlanLapsed, PlanRenewed, RenewalDue, UsageAlertCleared, UsageAlertRaised,
    };
    use serde_json::{Value, json};

    use super::*;

    const TEAM: &str = "7e3a0000000000000000000000000001";
    const PAYMENT: &str = "0192f0c1-2b3c-7d4e-8f50-617283940a5b";

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn payload(slug: Option<&str>, event: &TeamEvent) -> Option<Payload> {
        let slug = slug.map(|slug| slug.parse::<Slug>().unwrap());
        Payload::of(TEAM.parse().unwrap(), slug.as_ref(), event, at("2026-11-20T10:00:01.25Z"))
    }

    /// Checks what a webhook of this team tells, and gives back its data.
    fn data(slug: Option<&str>, kind: &str, event: &TeamEvent) -> Value {
        let payload = payload(slug, event).unwrap();
        assert_eq!(payload.kind(), kind);
        let mut body: Value = serde_json::from_slice(&payload.to_body().unwrap()).unwrap();
        assert_eq!((&body["type"], &body["timestamp"]), (&json!(kind), &json!("2026-11-20T10:00:01.250Z")));
        let mut data = body["data"].take();
        assert_eq!(data["team_id"].take(), json!(TEAM));
        assert_eq!(data["team_slug"].take(), json!(slug));
        assert_eq!(body.as_object().unwrap().len(), 3);
        data
    }

    #[test]
    fn alerts() {
        let raised = TeamEvent::UsageAlertRaised(UsageAlertRaised {
            resource: Resource::Traffic,
            threshold: 95,
            month: "2026-11".parse().unwrap(),
            used: 5_100_273_664_u64.try_into().unwrap(),
            limit: 5_368_709_120_u64.try_into().unwrap(),
            at: at("2026-11-20T10:00:00Z"),
        });
        assert_eq!(
            data(Some("atelier-baobab"), "usage.alert.raised", &raised),
            json!({
                "team_id": null, "team_slug": null, "resource": "traffic", "threshold": 95,
                "month": "2026-11", "used_bytes": 5_100_273_664_u64, "limit_bytes": 5_368_709_120_u64,
                "raised_at": "2026-11-20T10:00:00Z",
            })
        );
        for (standing, told) in [(None, Value::Null), (Some(80), json!(80))] {
            let cleared = TeamEvent::UsageAlertCleared(UsageAlertCleared {
                resource: Resource::Storage,
                standing,
                month: "2026-11".parse().unwrap(),
                used: 7.into(),
                limit: 100.into(),
                at: at("2026-11-20T10:00:00Z"),
            });
            assert_eq!(
                data(None, "usage.alert.cleared", &cleared),
                json!({
                    "team_id": null, "team_slug": null, "resource": "storage", "standing_threshold": told,
                    "month": "2026-11", "used_bytes": 7, "limit_bytes": 100,
                    "cleared_at": "2026-11-20T10:00:00Z",
                })
            );
        }
    }

    #[test]
    fn plans() {
        let (from, until) = (at("2026-11-20T10:00:00Z"), at("2026-12-20T10:00:00Z"));
        let activated = TeamEvent::PlanActivated(PlanActivated {
            plan: "pay_as_you_go".into(),
            payment_id: Some(PAYMENT.parse().unwrap()),
            period: Some(1),
            from,
            until,
        });
        let renewed = TeamEvent::PlanRenewed(PlanRenewed {
            plan: "pay_as_you_go".into(),
            payment_id: None,
            period: None,
            from,
            until,
        });
        for (kind, event, payment_id) in
            [("plan.activated", activated, json!(PAYMENT)), ("plan.renewed", renewed, Value::Null)]
        {
            assert_eq!(
                data(Some("atelier-baobab"), kind, &event),
                json!({
                    "team_id": null, "team_slug": null, "plan": "pay_as_you_go", "payment_id": payment_id,
                    "period_start": "2026-11-20T10:00:00Z", "period_end": "2026-12-20T10:00:00Z",
                })
            );
        }
        let at = at("2026-12-23T10:00:00Z");
        let lapsed = TeamEvent::PlanLapsed(PlanLapsed { plan: "pay_as_you_go".into(), until, at });
        assert_eq!(
            data(Some("atelier-baobab"), "plan.lapsed", &lapsed),
            json!({
                "team_id": null, "team_slug": null, "plan": "free", "lapsed_plan": "pay_as_you_go",
                "period_end": "2026-12-20T10:00:00Z", "lapsed_at": "2026-12-23T10:00:00Z",
            })
        );
    }

    #[test]
    fn reminders_are_for_people() {
        let due = TeamEvent::RenewalDue(RenewalDue {
            plan: "pay_as_you_go".into(),
            until: Utc::now(),
            days_before: 5,
        });
        assert_eq!(payload(None, &due), None);
    }
}
