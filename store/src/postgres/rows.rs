//! Reading events from Postgres.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::intern::intern;
use crate::log::{Filter, Position, ReadError, Recorded, StreamId};

const COLUMNS: &str = "position, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, \
                       payload::text, metadata::text, recorded_at";

pub(super) async fn head(pool: &PgPool) -> Result<Position, sqlx::Error> {
    let head = sqlx::query_scalar("SELECT position FROM log_head").fetch_one(pool).await?;
    Ok(Position::from_sql(head))
}

pub(super) async fn stream(
    pool: &PgPool,
    stream: &StreamId,
    after: u64,
    limit: usize,
) -> Result<Vec<Recorded>, ReadError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence > $3 \
         ORDER BY sequence LIMIT $4"
    );
    let rows = sqlx::query(&sql)
        .bind(&stream.aggregate_type)
        .bind(&stream.aggregate_id)
        .bind(Position(after).to_sql())
        .bind(sql_limit(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(recorded).collect()
}

pub(super) async fn last(pool: &PgPool, stream: &StreamId) -> Result<Option<Recorded>, ReadError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 ORDER BY sequence DESC LIMIT 1"
    );
    let row = sqlx::query(&sql)
        .bind(&stream.aggregate_type)
        .bind(&stream.aggregate_id)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(recorded).transpose()
}

pub(super) async fn after(
    pool: &PgPool,
    position: Position,
    limit: usize,
    filter: Filter,
) -> Result<Vec<Recorded>, ReadError> {
    // The condition is the partial index's own, word for word: that is how Postgres knows that it may use it.
    let only = match filter {
        Filter::All => "",
        Filter::ExceptMeasurements => {
            "AND event_type NOT IN \
             ('TrafficRecorded', 'TrafficCompared', 'StorageMeasured', 'UsageCorrected', 'CountersRead')"
        }
    };
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position > $1 {only} ORDER BY position LIMIT $2");
    let rows = sqlx::query(&sql).bind(position.to_sql()).bind(sql_limit(limit)).fetch_all(pool).await?;
    rows.iter().map(recorded).collect()
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn recorded(row: &PgRow) -> Result<Recorded, ReadError> {
    Ok(Recorded {
        position: Position::from_sql(row.try_get(0)?),
        stream: StreamId { aggregate_type: intern(row.try_get(1)?), aggregate_id: row.try_get(2)? },
        sequence: Position::from_sql(row.try_get(3)?).0,
        event_id: row.try_get(4)?,
        event_type: intern(row.try_get(5)?),
        event_version: intern(row.try_get(6)?),
        payload: row.try_get(7)?,
        metadata: row.try_get(8)?,
        recorded_at: row.try_get::<DateTime<Utc>, _>(9)?,
    })
}
