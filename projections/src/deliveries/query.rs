//! Reading deliveries, for jobs and operators. No user sees them.

use std::ops::Range;

use chrono::{DateTime, Utc};
use domain::{DeliveryId, Sealed, TeamId, UserId};

use super::row::{
    Channel, Contact, DeliveryCounts, GivenUp, Pending, PendingDelivery, PendingPage, Reader, TeamName,
};
use crate::db::{Db, DbError, Row};
use crate::reads::QueryError;

/// At most `limit` of what is still to be delivered by this channel, from there on. A row that cannot be read is left
/// out and told of.
pub(crate) async fn pending(
    db: &Db,
    channel: Channel,
    from: &Pending,
    limit: u16,
) -> Result<PendingPage, QueryError> {
    // The limit is inside, so that only so many entries of the index are read. LEFT, so that what is not built yet
    // differs from what is not there.
    let sql = "SELECT d.delivery_id, d.team_id, d.due_at, d.since, d.facts, t.name, t.slug, m.email, m.language \
               FROM projection p LEFT JOIN \
               (SELECT * FROM deliveries WHERE generation = \
                (SELECT generation FROM projection WHERE name = 'deliveries' AND state = 'active') \
                AND channel = $1 AND state = $2 AND (due_at, delivery_id) > ($3, $4) \
                ORDER BY due_at, delivery_id LIMIT $5) d ON true \
               LEFT JOIN deliveries_team t ON t.generation = d.generation AND t.team_id = d.team_id \
               LEFT JOIN deliveries_member m ON m.generation = d.generation AND m.team_id = d.team_id \
                AND m.user_id = d.user_id \
               WHERE p.name = 'deliveries' AND p.state = 'active' ORDER BY d.due_at, d.delivery_id";
    let state = if from.delayed { "delayed" } else { "due" };
    let params = [
        channel.as_str().into(),
        state.into(),
        from.due_at.into(),
        (&from.id).into(),
        i64::from(limit).into(),
    ];
    let rows = db.fetch(sql, &params).await?;
    if rows.is_empty() {
        return Err(QueryError::Building);
    }
    let mut page = PendingPage { deliveries: Vec::new(), unreadable: None, next: None };
    for row in &rows {
        let Some(id) = row.opt_text(0)? else { continue };
        // By what the row itself says: the last one may be one that cannot be read.
        page.next = Some(Pending { delayed: from.delayed, due_at: row.int(2)?, id: id.to_owned() });
        match read(row) {
            Ok(delivery) => page.deliveries.push(delivery),
            Err(error) => {
                tracing::error!(delivery = id, %error, "a delivery cannot be read, and is not sent");
                page.unreadable.get_or_insert(error);
            }
        }
    }
    Ok(page)
}

/// When something was first recorded of any delivery of this channel, if it ever was. It reads all of them.
pub(crate) async fn first_outcome(db: &Db, channel: Channel) -> Result<Option<DateTime<Utc>>, QueryError> {
    // One that failed first has both times.
    let sql = "SELECT min(coalesce(since, done_at)) FROM deliveries WHERE generation = \
               (SELECT generation FROM projection WHERE name = 'deliveries' AND state = 'active') \
               AND channel = $1 AND state IN ('delayed', 'delivered', 'given_up')";
    let rows = db.fetch(sql, &[channel.as_str().into()]).await?;
    Ok(rows.first().map(|row| row.opt_instant(0)).transpose()?.flatten())
}

/// At most `limit` deliveries of this channel that were never tried, of events that were recorded between these, the
/// oldest first. What they tell is not read.
pub(crate) async fn untried_ids(
    db: &Db,
    channel: Channel,
    due: Range<DateTime<Utc>>,
    limit: u16,
) -> Result<Vec<DeliveryId>, QueryError> {
    let sql = "SELECT delivery_id FROM deliveries WHERE generation = \
               (SELECT generation FROM projection WHERE name = 'deliveries' AND state = 'active') \
               AND channel = $1 AND state = 'due' AND due_at >= $2 AND due_at < $3 \
               ORDER BY due_at, delivery_id LIMIT $4";
    let params = [
        channel.as_str().into(),
        due.start.timestamp_micros().into(),
        due.end.timestamp_micros().into(),
        i64::from(limit).into(),
    ];
    let rows = db.fetch(sql, &params).await?;
    Ok(rows.iter().map(|row| row.parse(0)).collect::<Result<_, _>>()?)
}

