//! What is to be told, and what came of it: random contacts and outcomes, and the rows that a history makes of them, by
//! the aggregates' own states.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, Utc};
use cqrs_es::Aggregate;
use domain::delivery::{self, Delivery, DeliveryCommand, DeliveryEvent};
use domain::payment::{FailureCause, Payment, PaymentEvent, PaymentInitiated};
use domain::team::{Contact, Forecast, Resource, Role, Team, TeamCommand, TeamEvent};
use domain::{ByteCount, DeliveryId, EventId, Language, Month, PaymentId, Sealed, UserId};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use servelink_projections::deliveries::{News, PaymentFacts, Told};
use store::Recorded;
use store::codec::decode;

use super::history::Author;
use super::paid::{line, micros};

/// A member is reached otherwise, somebody is forgotten, a forecast is made, or something came of a delivery.
pub(crate) fn something(author: &mut Author, random: &mut StdRng) {
    let n = random.random_range(0..3_u8);
    let of_team = &author.teams[&n];
    let user = of_team.members.keys().copied().collect::<Vec<_>>().choose(random).copied();
    match (random.random_range(0..12), user) {
        (0..4, Some(user_id)) => {
            let address = format!("sealed-{user_id}-{}", random.random_range(0..3));
            let email = [Some(Sealed::new(address.clone())), Some(Sealed::new(address)), None];
            let email = email.choose(random).unwrap().clone();
            let language = *[None, Some(Language::French), Some(Language::English)].choose(random).unwrap();
            // As much at random as the rest, without a draw of its own.
            let muted = language.is_none() && email.is_some();
            author.plan(n, TeamCommand::SetContact { user_id, email, language, muted }).unwrap();
            let role = Role::Admin;
            author.plan(n, TeamCommand::PutMember { user_id, role, other_free_teams: 0 }).unwrap();
        }
        (4, Some(_)) => {
            let (resource, at) = (Resource::Traffic, author.now);
            let month = Month::of(at).unwrap();
            let forecast =
                Forecast { resource, month, used: ByteCount::ZERO, reached_on: at.date_naive(), at };
            author.plan(n, TeamCommand::ReportForecast(forecast)).unwrap();
        }
        (5, Some(user_id)) => author.plan(n, TeamCommand::EraseSubject { user_id }).unwrap(),
        _ => outcome(author, random),
    }
}

/// Of one of the last deliveries.
fn outcome(author: &mut Author, random: &mut StdRng) {
    let mut deliveries = Deliveries::default();
    author.events.iter().for_each(|event| deliveries.take(event));
    let mut rows: Vec<_> =
        deliveries.rows.into_iter().filter(|(_, row)| row.state != Delivery::Delivered).collect();
    rows.sort_by_key(|(_, row)| row.due_at);
    let last = &rows[rows.len().saturating_sub(8)..];
    let Some((id, row)) = last.choose(random) else { return };
    let (at, reason) = (author.now, "nobody is at home".to_owned());
    let command = match random.random_range(0..3) {
        0 => DeliveryCommand::Delay { at, reason },
        1 => DeliveryCommand::Deliver { at },
        _ => DeliveryCommand::GiveUp { at, reason },
    };
    for event in delivery::decide(&row.state, command).unwrap() {
        author.delivery(id.parse().unwrap(), &event);
    }
}

struct Row {
    team: String,
    user: Option<UserId>,
    due_at: DateTime<Utc>,
    told: Told,
    state: Delivery,
    since: Option<DateTime<Utc>>,
    done_at: Option<DateTime<Utc>>,
    reason: Option<String>,
}

impl Row {
    fn is_pending(&self) -> bool {
        matches!(self.state, Delivery::Due | Delivery::Delayed { .. })
    }
}

#[derive(Default)]
pub(crate) struct Deliveries {
    teams: BTreeMap<String, Team>,
    payments: BTreeMap<String, Payment>,
    completed: BTreeMap<String, DateTime<Utc>>,
    rows: BTreeMap<String, Row>,
}

impl Deliveries {
    pub(crate) fn take(&mut self, recorded: &Recorded) {
        match recorded.stream.aggregate_type.as_ref() {
            Team::TYPE => self.team(recorded, &decode(recorded).unwrap()),
            Payment::TYPE => self.payment(recorded, &decode(recorded).unwrap()),
            Delivery::TYPE => self.delivery(recorded, &decode(recorded).unwrap()),
            _ => {}
        }
    }

