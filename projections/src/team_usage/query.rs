//! Reading team usage. Only a member of the team finds it.

use std::collections::{BTreeMap, HashMap};

use domain::{ByteCount, Month, ProjectId, Slug, TeamId, UserId};
use store::Position;

use super::row::{TeamProjectUsage, TeamTotals, TeamUsage, add};
use crate::db::Db;
use crate::directory::{projects_of, team_of_member};
use crate::reads::QueryError;

/// What the team of this slug used in a month. None: no such team, or none that the user belongs to.
pub(crate) async fn month(
    db: &Db,
    user: UserId,
    slug: &Slug,
    month: Month,
) -> Result<Option<TeamUsage>, QueryError> {
    let Some(team) = team_of_member(db, user, slug).await? else {
        return Ok(None);
    };
    let sql = "SELECT u.project_id, u.month, u.ingress_bytes, u.egress_bytes, u.requests, u.storage_bytes, p.position, \
               (SELECT t.storage_bytes FROM team_usage_unlinked t WHERE t.generation = p.generation \
               AND t.team_id = $1 AND t.month <= $2 ORDER BY t.month DESC LIMIT 1) \
               FROM projection p LEFT JOIN team_usage u \
               ON u.generation = p.generation AND u.team_id = $1 AND u.month <= $2 \
               AND (u.month = $2 OR u.storage_bytes IS NOT NULL) \
               WHERE p.name = 'team_usage' AND p.state = 'active' ORDER BY u.month";
    let (team_id, month_text) = (team.team_id.to_string(), month.to_string());
    let rows = db.fetch(sql, &[(&team_id).into(), (&month_text).into()]).await?;
    let Some(first) = rows.first() else { return Err(QueryError::Building) };
    let position = Position::from_sql(first.int(6)?);
    let unlinked_storage = if first.opt_int(7)?.is_some() { first.sum(7)? } else { ByteCount::ZERO };
    let mut used: HashMap<ProjectId, TeamProjectUsage> = HashMap::new();
    for row in &rows {
        if row.opt_text(0)?.is_none() {
            continue;
        }
        let project_id: ProjectId = row.parse(0)?;
        let project =
            used.entry(project_id).or_insert_with(|| nothing_used(project_id, project_id.to_string()));
        if row.text(1)? == month_text {
            (project.ingress, project.egress, project.requests) = (row.sum(2)?, row.sum(3)?, row.sum(4)?);
        }
        // In the order of months: what was measured last stands.
        if row.opt_int(5)?.is_some() {
            project.storage = row.sum(5)?;
        }
    }
    let mut projects = Vec::new();
    for project in projects_of(db, team.team_id).await? {
        let usage = used
            .remove(&project.project_id)
            .unwrap_or_else(|| nothing_used(project.project_id, String::new()));
        // What is gone is shown as long as the month has something of it.
        if !(project.removed && usage.is_nothing()) {
            projects.push(TeamProjectUsage { name: project.name, ..usage });
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
        unlinked_storage,
        position,
    }))
}

/// What every team uses, by id: its traffic of this month, and its storage now. For the work that looks after all of
/// them; no user sees it.
pub(crate) async fn totals(db: &Db, month: Month) -> Result<Vec<TeamTotals>, QueryError> {
    // A row for each project, and added up here: sums stop at the largest number instead of failing.
    let sql = "SELECT p.generation, u.team_id, u.ingress_bytes, u.egress_bytes, 0 AS storage_bytes \
               FROM projection p LEFT JOIN team_usage u ON u.generation = p.generation AND u.month = $1 \
               WHERE p.name = 'team_usage' AND p.state = 'active' \
               UNION ALL \
               SELECT p.generation, h.team_id, 0, 0, h.storage_bytes \
               FROM projection p LEFT JOIN team_usage_project h ON h.generation = p.generation \
               WHERE p.name = 'team_usage' AND p.state = 'active' \
               UNION ALL \
               SELECT p.generation, t.team_id, 0, 0, t.storage_bytes \
               FROM projection p JOIN team_usage_unlinked t ON t.generation = p.generation \
               WHERE p.name = 'team_usage' AND p.state = 'active' AND NOT EXISTS \
               (SELECT 1 FROM team_usage_unlinked l WHERE l.generation = t.generation \
               AND l.team_id = t.team_id AND l.month > t.month)";
    let rows = db.fetch(sql, &[(&month.to_string()).into()]).await?;
    if rows.is_empty() {
        return Err(QueryError::Building);
    }
    let mut totals: BTreeMap<TeamId, TeamTotals> = BTreeMap::new();
    for row in &rows {
        if row.opt_text(1)?.is_none() {
            continue;
        }
        let team_id: TeamId = row.parse(1)?;
        let nothing = TeamTotals { team_id, traffic: ByteCount::ZERO, storage: ByteCount::ZERO };
        let total = totals.entry(team_id).or_insert(nothing);
        total.traffic = add(total.traffic, add(row.sum(2)?, row.sum(3)?));
        total.storage = add(total.storage, row.sum(4)?);
    }
    Ok(totals.into_values().collect())
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
