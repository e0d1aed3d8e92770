//! Events into rows of alerts, one statement each: its events are few.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::TeamId;
use domain::team::{Team, TeamEvent, UsageAlertCleared, UsageAlertRaised};
use store::Position;

use crate::db::{DbError, Tx};
use crate::event::ProjectedEvent;
use crate::projector::{ApplyError, Projector};

/// Makes alerts.
pub struct AlertsProjector;

#[async_trait]
impl Projector for AlertsProjector {
    fn name(&self) -> &'static str {
        "alerts"
    }

    fn version(&self) -> i64 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["alerts"]
    }

    fn aggregates(&self) -> &'static [&'static str] {
        &[Team::TYPE]
    }

    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError> {
        for event in events {
            if let Some((team, said)) = event.of_team() {
                let (position, recorded_at) = (event.position, event.recorded_at);
                Writing { tx, generation, team, position, recorded_at }.apply(said).await?;
            }
        }
        Ok(())
    }
}

struct Writing<'a> {
    tx: &'a mut Tx,
    generation: i64,
    team: TeamId,
    position: Position,
    recorded_at: DateTime<Utc>,
}

impl Writing<'_> {
    async fn apply(&mut self, event: &TeamEvent) -> Result<(), DbError> {
        match event {
            TeamEvent::UsageAlertRaised(raised) => self.raise(raised).await,
            TeamEvent::UsageAlertCleared(cleared) => self.clear(cleared).await,
            // Another plan has other limits: what they say is found out anew.
            TeamEvent::PlanActivated(_) | TeamEvent::PlanLapsed(_) => self.clear_all().await,
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
            | TeamEvent::PlanRenewed(_)
            | TeamEvent::RenewalDue(_)
            | TeamEvent::MemberContactChanged(_)
            | TeamEvent::SubjectErased(_)
            | TeamEvent::ProjectSourceChosen(_)
            | TeamEvent::LimitForecast(_)
            | TeamEvent::UnlinkedStorageMeasured(_) => Ok(()),
        }
    }

    async fn raise(&mut self, raised: &UsageAlertRaised) -> Result<(), DbError> {
        let sql = "INSERT INTO alerts (generation, team_id, position, resource, threshold, month, used_bytes, \
                   limit_bytes, raised_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let (team, month) = (self.team.to_string(), raised.month.to_string());
        let params = [
            self.generation.into(),
            (&team).into(),
            self.position.to_sql().into(),
            raised.resource.as_str().into(),
            i64::from(raised.threshold).into(),
            (&month).into(),
            raised.used.to_sql().into(),
            raised.limit.to_sql().into(),
            raised.at.timestamp_micros().into(),
        ];
        self.tx.execute(sql, &params).await?;
        Ok(())
    }

    async fn clear(&mut self, cleared: &UsageAlertCleared) -> Result<(), DbError> {
        let sql = "UPDATE alerts SET cleared_at = $5 WHERE generation = $1 AND team_id = $2 AND resource = $3 \
                   AND threshold > $4 AND cleared_at IS NULL";
        let team = self.team.to_string();
        let standing = i64::from(cleared.standing.unwrap_or_default());
        let params = [
            self.generation.into(),
            (&team).into(),
            cleared.resource.as_str().into(),
            standing.into(),
            cleared.at.timestamp_micros().into(),
        ];
        self.tx.execute(sql, &params).await?;
        Ok(())
    }

    async fn clear_all(&mut self) -> Result<(), DbError> {
        let sql =
            "UPDATE alerts SET cleared_at = $3 WHERE generation = $1 AND team_id = $2 AND cleared_at IS NULL";
        let team = self.team.to_string();
        let at = self.recorded_at.timestamp_micros();
        self.tx.execute(sql, &[self.generation.into(), (&team).into(), at.into()]).await?;
        Ok(())
    }

    async fn remove(&mut self) -> Result<(), DbError> {
        let sql = "DELETE FROM alerts WHERE generation = $1 AND team_id = $2";
        let team = self.team.to_string();
        self.tx.execute(sql, &[self.generation.into(), (&team).into()]).await?;
        Ok(())
    }
}
