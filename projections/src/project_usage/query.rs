//! Reading project usage. Only a member of the project's team finds it: the condition is part of every statement.

use chrono::{DateTime, Utc};
use domain::{ByteCount, Month, ProjectId, UserId};
use serde_json::json;
use store::Position;

use super::row::{ProjectDay, ProjectUsage};
use crate::db::{Db, DbError, Row};

/// Who asks for which month of which project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) user: UserId,
    pub(crate) project: ProjectId,
    pub(crate) month: Month,
}

/// The answers to many questions by one statement, in their order. None: no such project, or none that the user may
/// see. A month in which nothing happened is all zeros.
pub(crate) async fn months(db: &Db, asked: &[Asked]) -> Result<Vec<Option<ProjectUsage>>, DbError> {
    let sql = format!(
        "SELECT CAST(asked.value->>0 AS BIGINT), u.ingress_bytes, u.egress_bytes, u.requests, u.created_at, \
         u.updated_at, p.position, \
         (SELECT s.storage_bytes FROM project_usage s WHERE s.generation = p.generation \
          AND s.project_id = asked.value->>2 AND s.month <= asked.value->>3 AND s.storage_bytes IS NOT NULL \
          ORDER BY s.month DESC LIMIT 1) \
         FROM {} AS asked \
         CROSS JOIN projection p \
         CROSS JOIN projection d \
         JOIN directory_project o ON o.generation = d.generation AND o.project_id = asked.value->>2 \
         JOIN directory_member m ON m.generation = d.generation AND m.team_id = o.team_id \
          AND m.user_id = CAST(asked.value->>1 AS BIGINT) \
         LEFT JOIN project_usage u ON u.generation = p.generation AND u.project_id = asked.value->>2 \
          AND u.month = asked.value->>3 \
         WHERE p.name = 'project_usage' AND p.state = 'active' AND d.name = 'directory' AND d.state = 'active'",
        db.rows()
    );
    let rows = asked
        .iter()
        .enumerate()
        .map(|(place, Asked { user, project, month })| json!([place, user, project, month]));
    let rows = serde_json::Value::from_iter(rows).to_string();
    let mut answers = vec![None; asked.len()];
    for row in db.fetch(&sql, &[(&rows).into()]).await? {
        let place: usize = row.number(0)?;
        if let (Some(answer), Some(asked)) = (answers.get_mut(place), asked.get(place)) {
            *answer = Some(month_of(&row, asked)?);
        }
    }
    Ok(answers)
}

fn month_of(row: &Row, asked: &Asked) -> Result<ProjectUsage, DbError> {
    Ok(ProjectUsage {
        project_id: asked.project,
        month: asked.month,
        ingress: bytes(row, 1)?.unwrap_or_default(),
        egress: bytes(row, 2)?.unwrap_or_default(),
        requests: row.opt_int(3)?.unwrap_or(0).unsigned_abs(),
        created_at: instant(row, 4)?,
        updated_at: instant(row, 5)?,
        position: Position::from_sql(row.int(6)?),
        storage: bytes(row, 7)?.unwrap_or_default(),
    })
}

/// The days of a month on which something happened. None: no such project, or none that the user may see.
pub(crate) async fn days(db: &Db, asked: &Asked) -> Result<Option<Vec<ProjectDay>>, DbError> {
    if months(db, std::slice::from_ref(asked))
        .await?
        .first()
        .is_none_or(Option::is_none)
    {
        return Ok(None);
    }
    let sql = "SELECT day, ingress_bytes, egress_bytes, requests, storage_bytes FROM project_usage_day \
               WHERE generation = (SELECT generation FROM projection WHERE name = 'project_usage' AND state = 'active') \
               AND project_id = $1 AND day >= $2 AND day < $3 ORDER BY day";
    let (project, from, until) = (
        asked.project.to_string(),
        asked.month.to_string(),
        asked.month.next().to_string(),
    );
    let rows = db
        .fetch(sql, &[(&project).into(), (&from).into(), (&until).into()])
        .await?;
    let days = rows.iter().map(|row| {
        Ok(ProjectDay {
            day: row.parse(0)?,
            ingress: row.number(1)?,
            egress: row.number(2)?,
            requests: row.number(3)?,
            storage: bytes(row, 4)?,
        })
    });
    Ok(Some(days.collect::<Result<_, DbError>>()?))
}

fn bytes(row: &Row, column: usize) -> Result<Option<ByteCount>, DbError> {
    let bytes = row.opt_int(column)?;
    bytes
        .map(|bytes| ByteCount::try_from(bytes).map_err(|_| DbError::Corrupt(bytes.to_string())))
        .transpose()
}

fn instant(row: &Row, column: usize) -> Result<Option<DateTime<Utc>>, DbError> {
    Ok(row.opt_int(column)?.and_then(DateTime::from_timestamp_micros))
}
