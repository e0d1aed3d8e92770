//! Events into rows of the directory, one statement each: its events are few.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::plan::PlanName;
use domain::team::{Role, Team, TeamEvent};
use domain::{ProjectId, Slug, TeamId, UserId};

use crate::db::{DbError, Tx};
use crate::event::ProjectedEvent;
use crate::projector::{ApplyError, Projector};

/// Makes the directory.
pub struct DirectoryProjector;

#[async_trait]
impl Projector for DirectoryProjector {
    fn name(&self) -> &'static str {
        "directory"
    }

    fn version(&self) -> i64 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["directory_team", "directory_member", "directory_project"]
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
            TeamEvent::TeamRegistered(team) => self.put_team(&team.name, &team.slug).await,
            TeamEvent::TeamRenamed(team) => self.rename_team(&team.name, &team.slug).await,
            TeamEvent::TeamRemoved(_) => self.remove_team().await,
            TeamEvent::MemberAdded(member) => self.put_member(member.user_id, member.role).await,
            TeamEvent::MemberRoleChanged(member) => self.put_member(member.user_id, member.role).await,
            TeamEvent::MemberRemoved(member) => self.remove_member(member.user_id).await,
            TeamEvent::ProjectRegistered(project) => {
                self.put_project(project.project_id, &project.name).await
            }
            TeamEvent::ProjectRenamed(project) => self.put_project(project.project_id, &project.name).await,
            // The other team's ProjectRegistered, of the same commit, says whose it is and what it is called.
            TeamEvent::ProjectMoved(_) => Ok(()),
            TeamEvent::ProjectRemoved(project) => {
                self.remove_project(project.project_id, project.at.timestamp_micros()).await
            }
            TeamEvent::PlanActivated(activated) => self.put_plan(&activated.plan).await,
            TeamEvent::PlanLapsed(_) => self.put_plan(&PlanName::free()).await,
            TeamEvent::PlanRenewed(_)
            | TeamEvent::RenewalDue(_)
            | TeamEvent::UsageAlertRaised(_)
            | TeamEvent::UsageAlertCleared(_)
            | TeamEvent::MemberContactChanged(_)
            | TeamEvent::SubjectErased(_)
            | TeamEvent::ProjectSourceChosen(_)
            | TeamEvent::LimitForecast(_)
            | TeamEvent::UnlinkedStorageMeasured(_) => Ok(()),
        }
    }

    async fn put_team(&mut self, name: &str, slug: &Slug) -> Result<(), DbError> {
        let sql = "INSERT INTO directory_team (generation, team_id, slug, name, plan) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (generation, team_id) DO UPDATE SET slug = excluded.slug, name = excluded.name";
        let (team, free) = (self.team.to_string(), PlanName::free());
        let params =
            [self.generation.into(), (&team).into(), slug.as_str().into(), name.into(), free.as_str().into()];
        self.tx.execute(sql, &params).await?;
        Ok(())
    }

    async fn rename_team(&mut self, name: &str, slug: &Slug) -> Result<(), DbError> {
        let sql = "UPDATE directory_team SET slug = $3, name = $4 WHERE generation = $1 AND team_id = $2";
        let team = self.team.to_string();
        self.tx
            .execute(sql, &[self.generation.into(), (&team).into(), slug.as_str().into(), name.into()])
            .await?;
        Ok(())
    }

    async fn remove_team(&mut self) -> Result<(), DbError> {
        let team = self.team.to_string();
        for sql in [
            "DELETE FROM directory_member WHERE generation = $1 AND team_id = $2",
            "DELETE FROM directory_team WHERE generation = $1 AND team_id = $2",
        ] {
            self.tx.execute(sql, &[self.generation.into(), (&team).into()]).await?;
        }
        Ok(())
    }

    async fn put_member(&mut self, user: UserId, role: Role) -> Result<(), DbError> {
        let sql = "INSERT INTO directory_member (generation, team_id, user_id, role) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (generation, team_id, user_id) DO UPDATE SET role = excluded.role";
        let team = self.team.to_string();
        self.tx
            .execute(sql, &[self.generation.into(), (&team).into(), user.0.into(), role.as_str().into()])
            .await?;
        Ok(())
    }

    async fn remove_member(&mut self, user: UserId) -> Result<(), DbError> {
        let sql = "DELETE FROM directory_member WHERE generation = $1 AND team_id = $2 AND user_id = $3";
        let team = self.team.to_string();
        self.tx.execute(sql, &[self.generation.into(), (&team).into(), user.0.into()]).await?;
        Ok(())
    }

    async fn put_project(&mut self, project: ProjectId, name: &str) -> Result<(), DbError> {
        let sql = "INSERT INTO directory_project (generation, project_id, team_id, name) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (generation, project_id) DO UPDATE \
                   SET team_id = excluded.team_id, name = excluded.name, removed_at = NULL";
        let (project, team) = (project.to_string(), self.team.to_string());
        self.tx
            .execute(sql, &[self.generation.into(), (&project).into(), (&team).into(), name.into()])
            .await?;
        Ok(())
    }

    async fn remove_project(&mut self, project: ProjectId, at: i64) -> Result<(), DbError> {
        let sql = "UPDATE directory_project SET removed_at = $3 WHERE generation = $1 AND project_id = $2";
        let project = project.to_string();
        self.tx.execute(sql, &[self.generation.into(), (&project).into(), at.into()]).await?;
        Ok(())
    }

    async fn put_plan(&mut self, plan: &PlanName) -> Result<(), DbError> {
        let sql = "UPDATE directory_team SET plan = $3 WHERE generation = $1 AND team_id = $2";
        let team = self.team.to_string();
        self.tx.execute(sql, &[self.generation.into(), (&team).into(), plan.as_str().into()]).await?;
        Ok(())
    }
}
