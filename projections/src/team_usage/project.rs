//! Events into rows of team usage. Traffic belongs to the team that the project is in when it is recorded; a project
//! that moves takes its storage along and leaves its traffic. Storage that no project has is the team's own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::team::{Team, TeamEvent};
use domain::usage::Usage;
use domain::{Month, ProjectId, TeamId};
use serde_json::{Value, json};

use crate::db::{DbError, Tx};
use crate::delta::{Delta, runs, set_sums};
use crate::event::{Body, ProjectedEvent};
use crate::projector::{ApplyError, Projector};

/// Makes team usage.
pub struct TeamUsageProjector;

#[async_trait]
impl Projector for TeamUsageProjector {
    fn name(&self) -> &'static str {
        "team_usage"
    }

    fn version(&self) -> i64 {
        2
    }

    fn tables(&self) -> &'static [&'static str] {
        &["team_usage", "team_usage_project", "team_usage_unlinked"]
    }

    fn aggregates(&self) -> &'static [&'static str] {
        &[Usage::TYPE, Team::TYPE]
    }

    async fn apply(&self, tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<(), ApplyError> {
        let mut batch = Batch::load(tx, generation, events).await?;
        for run in runs(events) {
            for event in run {
                batch.add(event)?;
            }
            batch.write_usage(tx, generation).await?;
        }
        batch.write_held(tx, generation).await?;
        batch.write_unlinked(tx, generation).await?;
        Ok(())
    }
}

/// Whose a project is, and its storage as last measured.
#[derive(Clone, Copy)]
struct Held {
    team: TeamId,
    storage: i64,
}

#[derive(Default)]
struct Batch {
    held: HashMap<ProjectId, Held>,
    changed: BTreeSet<ProjectId>,
    deltas: HashMap<(TeamId, Month, ProjectId), Delta>,
    /// What folders come to that no project mounts.
    unlinked: BTreeMap<(TeamId, Month), i64>,
}

impl Batch {
    /// Whose the projects are that these events name, as of the checkpoint.
    async fn load(tx: &mut Tx, generation: i64, events: &[ProjectedEvent]) -> Result<Self, DbError> {
        let projects: BTreeSet<ProjectId> = events.iter().filter_map(project_of).collect();
        let projects = Value::from_iter(projects.iter().map(|project| json!([project]))).to_string();
        let sql = format!(
            "SELECT project_id, team_id, storage_bytes FROM team_usage_project \
             WHERE generation = $2 AND project_id IN (SELECT value->>0 FROM {} AS rows)",
            tx.rows()
        );
        let mut batch = Self::default();
        for row in tx.fetch(&sql, &[(&projects).into(), generation.into()]).await? {
            batch.held.insert(row.parse(0)?, Held { team: row.parse(1)?, storage: row.int(2)? });
        }
        Ok(batch)
    }

    fn add(&mut self, event: &ProjectedEvent) -> Result<(), ApplyError> {
        match &event.body {
            Body::Usage(id, usage) => self.used(id.project, id.month, &Delta::of(usage)),
            Body::Team(team, team_event) => {
                self.team_event(*team, team_event, month_of(event, event.recorded_at)?);
                if let TeamEvent::UnlinkedStorageMeasured(measured) = team_event {
                    let month = month_of(event, measured.measured_at)?;
                    self.unlinked.insert((*team, month), measured.bytes.to_sql());
                }
            }
            Body::Comparison(..)
            | Body::Payment(..)
            | Body::Delivery(..)
            | Body::Other
            | Body::Unreadable { .. } => {}
        }
        Ok(())
    }

    fn used(&mut self, project: ProjectId, month: Month, delta: &Delta) {
        // A project that no team ever had is nobody's usage; ingestion does not take samples of one.
        let Some(held) = self.held.get_mut(&project) else {
            return;
        };
        if let Some(storage) = delta.storage {
            held.storage = storage;
            self.changed.insert(project);
        }
        self.deltas.entry((held.team, month, project)).or_default().add(delta);
    }

