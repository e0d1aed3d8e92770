//! Reading events from SQLite.

use chrono::DateTime;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};
use uuid::Uuid;

use crate::intern::intern;
use crate::log::{Filter, Position, ReadError, Recorded, StreamId};

const COLUMNS: &str = "position, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, \
                       payload, metadata, recorded_at";

pub(super) async fn head(pool: &SqlitePool) -> Result<Position, sqlx::Error> {
    let head = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM events").fetch_one(pool).await?;
    Ok(Position::from_sql(head))
}

pub(super) async fn stream(
    pool: &SqlitePool,
    stream: &StreamId,
    after: u64,
    limit: usize,
) -> Result<Vec<Recorded>, ReadError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = ? AND aggregate_id = ? AND sequence > ? \
         ORDER BY sequence LIMIT ?"
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

pub(super) async fn last(pool: &SqlitePool, stream: &StreamId) -> Result<Option<Recorded>, ReadError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = ? AND aggregate_id = ? ORDER BY sequence DESC LIMIT 1"
    );
    let row = sqlx::query(&sql)
        .bind(&stream.aggregate_type)
        .bind(&stream.aggregate_id)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(recorded).transpose()
}

pub(super) async fn after(
    pool: &SqlitePool,
    position: Position,
    limit: usize,
    filter: Filter,
) -> Result<Vec<Recorded>, ReadError> {
    // The condition is the partial index's own, word for word: that is how SQLite knows that it may use it.
    let only = match filter {
        Filter::All => "",
        Filter::ExceptMeasurements => {
            "AND event_type NOT IN ('TrafficRecorded', 'StorageMeasured', 'UsageCorrected', 'CountersRead')"
        }
    };
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position > ? {only} ORDER BY position LIMIT ?");
    let rows = sqlx::query(&sql).bind(position.to_sql()).bind(sql_limit(limit)).fetch_all(pool).await?;
    rows.iter().map(recorded).collect()
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn recorded(row: &SqliteRow) -> Result<Recorded, ReadError> {
    let position = Position::from_sql(row.try_get(0)?);
    let corrupt = |what: &str| ReadError::Corrupt { position: position.0, what: what.into() };
    Ok(Recorded {
        position,
        stream: StreamId { aggregate_type: intern(row.try_get(1)?), aggregate_id: row.try_get(2)? },
        sequence: Position::from_sql(row.try_get(3)?).0,
        event_id: Uuid::from_slice(row.try_get(4)?).map_err(|_| corrupt("event_id is not 16 bytes"))?,
        event_type: intern(row.try_get(5)?),
        event_version: intern(row.try_get(6)?),
        payload: row.try_get(7)?,
        metadata: row.try_get(8)?,
        recorded_at: DateTime::from_timestamp_micros(row.try_get(9)?)
            .ok_or_else(|| corrupt("recorded_at is out of range"))?,
    })
}