    fn team(&mut self, recorded: &Recorded, event: &TeamEvent) {
        let id = &recorded.stream.aggregate_id;
        self.teams.entry(id.clone()).or_default().evolve(event);
        let news = News::Team(event.clone());
        match event {
            TeamEvent::TeamRemoved(_) => self.rows.retain(|_, row| row.team != *id || !row.is_pending()),
            TeamEvent::MemberRemoved(gone) => self.forget(id, gone.user_id),
            TeamEvent::SubjectErased(gone) => self.forget(id, gone.user_id),
            TeamEvent::UsageAlertRaised(_) | TeamEvent::PlanLapsed(_) => {
                self.tell(recorded, id, None, &news);
                self.mail(recorded, id, None, &news);
            }
            TeamEvent::UsageAlertCleared(_) => self.tell(recorded, id, None, &news),
            TeamEvent::RenewalDue(_) | TeamEvent::LimitForecast(_) => self.mail(recorded, id, None, &news),
            TeamEvent::PlanActivated(plan) => {
                self.tell(recorded, id, None, &news);
                self.confirm(recorded, id, plan.payment_id, plan.until);
            }
            TeamEvent::PlanRenewed(plan) => {
                self.tell(recorded, id, None, &news);
                self.confirm(recorded, id, plan.payment_id, plan.until);
            }
            TeamEvent::TeamRegistered(_)
            | TeamEvent::TeamRenamed(_)
            | TeamEvent::MemberAdded(_)
            | TeamEvent::MemberRoleChanged(_)
            | TeamEvent::MemberContactChanged(_)
            | TeamEvent::ProjectRegistered(_)
            | TeamEvent::ProjectRenamed(_)
            | TeamEvent::ProjectSourceChosen(_)
            | TeamEvent::ProjectMoved(_)
            | TeamEvent::ProjectRemoved(_)
            | TeamEvent::UnlinkedStorageMeasured(_) => {}
        }
    }

    fn payment(&mut self, recorded: &Recorded, event: &PaymentEvent) {
        let id = recorded.stream.aggregate_id.clone();
        self.payments.entry(id.clone()).or_default().evolve(event);
        if let PaymentEvent::PaymentCompleted(completed) = event {
            self.completed.insert(id, completed.completed_at.trunc_subsecs(6));
        } else if let PaymentEvent::PaymentConflicted(_) = event {
            let Some((asked, payment)) = self.asked(&id) else { return };
            let news = News::PaymentConflicted { payment, at: recorded.recorded_at };
            self.mail(recorded, &asked.team_id.to_string(), Some(asked.user_id), &news);
        } else if let PaymentEvent::PaymentFailed(failed) = event
            && failed.cause != Some(FailureCause::OtherMoney)
        {
            let Some((asked, payment)) = self.asked(&id) else { return };
            let (at, cause) = (recorded.recorded_at, failed.cause);
            let news = News::PaymentFailed { payment, at, cause };
            self.mail(recorded, &asked.team_id.to_string(), Some(asked.user_id), &news);
        }
    }

    fn delivery(&mut self, recorded: &Recorded, event: &DeliveryEvent) {
        let Some(row) = self.rows.get_mut(&recorded.stream.aggregate_id) else { return };
        row.state.evolve(event);
        (row.since, row.done_at, row.reason) = match event {
            DeliveryEvent::DeliveryDelayed(it) => (Some(it.at), None, Some(it.reason.clone())),
            DeliveryEvent::Delivered(it) => (row.since, Some(it.at), None),
            DeliveryEvent::DeliveryGivenUp(it) => (row.since, Some(it.at), Some(it.reason.clone())),
        };
    }

    fn asked(&self, payment: &str) -> Option<(PaymentInitiated, PaymentFacts)> {
        let asked = self.payments.get(payment)?.initiated.clone()?;
        let payment_id = payment.parse().unwrap();
        let facts = PaymentFacts { payment_id, plan: asked.plan.clone(), amount: asked.amount };
        Some((asked, facts))
    }

    fn confirm(&mut self, recorded: &Recorded, team: &str, payment: Option<PaymentId>, until: DateTime<Utc>) {
        let Some(id) = payment.map(|id| id.to_string()) else { return };
        let Some((asked, payment)) = self.asked(&id) else { return };
        let paid_at = self.completed.get(&id).copied().unwrap_or(recorded.recorded_at);
        let news = News::PaymentConfirmed { payment, paid_at, until };
        self.mail(recorded, team, Some(asked.user_id), &news);
    }