    fn team_event(&mut self, team: TeamId, event: &TeamEvent, month: Month) {
        match event {
            TeamEvent::ProjectRegistered(registered) => {
                let project = registered.project_id;
                let storage = self.held.get(&project).map_or(0, |held| held.storage);
                self.hold(project, Held { team, storage });
                if storage > 0 {
                    self.set_storage(team, month, project, storage);
                }
            }
            // The project's new team holds it by the ProjectRegistered that follows in the same commit.
            TeamEvent::ProjectMoved(moved) => self.set_storage(team, month, moved.project_id, 0),
            TeamEvent::ProjectRemoved(removed) => {
                self.set_storage(team, month, removed.project_id, 0);
                self.hold(removed.project_id, Held { team, storage: 0 });
            }
            // Whoever registers a team of this id again begins with nothing.
            TeamEvent::TeamRemoved(_) => {
                self.unlinked.insert((team, month), 0);
            }
            TeamEvent::TeamRegistered(_)
            | TeamEvent::TeamRenamed(_)
            | TeamEvent::MemberAdded(_)
            | TeamEvent::MemberRemoved(_)
            | TeamEvent::MemberRoleChanged(_)
            | TeamEvent::ProjectRenamed(_)
            | TeamEvent::PlanActivated(_)
            | TeamEvent::PlanRenewed(_)
            | TeamEvent::RenewalDue(_)
            | TeamEvent::PlanLapsed(_)
            | TeamEvent::UsageAlertRaised(_)
            | TeamEvent::UsageAlertCleared(_)
            | TeamEvent::MemberContactChanged(_)
            | TeamEvent::SubjectErased(_)
            | TeamEvent::ProjectSourceChosen(_)
            | TeamEvent::LimitForecast(_)
            | TeamEvent::UnlinkedStorageMeasured(_) => {}
        }
    }

    fn hold(&mut self, project: ProjectId, held: Held) {
        self.held.insert(project, held);
        self.changed.insert(project);
    }

    fn set_storage(&mut self, team: TeamId, month: Month, project: ProjectId, storage: i64) {
        self.deltas.entry((team, month, project)).or_default().storage = Some(storage);
    }

    /// Writes the sums of a run, and begins the next.
    async fn write_usage(&mut self, tx: &mut Tx, generation: i64) -> Result<(), DbError> {
        let deltas = std::mem::take(&mut self.deltas);
        if deltas.is_empty() {
            return Ok(());
        }
        let rows = deltas.iter().map(|((team, month, project), delta)| {
            json!([team, month, project, delta.ingress, delta.egress, delta.requests, delta.storage])
        });
        let sql = format!(
            "INSERT INTO team_usage (generation, team_id, month, project_id, ingress_bytes, egress_bytes, \
             requests, storage_bytes) \
             SELECT $2, value->>0, value->>1, value->>2, CAST(value->>3 AS BIGINT), CAST(value->>4 AS BIGINT), \
             CAST(value->>5 AS BIGINT), CAST(value->>6 AS BIGINT) \
             FROM {} AS rows WHERE true \
             ON CONFLICT (generation, team_id, month, project_id) DO UPDATE SET {}",
            tx.rows(),
            set_sums("team_usage")
        );
        tx.execute(&sql, &[(&Value::from_iter(rows).to_string()).into(), generation.into()]).await?;
        Ok(())
    }

    async fn write_held(&self, tx: &mut Tx, generation: i64) -> Result<(), DbError> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let changed = self.changed.iter().filter_map(|project| Some((project, self.held.get(project)?)));
        let rows = changed.map(|(project, held)| json!([project, held.team, held.storage]));
        let sql = format!(
            "INSERT INTO team_usage_project (generation, project_id, team_id, storage_bytes) \
             SELECT $2, value->>0, value->>1, CAST(value->>2 AS BIGINT) FROM {} AS rows WHERE true \
             ON CONFLICT (generation, project_id) DO UPDATE \
             SET team_id = excluded.team_id, storage_bytes = excluded.storage_bytes",
            tx.rows()
        );
        tx.execute(&sql, &[(&Value::from_iter(rows).to_string()).into(), generation.into()]).await?;
        Ok(())
    }

    async fn write_unlinked(&self, tx: &mut Tx, generation: i64) -> Result<(), DbError> {
        if self.unlinked.is_empty() {
            return Ok(());
        }
        let rows = self.unlinked.iter().map(|((team, month), bytes)| json!([team, month, bytes]));
        let sql = format!(
            "INSERT INTO team_usage_unlinked (generation, team_id, month, storage_bytes) \
             SELECT $2, value->>0, value->>1, CAST(value->>2 AS BIGINT) FROM {} AS rows WHERE true \
             ON CONFLICT (generation, team_id, month) DO UPDATE SET storage_bytes = excluded.storage_bytes",
            tx.rows()
        );
        tx.execute(&sql, &[(&Value::from_iter(rows).to_string()).into(), generation.into()]).await?;
        Ok(())
    }
}

fn month_of(event: &ProjectedEvent, at: DateTime<Utc>) -> Result<Month, ApplyError> {
    Month::of(at).map_err(|error| ApplyError::Event { position: event.position, why: error.to_string() })
}

fn project_of(event: &ProjectedEvent) -> Option<ProjectId> {
    match &event.body {
        Body::Usage(id, _) => Some(id.project),
        Body::Team(_, TeamEvent::ProjectRegistered(registered)) => Some(registered.project_id),
        Body::Comparison(..)
        | Body::Team(..)
        | Body::Payment(..)
        | Body::Delivery(..)
        | Body::Other
        | Body::Unreadable { .. } => None,
    }
}
