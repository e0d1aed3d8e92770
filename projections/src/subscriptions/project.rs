//! Events into rows of subscriptions, one statement each: its events are few.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::plan::PlanName;
use domain::team::{PlanActivated, PlanLapsed, PlanRenewed, Team, TeamEvent};
use domain::{PaymentId, TeamId};

use crate::db::{DbError, Tx};
use crate::event::ProjectedEvent;
use crate::projector::{ApplyError, Projector};

/// Makes subscriptions.
pub struct SubscriptionsProjector;

#[async_trait]
impl Projector for SubscriptionsProjector {
    fn name(&self) -> &'static str {
        "subscriptions"
    }

    fn version(&self) -> i64 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["subscriptions"]
    }

    fn aggregates(&self) -> &'static [&'static str] {
        &[Team::TYPE]
    }

    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError> {
        for (team, event) in events.iter().filter_map(ProjectedEvent::of_team) {
            Writing { tx, generation, team }.apply(event).await?;
        }
        Ok(())
    }
}

struct Writing<'a> {
    tx: &'a mut Tx,
    generation: i64,
    team: TeamId,
}

impl Writing<'_> {
    async fn apply(&mut self, event: &TeamEvent) -> Result<(), DbError> {
        match event {
            TeamEvent::PlanActivated(activated) => self.activate(activated).await,
            TeamEvent::PlanRenewed(renewed) => self.renew(renewed).await,
            TeamEvent::RenewalDue(due) => self.remind(due.days_before).await,
            TeamEvent::PlanLapsed(lapsed) => self.lapse(lapsed).await,
            TeamEvent::TeamRemoved(_) => self.remove().await,
            TeamEvent::TeamRegistered(_)
            | TeamEvent::TeamRenamed(_)
            | TeamEvent::MemberAdded(_)
            | TeamEvent::MemberRoleChanged(_)
            | TeamEvent::MemberRemoved(_)
            | TeamEvent::ProjectRegistered(_)
            | TeamEvent::ProjectRenamed(_)
            | TeamEvent::ProjectMoved(_)
            | TeamEvent::ProjectRemoved(_)
            | TeamEvent::UsageAlertRaised(_)
            | TeamEvent::UsageAlertCleared(_)
            | TeamEvent::MemberContactChanged(_)
            | TeamEvent::SubjectErased(_)
            | TeamEvent::ProjectSourceChosen(_)
            | TeamEvent::LimitForecast(_)
            | TeamEvent::UnlinkedStorageMeasured(_) => Ok(()),
        }
    }

    async fn activate(&mut self, activated: &PlanActivated) -> Result<(), DbError> {
        // An empty text is no payment: parameters are never NULL.
        let sql = "INSERT INTO subscriptions (generation, team_id, plan, since, until, payment_id) \
                   VALUES ($1, $2, $3, $4, $5, nullif($6, '')) \
                   ON CONFLICT (generation, team_id) DO UPDATE \
                   SET plan = excluded.plan, since = excluded.since, until = excluded.until, \
                   payment_id = coalesce(excluded.payment_id, subscriptions.payment_id), \
                   reminded_days = NULL, lapsed_plan = NULL, lapsed_at = NULL";
        let (team, payment) = (self.team.to_string(), text(activated.payment_id));
        let params = [
            self.generation.into(),
            (&team).into(),
            activated.plan.as_str().into(),
            micros(activated.from).into(),
            micros(activated.until).into(),
            (&payment).into(),
        ];
        self.tx.execute(sql, &params).await?;
        Ok(())
    }

    async fn renew(&mut self, renewed: &PlanRenewed) -> Result<(), DbError> {
        let sql = "UPDATE subscriptions SET until = $3, payment_id = coalesce(nullif($4, ''), payment_id), \
                   reminded_days = NULL WHERE generation = $1 AND team_id = $2";
        let (team, payment) = (self.team.to_string(), text(renewed.payment_id));
        let params =
            [self.generation.into(), (&team).into(), micros(renewed.until).into(), (&payment).into()];
        self.tx.execute(sql, &params).await?;
        Ok(())
    }

    async fn remind(&mut self, days_before: u8) -> Result<(), DbError> {
        let sql = "UPDATE subscriptions SET reminded_days = $3 WHERE generation = $1 AND team_id = $2";
        let team = self.team.to_string();
        self.tx
            .execute(sql, &[self.generation.into(), (&team).into(), i64::from(days_before).into()])
            .await?;
        Ok(())
    }

    /// The time that is over stays in the row: it is the last that there was.
    async fn lapse(&mut self, lapsed: &PlanLapsed) -> Result<(), DbError> {
        let sql = "UPDATE subscriptions SET plan = $3, reminded_days = NULL, lapsed_plan = $4, lapsed_at = $5 \
                   WHERE generation = $1 AND team_id = $2";
        let (team, free) = (self.team.to_string(), PlanName::free());
        let params = [
            self.generation.into(),
            (&team).into(),
            free.as_str().into(),
            lapsed.plan.as_str().into(),
            micros(lapsed.at).into(),
        ];
        self.tx.execute(sql, &params).await?;
        Ok(())
    }

    async fn remove(&mut self) -> Result<(), DbError> {
        let sql = "DELETE FROM subscriptions WHERE generation = $1 AND team_id = $2";
        let team = self.team.to_string();
        self.tx.execute(sql, &[self.generation.into(), (&team).into()]).await?;
        Ok(())
    }
}

const fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

fn text(payment: Option<PaymentId>) -> String {
    payment.map(|payment| payment.to_string()).unwrap_or_default()
}
