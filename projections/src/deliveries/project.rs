//! Events into rows of deliveries: which event is told to whom. Its events are few: one statement each, all in `tables`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::delivery::{Delivery, DeliveryEvent};
use domain::payment::{FailureCause, Payment, PaymentEvent};
use domain::plan::PlanName;
use domain::team::{Team, TeamEvent};
use domain::{EventId, PaymentId, TeamId, UserId};

use super::row::{News, Told};
use super::tables::{Readers, Tables};
use crate::db::{DbError, Tx};
use crate::event::{Body, ProjectedEvent};
use crate::projector::{ApplyError, Projector};

/// Makes deliveries.
pub struct DeliveriesProjector;

#[async_trait]
impl Projector for DeliveriesProjector {
    fn name(&self) -> &'static str {
        "deliveries"
    }

    fn version(&self) -> i64 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["deliveries", "deliveries_team", "deliveries_member", "deliveries_payment"]
    }

    fn aggregates(&self) -> &'static [&'static str] {
        &[Team::TYPE, Payment::TYPE, Delivery::TYPE]
    }

    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError> {
        for event in events {
            let (event_id, due_at) = (event.event_id, event.recorded_at);
            let mut writing = Writing { tables: Tables { tx, generation }, event_id, due_at };
            match &event.body {
                Body::Team(id, said) => writing.team(*id, said).await?,
                Body::Payment(id, said) => writing.payment(*id, said).await?,
                Body::Delivery(id, DeliveryEvent::DeliveryDelayed(delayed)) => {
                    writing.tables.delay(id, delayed.at, &delayed.reason).await?;
                }
                Body::Delivery(id, DeliveryEvent::Delivered(delivered)) => {
                    writing.tables.deliver(id, delivered.at).await?;
                }
                Body::Delivery(id, DeliveryEvent::DeliveryGivenUp(given_up)) => {
                    writing.tables.give_up(id, given_up.at, &given_up.reason).await?;
                }
                Body::Usage(..) | Body::Comparison(..) | Body::Other | Body::Unreadable { .. } => {}
            }
        }
        Ok(())
    }
}

struct Writing<'a> {
    tables: Tables<'a>,
    event_id: EventId,
    due_at: DateTime<Utc>,
}