    fn mail(&mut self, recorded: &Recorded, id: &str, payer: Option<UserId>, news: &News) {
        let Some(team) = self.teams.get(id) else { return };
        let reached = |user: &UserId| team.contacts.get(user).is_some_and(|contact| contact.email.is_some());
        let heads = team.members.iter().filter(|(_, role)| **role != Role::Member).map(|(user, _)| *user);
        let can_do_without = match news {
            News::Team(TeamEvent::UsageAlertRaised(raised)) => raised.threshold < 100,
            News::Team(event) => matches!(event, TeamEvent::LimitForecast(_) | TeamEvent::RenewalDue(_)),
            News::PaymentConfirmed { .. } | News::PaymentConflicted { .. } | News::PaymentFailed { .. } => {
                false
            }
        };
        let wants = |user: &UserId| !(can_do_without && team.contacts[user].muted);
        let readers: Vec<UserId> = match payer.filter(reached) {
            Some(payer) => vec![payer],
            None => heads.filter(reached).filter(wants).collect(),
        };
        for user in readers {
            self.tell(recorded, id, Some(user), news);
        }
    }

    fn tell(&mut self, recorded: &Recorded, id: &str, user: Option<UserId>, news: &News) {
        let Some(team) = self.teams.get(id) else { return };
        let Some((_, slug)) = team.registered.clone() else { return };
        let event_id = EventId::from_bytes(*recorded.event_id.as_bytes());
        let delivery = match user {
            Some(user_id) => DeliveryId::Mail { event_id, user_id },
            None => DeliveryId::Webhook { event_id },
        };
        let row = Row {
            team: id.to_owned(),
            user,
            due_at: recorded.recorded_at,
            told: Told { news: news.clone(), plan: team.plan.clone(), slug },
            state: Delivery::Due,
            since: None,
            done_at: None,
            reason: None,
        };
        self.rows.insert(delivery.to_string(), row);
    }

    fn forget(&mut self, team: &str, user: UserId) {
        self.rows.retain(|_, row| row.team != team || row.user != Some(user) || !row.is_pending());
    }

    pub(crate) fn rows(&self) -> BTreeSet<String> {
        let row = |(id, row): (&String, &Row)| {
            let state = match row.state {
                Delivery::Due => "due",
                Delivery::Delayed { .. } => "delayed",
                Delivery::Delivered => "delivered",
                Delivery::GivenUp => "given_up",
            };
            line(&[
                Some(id.clone()),
                id.split(':').next().map(str::to_owned),
                Some(row.team.clone()),
                row.user.map(|user| user.to_string()),
                Some(micros(row.due_at)),
                serde_json::to_string(&row.told).ok(),
                Some(state.to_owned()),
                row.since.map(micros),
                row.done_at.map(micros),
                row.reason.clone(),
            ])
        };
        self.rows.iter().map(row).collect()
    }

    pub(crate) fn team_rows(&self) -> BTreeSet<String> {
        let row = |(id, team): (&String, &Team)| {
            let (name, slug) = team.registered.as_ref()?;
            Some(format!("{id}|{name}|{slug}|{}", team.plan))
        };
        self.teams.iter().filter_map(row).collect()
    }

    pub(crate) fn member_rows(&self) -> BTreeSet<String> {
        let mut rows = BTreeSet::new();
        for (id, team) in &self.teams {
            for (user, role) in &team.members {
                let Contact { email, language, muted } = team.contacts.get(user).cloned().unwrap_or_default();
                rows.insert(line(&[
                    Some(id.clone()),
                    Some(user.to_string()),
                    Some(role.as_str().to_owned()),
                    email.map(|email| email.as_str().to_owned()),
                    language.map(|language| language.tag().to_owned()),
                    Some(u8::from(muted).to_string()),
                ]));
            }
        }
        rows
    }

    pub(crate) fn payment_rows(&self) -> BTreeSet<String> {
        let row = |id: &String| {
            let (asked, _) = self.asked(id)?;
            Some(line(&[
                Some(id.clone()),
                Some(asked.team_id.to_string()),
                Some(asked.user_id.to_string()),
                Some(asked.plan.to_string()),
                Some(asked.amount.minor.to_string()),
                Some(asked.amount.currency.code().to_owned()),
                self.completed.get(id).copied().map(micros),
            ]))
        };
        self.payments.keys().filter_map(row).collect()
    }
}
