//! What payments and plans add up to: the aggregates' own states, replayed, and the little that they do not keep.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::payment::{Payment, PaymentEvent};
use domain::team::{PlanActivated, PlanRenewed, Team, TeamEvent};
use serde_json::json;
use store::Recorded;

#[derive(Default)]
struct Paying {
    payment: Payment,
    transaction: Option<String>,
    completed: Option<DateTime<Utc>>,
    updated: DateTime<Utc>,
}

#[derive(Default)]
struct Term {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    payment: Option<String>,
    lapsed: Option<(String, DateTime<Utc>)>,
}

#[derive(Default)]
pub(crate) struct Paid {
    payments: BTreeMap<String, Paying>,
    teams: BTreeMap<String, Team>,
    terms: BTreeMap<String, Term>,
}

impl Paid {
    pub(crate) fn payment(&mut self, recorded: &Recorded, event: &PaymentEvent) {
        let paying = self.payments.entry(recorded.stream.aggregate_id.clone()).or_default();
        paying.payment.evolve(event);
        paying.updated = recorded.recorded_at;
        if let PaymentEvent::PaymentCompleted(completed) = event {
            paying.transaction = completed.transaction_id.clone();
            paying.completed = Some(completed.completed_at);
        }
    }

    pub(crate) fn team(&mut self, id: &str, event: &TeamEvent) {
        let team = self.teams.entry(id.to_owned()).or_default();
        team.evolve(event);
        if team.registered.is_none() {
            self.terms.remove(id);
            return;
        }
        // The state keeps neither a term that is over nor the order of payments.
        if let Some(now) = team.term {
            let term = self.terms.entry(id.to_owned()).or_default();
            (term.since, term.until, term.lapsed) = (now.from, now.until, None);
        }
        let Some(term) = self.terms.get_mut(id) else { return };
        if let TeamEvent::PlanActivated(PlanActivated { payment_id, .. })
        | TeamEvent::PlanRenewed(PlanRenewed { payment_id, .. }) = event
        {
            term.payment = payment_id.map(|id| id.to_string()).or(term.payment.take());
        }
        if let TeamEvent::PlanLapsed(lapsed) = event {
            term.lapsed = Some((lapsed.plan.to_string(), lapsed.at));
        }
    }

    pub(crate) fn payment_rows(&self) -> BTreeSet<String> {
        let row = |(id, paying): (&String, &Paying)| {
            let payment = &paying.payment;
            let asked = payment.initiated.as_ref().unwrap();
            line(&[
                Some(id.clone()),
                Some(asked.team_id.to_string()),
                Some(asked.user_id.to_string()),
                Some(asked.plan.to_string()),
                Some(asked.period.to_string()),
                Some(asked.amount.minor.to_string()),
                Some(asked.amount.currency.code().to_owned()),
                json!(asked.method).as_str().map(str::to_owned),
                Some(payment.status.as_str().to_owned()),
                asked.description.clone(),
                payment.external_payment_id.as_ref().map(ToString::to_string),
                paying.transaction.clone(),
                flag(!payment.conflicts.is_empty()),
                flag(payment.refund_due),
                flag(payment.to_confirm),
                flag(payment.cancellation_requested),
                payment.expires_at.map(micros),
                Some(micros(asked.at)),
                paying.completed.map(micros),
                Some(micros(paying.updated)),
            ])
        };
        self.payments.iter().map(row).collect()
    }

    pub(crate) fn subscription_rows(&self) -> BTreeSet<String> {
        let row = |(id, term): (&String, &Term)| {
            let team = &self.teams[id];
            let (lapsed_plan, lapsed_at) = term.lapsed.clone().unzip();
            line(&[
                Some(id.clone()),
                Some(team.plan.to_string()),
                Some(micros(term.since)),
                Some(micros(term.until)),
                term.payment.clone(),
                team.term.and_then(|term| term.reminded).map(|days| days.to_string()),
                lapsed_plan,
                lapsed_at.map(micros),
            ])
        };
        self.terms.iter().map(row).collect()
    }
}

pub(super) fn line(fields: &[Option<String>]) -> String {
    fields.iter().map(|field| field.as_deref().unwrap_or("-")).collect::<Vec<_>>().join("|")
}

fn flag(is: bool) -> Option<String> {
    Some(u8::from(is).to_string())
}

pub(super) fn micros(at: DateTime<Utc>) -> String {
    at.timestamp_micros().to_string()
}
