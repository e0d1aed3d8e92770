//! Reading payments. Only a member of the team finds them, and the operator those that are flagged.

use domain::{Money, PaymentId, Slug, UserId};
use serde_json::json;

use super::cursor::PaymentCursor;
use super::project::columns;
use super::row::{FlaggedCounts, FlaggedPayment, PaymentFilter, PaymentPage, PaymentRow};
use crate::db::{Db, DbError, Row};
use crate::directory::team_of_member;
use crate::reads::QueryError;

/// This payment. None: no such payment, or none that the user may see.
pub(crate) async fn payment(db: &Db, user: UserId, id: PaymentId) -> Result<Option<PaymentRow>, QueryError> {
    // LEFT all the way, so that what is not built yet differs from what is not there.
    let sql = format!(
        "SELECT p.generation, m.user_id, {} \
         FROM projection d \
         LEFT JOIN projection p ON p.name = 'payment_history' AND p.state = 'active' \
         LEFT JOIN payment_history h ON h.generation = p.generation AND h.payment_id = $1 \
         LEFT JOIN directory_member m ON m.generation = d.generation AND m.team_id = h.team_id \
          AND m.user_id = $2 \
         WHERE d.name = 'directory' AND d.state = 'active'",
        columns("h.")
    );
    let rows = db.fetch(&sql, &[(&id.to_string()).into(), user.0.into()]).await?;
    let Some(row) = rows.first() else { return Err(QueryError::Building) };
    if row.opt_int(0)?.is_none() {
        return Err(QueryError::Building);
    }
    Ok(match row.opt_int(1)? {
        Some(_) => Some(read(row, 2)?),
        None => None,
    })
}

/// At most `limit` payments, and at least one, of the team of this slug, from the cursor on. None: no such team, or
/// none that the user belongs to.
pub(crate) async fn page(
    db: &Db,
    user: UserId,
    slug: &Slug,
    filter: &PaymentFilter,
    limit: u16,
    after: Option<PaymentCursor>,
) -> Result<Option<PaymentPage>, QueryError> {
    let Some(team) = team_of_member(db, user, slug).await? else {
        return Ok(None);
    };
    let limit = usize::from(limit.max(1));
    let team = team.team_id.to_string();
    let from = filter.from.map_or(i64::MIN, |from| from.timestamp_micros());
    let until = filter.until.map_or(i64::MAX, |until| until.timestamp_micros());
    let (before, id) =
        after.map_or((i64::MAX, String::new()), |cursor| (cursor.created_at, cursor.payment_id.to_string()));
    let (status, method) = (json!(filter.status), json!(filter.method));
    let params = [
        (&team).into(),
        from.into(),
        until.into(),
        before.into(),
        (&id).into(),
        status.as_str().unwrap_or_default().into(),
        method.as_str().unwrap_or_default().into(),
        // One more than wanted tells whether there are more.
        i64::try_from(limit + 1).unwrap_or(i64::MAX).into(),
    ];
    let rows = db.fetch(&page_sql(), &params).await?;
    if rows.is_empty() {
        return Err(QueryError::Building);
    }
    let mut payments = Vec::with_capacity(limit);
    for row in rows.iter().take(limit) {
        // A row without a payment says that the read model is there, and that there is nothing in it.
        if row.opt_text(0)?.is_some() {
            payments.push(read(row, 0)?);
        }
    }
    let next = payments.last().filter(|_| rows.len() > limit).map(PaymentCursor::after);
    Ok(Some(PaymentPage { payments, next }))
}

/// The limit is inside, so that only so many entries of the index are read however many payments the team has.
pub(super) fn page_sql() -> String {
    format!(
        "SELECT {} FROM projection p LEFT JOIN \
         (SELECT {} FROM payment_history WHERE generation = \
          (SELECT generation FROM projection WHERE name = 'payment_history' AND state = 'active') \
          AND team_id = $1 AND created_at >= $2 AND created_at < $3 AND (created_at, payment_id) < ($4, $5) \
          AND ($6 = '' OR status = $6) AND ($7 = '' OR method = $7) \
          ORDER BY created_at DESC, payment_id DESC LIMIT $8) h ON true \
         WHERE p.name = 'payment_history' AND p.state = 'active' \
         ORDER BY h.created_at DESC, h.payment_id DESC",
        columns("h."),
        columns("")
    )
}

/// At most `limit` payments of all teams, and at least one, that are conflicted or due for a refund; those that changed
/// last come first.
pub(crate) async fn flagged(db: &Db, limit: u16) -> Result<Vec<FlaggedPayment>, QueryError> {
    let sql = format!(
        "SELECT t.slug, {} FROM projection p \
         LEFT JOIN payment_history h ON h.generation = p.generation AND (h.conflicted = 1 OR h.refund_due = 1) \
         LEFT JOIN projection d ON d.name = 'directory' AND d.state = 'active' \
         LEFT JOIN directory_team t ON t.generation = d.generation AND t.team_id = h.team_id \
         WHERE p.name = 'payment_history' AND p.state = 'active' \
         ORDER BY h.updated_at DESC, h.payment_id DESC LIMIT $1",
        columns("h.")
    );
    let rows = db.fetch(&sql, &[i64::from(limit.max(1)).into()]).await?;
    if rows.is_empty() {
        return Err(QueryError::Building);
    }
    let mut flagged = Vec::with_capacity(rows.len());
    for row in &rows {
        // A row without a payment says that the read model is there, and that there is nothing in it.
        if row.opt_text(1)?.is_some() {
            flagged.push(FlaggedPayment { payment: read(row, 1)?, team: row.opt_parse(0)? });
        }
    }
    Ok(flagged)
}

/// How many there are of each flag.
pub(crate) async fn flagged_counts(db: &Db) -> Result<FlaggedCounts, QueryError> {
    let sql = "SELECT COUNT(CASE WHEN h.conflicted = 1 THEN 1 END), COUNT(CASE WHEN h.refund_due = 1 THEN 1 END) \
               FROM projection p LEFT JOIN payment_history h ON h.generation = p.generation \
                AND (h.conflicted = 1 OR h.refund_due = 1) \
               WHERE p.name = 'payment_history' AND p.state = 'active' GROUP BY p.generation";
    let rows = db.fetch(sql, &[]).await?;
    let row = rows.first().ok_or(QueryError::Building)?;
    Ok(FlaggedCounts { conflicted: row.number(0)?, refund_due: row.number(1)? })
}

/// The payment whose columns begin at this one.
pub(super) fn read(row: &Row, first: usize) -> Result<PaymentRow, DbError> {
    let at = |column: usize| first + column;
    Ok(PaymentRow {
        payment_id: row.parse(at(0))?,
        team_id: row.parse(at(1))?,
        user_id: UserId(row.int(at(2))?),
        plan: row.text(at(3))?.into(),
        period: row.number(at(4))?,
        amount: Money::new(row.int(at(5))?, row.word(at(6))?),
        method: row.word(at(7))?,
        status: row.word(at(8))?,
        description: row.opt_text(at(9))?.map(str::to_owned),
        external_payment_id: row.opt_parse(at(10))?,
        transaction_id: row.opt_text(at(11))?.map(str::to_owned),
        conflicted: row.int(at(12))? != 0,
        refund_due: row.int(at(13))? != 0,
        to_confirm: row.int(at(14))? != 0,
        cancellation_requested: row.int(at(15))? != 0,
        expires_at: row.opt_instant(at(16))?,
        created_at: row.instant(at(17))?,
        completed_at: row.opt_instant(at(18))?,
        updated_at: row.instant(at(19))?,
    })
}
