//! Reading traffic sources. Only a member of the project's team finds them: the condition is part of the statement.

use super::row::SeenTraffic;
use crate::db::{Db, DbError, Row};
use crate::project_usage::Asked;
use crate::reads::QueryError;

/// How traffic was counted that is from before that was told.
pub(super) const UNKNOWN: &str = "unknown";

/// What each way of counting saw in a month, by name. None: no such project, or none that the user may see.
pub(crate) async fn of_project(db: &Db, asked: &Asked) -> Result<Option<Vec<SeenTraffic>>, QueryError> {
    // LEFT all the way: what is not built yet differs from what is not there, and that from what nobody saw.
    let sql = "SELECT d.position, m.user_id, s.source, s.ingress_bytes, s.egress_bytes, s.requests, s.billed_bytes, \
               s.first_at, s.last_at \
               FROM projection p \
               LEFT JOIN projection d ON d.name = 'directory' AND d.state = 'active' \
               LEFT JOIN directory_project o ON o.generation = d.generation AND o.project_id = $1 \
               LEFT JOIN directory_member m ON m.generation = d.generation AND m.team_id = o.team_id \
                AND m.user_id = $2 \
               LEFT JOIN traffic_sources s ON s.generation = p.generation AND s.project_id = o.project_id \
                AND s.month = $3 AND m.user_id IS NOT NULL \
               WHERE p.name = 'traffic_sources' AND p.state = 'active' ORDER BY s.source";
    let (project, month) = (asked.project.to_string(), asked.month.to_string());
    let rows = db.fetch(sql, &[(&project).into(), asked.user.0.into(), (&month).into()]).await?;
    let Some(first) = rows.first() else { return Err(QueryError::Building) };
    if first.opt_int(0)?.is_none() {
        return Err(QueryError::Building);
    }
    if first.opt_int(1)?.is_none() {
        return Ok(None);
    }
    let mut seen = Vec::new();
    for row in &rows {
        if let Some(source) = row.opt_text(2)? {
            seen.push(read(row, source)?);
        }
    }
    Ok(Some(seen))
}

fn read(row: &Row, source: &str) -> Result<SeenTraffic, DbError> {
    Ok(SeenTraffic {
        source: if source == UNKNOWN { None } else { Some(row.parse(2)?) },
        ingress: row.sum(3)?,
        egress: row.sum(4)?,
        requests: row.sum(5)?,
        billed: row.sum(6)?,
        first_at: row.instant(7)?,
        last_at: row.instant(8)?,
    })
}
