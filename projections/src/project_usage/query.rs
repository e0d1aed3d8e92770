//! Reading project usage. Only a member of the project's team finds it: the condition is part of every statement.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::forecast::RecentTraffic;
use domain::usage::UsageId;
use domain::{ByteCount, Month, ProjectId, TeamId, UserId};
use serde_json::json;
use store::Position;

use super::row::{ProjectDay, ProjectUsage};
use crate::db::{Db, DbError, Row};
use crate::reads::QueryError;

/// Who asks for which month of which project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) user: UserId,
    pub(crate) project: ProjectId,
    pub(crate) month: Month,
}

/// The answers to many questions by one statement, in their order. None: no such project, or none that the user may
/// see. A month in which nothing happened is all zeros.
pub(crate) async fn months(db: &Db, asked: &[Asked]) -> Result<Vec<Option<ProjectUsage>>, QueryError> {
    let sql = months_sql(db);
    let rows = asked
        .iter()
        .enumerate()
        .map(|(place, Asked { user, project, month })| json!([place, user, project, month]));
    let rows = serde_json::Value::from_iter(rows).to_string();
    let mut answers = vec![None; asked.len()];
    for row in db.fetch(&sql, &[(&rows).into()]).await? {
        let place: usize = row.number(0)?;
        if let (Some(answer), Some(asked)) = (answers.get_mut(place), asked.get(place)) {
            *answer = month_of(&row, asked)?;
        }
    }
    Ok(answers)
}

/// LEFT all the way: a row for every question, so that what is not built yet differs from what is not there.
pub(super) fn months_sql(db: &Db) -> String {
    format!(
        "SELECT CAST(asked.value->>0 AS BIGINT), p.position, d.position, m.user_id, \
         u.ingress_bytes, u.egress_bytes, u.requests, u.created_at, u.updated_at, \
         (SELECT s.storage_bytes FROM project_usage s WHERE s.generation = p.generation \
          AND s.project_id = o.project_id AND s.month <= asked.value->>3 AND s.storage_bytes IS NOT NULL \
          ORDER BY s.month DESC LIMIT 1) \
         FROM {} AS asked \
         LEFT JOIN projection p ON p.name = 'project_usage' AND p.state = 'active' \
         LEFT JOIN projection d ON d.name = 'directory' AND d.state = 'active' \
         LEFT JOIN directory_project o ON o.generation = d.generation AND o.project_id = asked.value->>2 \
         LEFT JOIN directory_member m ON m.generation = d.generation AND m.team_id = o.team_id \
          AND m.user_id = CAST(asked.value->>1 AS BIGINT) \
         LEFT JOIN project_usage u ON u.generation = p.generation AND u.project_id = o.project_id \
          AND u.month = asked.value->>3",
        db.rows()
    )
}

fn month_of(row: &Row, asked: &Asked) -> Result<Option<ProjectUsage>, QueryError> {
    let (Some(position), Some(_)) = (row.opt_int(1)?, row.opt_int(2)?) else {
        return Err(QueryError::Building);
    };
    if row.opt_int(3)?.is_none() {
        return Ok(None);
    }
    Ok(Some(ProjectUsage {
        project_id: asked.project,
        month: asked.month,
        ingress: row.sum(4)?,
        egress: row.sum(5)?,
        requests: row.sum(6)?,
        created_at: row.opt_instant(7)?,
        updated_at: row.opt_instant(8)?,
        storage: row.sum(9)?,
        position: Position::from_sql(position),
    }))
}

