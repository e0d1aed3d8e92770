//! Reading team usage. Only a member of the team finds it.

use std::collections::HashMap;

use domain::{ByteCount, Month, ProjectId, Slug, UserId};
use store::Position;

use super::row::{TeamProjectUsage, TeamUsage};
use crate::db::{Db, DbError};
use crate::directory::{projects_of, team_of_member};

/// What the team of this slug used in a month. None: no such team, or none that the user belongs to.
pub(crate) async fn month(
    db: &Db,
    user: UserId,
    slug: &Slug,
    month: Month,
) -> Result<Option<TeamUsage>, DbError> {
    let Some(team) = team_of_member(db, user, slug).await? else {
        return Ok(None);
    };
    let sql = "SELECT u.project_id, u.month, u.ingress_bytes, u.egress_bytes, u.requests, u.storage_bytes, p.position \
               FROM projection p LEFT JOIN team_usage u \
               ON u.generation = p.generation AND u.team_id = $1 AND u.month <= $2 \
               AND (u.month = $2 OR u.storage_bytes IS NOT NULL) \
               WHERE p.name = 'team_usage' AND p.state = 'active' ORDER BY u.month";
    let (team_id, month_text) = (team.team_id.to_string(), month.to_string());
    let rows = db.fetch(sql, &[(&team_id).into(), (&month_text).into()]).await?;
    let mut position = Position::default();
    let mut used: HashMap<ProjectId, TeamProjectUsage> = HashMap::new();
    for row in &rows {
        position = Position::from_sql(row.int(6)?);
        if row.opt_text(0)?.is_none() {
            continue;
        }
        let project_id: ProjectId = row.parse(0)?;
        let project = used
            .entry(project_id)
            .or_insert_with(|| nothing_used(project_id, project_id.to_string()));
        if row.text(1)? == month_text {
            (project.ingress, project.egress, project.requests) =
                (row.number(2)?, row.number(3)?, row.number(4)?);
        }
        // In the order of months: what was measured last stands.
        if let Some(storage) = row.opt_int(5)? {
            project.storage =
                ByteCount::try_from(storage).map_err(|_| DbError::Corrupt(storage.to_string()))?;
        }
    }
    let mut projects = Vec::new();
    for project in projects_of(db, team.team_id).await? {
        match used.remove(&project.project_id) {
            Some(usage) => projects.push(TeamProjectUsage {
                name: project.name,
                ..usage
            }),
            None if project.removed => {}
            None => projects.push(nothing_used(project.project_id, project.name)),
        }
    }
    // Projects that are another team's now, as long as the month has something of theirs.
    let mut others: Vec<_> = used.into_values().filter(|usage| !usage.is_nothing()).collect();
    others.sort_by_key(|usage| usage.project_id);
    projects.extend(others);
    Ok(Some(TeamUsage {
        team_id: team.team_id,
        slug: team.slug,
        name: team.name,
        plan: team.plan,
        month,
        projects,
        position,
    }))
}

fn nothing_used(project_id: ProjectId, name: String) -> TeamProjectUsage {
    TeamProjectUsage {
        project_id,
        name,
        ingress: ByteCount::ZERO,
        egress: ByteCount::ZERO,
        requests: 0,
        storage: ByteCount::ZERO,
    }
}