impl Writing<'_> {
    async fn team(&mut self, team: TeamId, event: &TeamEvent) -> Result<(), DbError> {
        let tables = &mut self.tables;
        match event {
            TeamEvent::TeamRegistered(registered) => {
                tables.put_team(team, &registered.name, &registered.slug).await
            }
            TeamEvent::TeamRenamed(renamed) => tables.put_team(team, &renamed.name, &renamed.slug).await,
            TeamEvent::TeamRemoved(_) => tables.remove_team(team).await,
            TeamEvent::MemberAdded(member) => tables.put_member(team, member.user_id, member.role).await,
            TeamEvent::MemberRoleChanged(member) => {
                tables.put_member(team, member.user_id, member.role).await
            }
            TeamEvent::MemberRemoved(member) => tables.remove_member(team, member.user_id).await,
            TeamEvent::MemberContactChanged(changed) => tables.put_contact(team, changed).await,
            TeamEvent::SubjectErased(erased) => tables.erase_member(team, erased.user_id).await,
            TeamEvent::PlanActivated(activated) => {
                tables.put_plan(team, &activated.plan).await?;
                self.tell_the_paas(team, event).await?;
                self.confirm(team, activated.payment_id, activated.until).await
            }
            TeamEvent::PlanRenewed(renewed) => {
                self.tell_the_paas(team, event).await?;
                self.confirm(team, renewed.payment_id, renewed.until).await
            }
            TeamEvent::PlanLapsed(_) => {
                tables.put_plan(team, &PlanName::free()).await?;
                self.tell_the_paas(team, event).await?;
                self.tell_the_team(team, event, Readers::All).await
            }
            TeamEvent::UsageAlertRaised(raised) => {
                self.tell_the_paas(team, event).await?;
                let readers = if raised.threshold < 100 { Readers::Unmuted } else { Readers::All };
                self.tell_the_team(team, event, readers).await
            }
            TeamEvent::UsageAlertCleared(_) => self.tell_the_paas(team, event).await,
            TeamEvent::RenewalDue(_) | TeamEvent::LimitForecast(_) => {
                self.tell_the_team(team, event, Readers::Unmuted).await
            }
            TeamEvent::ProjectRegistered(_)
            | TeamEvent::ProjectRenamed(_)
            | TeamEvent::ProjectSourceChosen(_)
            | TeamEvent::ProjectMoved(_)
            | TeamEvent::ProjectRemoved(_)
            | TeamEvent::UnlinkedStorageMeasured(_) => Ok(()),
        }
    }

    async fn payment(&mut self, id: PaymentId, event: &PaymentEvent) -> Result<(), DbError> {
        match event {
            PaymentEvent::PaymentInitiated(initiated) => self.tables.put_payment(id, initiated).await,
            PaymentEvent::PaymentCompleted(completed) => {
                self.tables.complete_payment(id, completed.completed_at).await
            }
            PaymentEvent::PaymentConflicted(_) => {
                let Some(begun) = self.tables.payment(id).await? else { return Ok(()) };
                let news = News::PaymentConflicted { payment: begun.facts, at: self.due_at };
                self.tell_the_payer(begun.team, begun.user, news).await
            }
            // He was told when the money came, and is not to be told to try again.
            PaymentEvent::PaymentFailed(failed) if failed.cause == Some(FailureCause::OtherMoney) => Ok(()),
            PaymentEvent::PaymentFailed(failed) => {
                let Some(begun) = self.tables.payment(id).await? else { return Ok(()) };
                let (payment, at, cause) = (begun.facts, self.due_at, failed.cause);
                let news = News::PaymentFailed { payment, at, cause };
                self.tell_the_payer(begun.team, begun.user, news).await
            }
            PaymentEvent::PaymentSubmitted(_)
            | PaymentEvent::PaymentProcessing(_)
            | PaymentEvent::CancellationRequested(_)
            | PaymentEvent::PaymentCancelled(_)
            | PaymentEvent::RefundDue(_)
            | PaymentEvent::CallbackReceived(_)
            | PaymentEvent::SecondLinkFound(_) => Ok(()),
        }
    }

    /// What was given needs no confirmation.
    async fn confirm(
        &mut self,
        team: TeamId,
        payment: Option<PaymentId>,
        until: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let Some(id) = payment else { return Ok(()) };
        let Some(begun) = self.tables.payment(id).await? else { return Ok(()) };
        let paid_at = begun.completed_at.unwrap_or(self.due_at);
        let news = News::PaymentConfirmed { payment: begun.facts, paid_at, until };
        self.tell_the_payer(team, begun.user, news).await
    }

    async fn tell_the_paas(&mut self, team: TeamId, event: &TeamEvent) -> Result<(), DbError> {
        match self.told(team, News::Team(event.clone())).await? {
            Some(told) => self.tables.add_webhook(self.event_id, team, self.due_at, &told).await,
            None => Ok(()),
        }
    }

    /// Owners and admins who can be written to.
    async fn tell_the_team(
        &mut self,
        team: TeamId,
        event: &TeamEvent,
        readers: Readers,
    ) -> Result<(), DbError> {
        if let Some(told) = self.told(team, News::Team(event.clone())).await? {
            self.tables.add_mails(self.event_id, team, readers, self.due_at, &told).await?;
        }
        Ok(())
    }

    /// Whoever wanted to pay, or, when he cannot be written to, owners and admins who can.
    async fn tell_the_payer(&mut self, team: TeamId, payer: UserId, news: News) -> Result<(), DbError> {
        let Some(told) = self.told(team, news).await? else { return Ok(()) };
        let payer = Readers::Member(payer);
        if self.tables.add_mails(self.event_id, team, payer, self.due_at, &told).await? == 0 {
            self.tables.add_mails(self.event_id, team, Readers::All, self.due_at, &told).await?;
        }
        Ok(())
    }

    /// None: the team is removed, and nobody is there to be told.
    async fn told(&mut self, team: TeamId, news: News) -> Result<Option<Told>, DbError> {
        let standing = self.tables.team(team).await?;
        Ok(standing.map(|(slug, plan)| Told { news, plan, slug }))
    }
}