/// The days of a month on which something happened. None: no such project, or none that the user may see.
pub(crate) async fn days(db: &Db, asked: &Asked) -> Result<Option<Vec<ProjectDay>>, QueryError> {
    if months(db, std::slice::from_ref(asked)).await?.first().is_none_or(Option::is_none) {
        return Ok(None);
    }
    let sql = "SELECT day, ingress_bytes, egress_bytes, requests, storage_bytes FROM project_usage_day \
               WHERE generation = (SELECT generation FROM projection WHERE name = 'project_usage' AND state = 'active') \
               AND project_id = $1 AND day >= $2 AND day < $3 ORDER BY day";
    let (project, from, until) =
        (asked.project.to_string(), asked.month.to_string(), asked.month.next().to_string());
    let rows = db.fetch(sql, &[(&project).into(), (&from).into(), (&until).into()]).await?;
    let days = rows.iter().map(|row| {
        Ok(ProjectDay {
            day: row.parse(0)?,
            ingress: row.sum(1)?,
            egress: row.sum(2)?,
            requests: row.sum(3)?,
            storage: match row.opt_int(4)? {
                Some(_) => Some(row.sum(4)?),
                None => None,
            },
        })
    });
    Ok(Some(days.collect::<Result<_, DbError>>()?))
}

/// The traffic of all projects that are this team's now, on the days from `from` on and before `until`.
pub(crate) async fn recent_traffic(
    db: &Db,
    team: TeamId,
    from: NaiveDate,
    until: NaiveDate,
) -> Result<RecentTraffic, DbError> {
    // The days in question, and before them one row that says that there is something.
    let of_team = "FROM directory_project d JOIN project_usage_day u ON u.project_id = d.project_id \
               WHERE d.generation = (SELECT generation FROM projection WHERE name = 'directory' AND state = 'active') \
               AND u.generation = (SELECT generation FROM projection WHERE name = 'project_usage' AND state = 'active') \
               AND d.team_id = $1 AND (u.ingress_bytes > 0 OR u.egress_bytes > 0)";
    let sql = format!(
        "SELECT u.day, u.ingress_bytes, u.egress_bytes {of_team} AND u.day >= $2 AND u.day < $3 \
         UNION ALL SELECT * FROM (SELECT u.day, u.ingress_bytes, u.egress_bytes {of_team} AND u.day < $2 \
         LIMIT 1) AS earlier"
    );
    let (team, first, until) = (team.to_string(), from.to_string(), until.to_string());
    let mut recent = RecentTraffic { days: BTreeMap::new(), is_new: true };
    for row in db.fetch(&sql, &[(&team).into(), (&first).into(), (&until).into()]).await? {
        let date = row.parse(0)?;
        if date < from {
            recent.is_new = false;
            continue;
        }
        let day = recent.days.entry(date).or_default();
        for bytes in [row.sum(1)?, row.sum(2)?] {
            *day = day.checked_add(bytes).unwrap_or(ByteCount::MAX);
        }
    }
    Ok(recent)
}

/// At most `limit` months of projects that are open, up to this one, the oldest first, from after one of them on.
pub(crate) async fn open_months(
    db: &Db,
    last: Month,
    after: Option<UsageId>,
    limit: u16,
) -> Result<Vec<UsageId>, QueryError> {
    // LEFT, so that what is not built yet differs from what is not there.
    let sql = "SELECT u.project_id, u.month FROM projection p \
               LEFT JOIN project_usage u ON u.generation = p.generation AND u.month <= $1 AND u.closed_at IS NULL \
               AND (u.month > $2 OR (u.month = $2 AND u.project_id > $3)) \
               WHERE p.name = 'project_usage' AND p.state = 'active' ORDER BY u.month, u.project_id LIMIT $4";
    let (last, [month, project]) = (
        last.to_string(),
        after.map_or_else(Default::default, |id| [id.month.to_string(), id.project.to_string()]),
    );
    let params = [(&last).into(), (&month).into(), (&project).into(), i64::from(limit).into()];
    let rows = db.fetch(sql, &params).await?;
    if rows.is_empty() {
        return Err(QueryError::Building);
    }
    let mut open = Vec::new();
    for row in &rows {
        if row.opt_text(0)?.is_some() {
            open.push(UsageId { project: row.parse(0)?, month: row.parse(1)? });
        }
    }
    Ok(open)
}
