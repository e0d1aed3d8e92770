//! Reading alerts. Only a member of the team finds them.

use domain::{Month, Slug, UserId};

use super::row::Alert;
use crate::db::{Db, DbError, Row};
use crate::directory::team_of_member;
use crate::reads::QueryError;

/// The alerts of a month of the team of this slug, the newest first. None: no such team, or none that the user belongs
/// to.
pub(crate) async fn of_team(
    db: &Db,
    user: UserId,
    slug: &Slug,
    month: Month,
) -> Result<Option<Vec<Alert>>, QueryError> {
    let Some(team) = team_of_member(db, user, slug).await? else {
        return Ok(None);
    };
    // LEFT, so that what is not built yet differs from what is not there.
    let sql = "SELECT a.resource, a.threshold, a.month, a.used_bytes, a.limit_bytes, a.raised_at, a.cleared_at \
               FROM projection p \
               LEFT JOIN alerts a ON a.generation = p.generation AND a.team_id = $1 AND a.month = $2 \
               WHERE p.name = 'alerts' AND p.state = 'active' ORDER BY a.position DESC";
    let (team, month) = (team.team_id.to_string(), month.to_string());
    let rows = db.fetch(sql, &[(&team).into(), (&month).into()]).await?;
    if rows.is_empty() {
        return Err(QueryError::Building);
    }
    let mut alerts = Vec::new();
    for row in &rows {
        if row.opt_text(0)?.is_some() {
            alerts.push(read(row)?);
        }
    }
    Ok(Some(alerts))
}

fn read(row: &Row) -> Result<Alert, DbError> {
    Ok(Alert {
        resource: row.word(0)?,
        threshold: row.number(1)?,
        month: row.parse(2)?,
        used: row.sum(3)?,
        limit: row.sum(4)?,
        raised_at: row.instant(5)?,
        cleared_at: row.opt_instant(6)?,
    })
}