/// A member, as far as the page that his mails lead to shows him; none: he is none.
pub(crate) async fn reader(db: &Db, team: TeamId, user: UserId) -> Result<Option<Reader>, QueryError> {
    let sql = "SELECT t.name, t.slug, m.language, m.muted FROM projection p \
               LEFT JOIN deliveries_member m ON m.generation = p.generation AND m.team_id = $1 AND m.user_id = $2 \
               LEFT JOIN deliveries_team t ON t.generation = m.generation AND t.team_id = m.team_id \
               WHERE p.name = 'deliveries' AND p.state = 'active'";
    let rows = db.fetch(sql, &[(&team.to_string()).into(), user.0.into()]).await?;
    let Some(row) = rows.first() else { return Err(QueryError::Building) };
    if row.opt_text(0)?.is_none() {
        return Ok(None);
    }
    let team = TeamName { name: row.text(0)?.into(), slug: row.parse(1)? };
    Ok(Some(Reader { team, language: row.opt_parse(2)?, muted: row.int(3)? != 0 }))
}

fn read(row: &Row) -> Result<PendingDelivery, DbError> {
    let told = serde_json::from_str(row.text(4)?);
    let contact = match row.opt_text(7)? {
        Some(email) => Some(Contact { email: Sealed::new(email.into()), language: row.opt_parse(8)? }),
        None => None,
    };
    Ok(PendingDelivery {
        id: row.parse(0)?,
        team_id: row.parse(1)?,
        due_at: row.instant(2)?,
        since: row.opt_instant(3)?,
        told: told.map_err(|error| DbError::Corrupt(format!("facts of another version ({error})")))?,
        team: TeamName { name: row.text(5)?.into(), slug: row.parse(6)? },
        contact,
    })
}

/// How many deliveries are in trouble now, and were given up at this instant or later.
pub(crate) async fn counts(db: &Db, given_up_from: DateTime<Utc>) -> Result<DeliveryCounts, QueryError> {
    let sql = "SELECT d.channel, d.state, count(*) FROM projection p \
               LEFT JOIN deliveries d ON d.generation = p.generation AND d.channel IN ('mail', 'webhook') \
                AND d.state IN ('delayed', 'given_up') AND (d.state = 'delayed' OR d.done_at >= $1) \
               WHERE p.name = 'deliveries' AND p.state = 'active' GROUP BY d.channel, d.state";
    let rows = db.fetch(sql, &[given_up_from.timestamp_micros().into()]).await?;
    if rows.is_empty() {
        return Err(QueryError::Building);
    }
    let mut counts = DeliveryCounts::default();
    for row in &rows {
        let of = match row.opt_text(0)? {
            Some("mail") => &mut counts.mail,
            Some("webhook") => &mut counts.webhook,
            Some(_) | None => continue,
        };
        match row.text(1)? {
            "delayed" => of.delayed = row.sum(2)?,
            _ => of.given_up = row.sum(2)?,
        }
    }
    Ok(counts)
}

/// At most `limit` of what was given up, what was last given up first.
pub(crate) async fn given_up(db: &Db, limit: u16) -> Result<Vec<GivenUp>, QueryError> {
    let sql = "SELECT d.delivery_id, d.team_id, d.due_at, d.done_at, d.reason FROM projection p \
               LEFT JOIN deliveries d ON d.generation = p.generation AND d.channel IN ('mail', 'webhook') \
                AND d.state = 'given_up' \
               WHERE p.name = 'deliveries' AND p.state = 'active' \
               ORDER BY d.done_at DESC, d.delivery_id LIMIT $1";
    let rows = db.fetch(sql, &[i64::from(limit.max(1)).into()]).await?;
    if rows.is_empty() {
        return Err(QueryError::Building);
    }
    let mut given_up = Vec::new();
    for row in &rows {
        if row.opt_text(0)?.is_some() {
            given_up.push(GivenUp {
                id: row.parse(0)?,
                team_id: row.parse(1)?,
                due_at: row.instant(2)?,
                at: row.instant(3)?,
                reason: row.text(4)?.into(),
            });
        }
    }
    Ok(given_up)
}
