//! The writer's statements on Postgres: every list is one array, so that every statement is one round trip.

use std::collections::HashMap;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row as _};
use uuid::Uuid;

use crate::intern::intern;
use crate::key::{Digest, KeyId};
use crate::log::{KeyRecord, Position, StreamId};
use crate::writer::{Backend, BackendError, KeyRow, Row};

type Done<T> = Result<T, BackendError>;

pub(super) struct PostgresBackend {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl PostgresBackend {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None }
    }

    async fn connect(&mut self) -> Done<&mut PgConnection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => tokio::time::timeout(super::CONNECT, self.options.connect())
                .await
                .map_err(|_| BackendError::TimedOut)??,
        };
        Ok(self.connection.insert(connection))
    }

    fn connected(&mut self) -> Done<&mut PgConnection> {
        self.connection.as_mut().ok_or(BackendError::NoTransaction)
    }
}

impl Backend for PostgresBackend {
    async fn begin(&mut self) -> Done<Position> {
        let connection = self.connect().await?;
        connection.execute("BEGIN").await?;
        let head = sqlx::query_scalar("SELECT position FROM log_head FOR UPDATE").fetch_one(connection).await?;
        Ok(Position::from_sql(head))
    }

    async fn types_after(&mut self, after: Position) -> Done<Vec<(String, String, Position)>> {
        let sql = "SELECT aggregate_type, event_type, max(position) FROM events WHERE position > $1 GROUP BY 1, 2";
        let rows = sqlx::query(sql).bind(after.to_sql()).fetch_all(self.connected()?).await?;
        let rows = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, Position::from_sql(row.try_get(2)?))));
        Ok(rows.collect::<Result<_, sqlx::Error>>()?)
    }

    async fn key_records(&mut self, keys: &[KeyId]) -> Done<HashMap<KeyId, KeyRecord>> {
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.0.as_slice()).collect();
        let sql = "SELECT id, digest, position, answer FROM append_keys WHERE id = ANY($1)";
        let rows = sqlx::query(sql).bind(keys).fetch_all(self.connected()?).await?;
        let records = rows.iter().map(|row| {
            let id = KeyId(sixteen(row.try_get(0)?)?);
            let record = KeyRecord {
                id,
                digest: Digest(sixteen(row.try_get(1)?)?),
                position: Position::from_sql(row.try_get(2)?),
                answer: row.try_get(3)?,
            };
            Ok((id, record))
        });
        Ok(records.collect::<Result<_, sqlx::Error>>()?)
    }

    async fn sequences(&mut self, streams: &[StreamId]) -> Done<HashMap<StreamId, u64>> {
        let types: Vec<&str> = streams.iter().map(|stream| stream.aggregate_type.as_ref()).collect();
        let ids: Vec<&str> = streams.iter().map(|stream| stream.aggregate_id.as_str()).collect();
        // One look at the end of each stream's part of the index, however long the stream is.
        let sql = "SELECT t, i, s FROM (SELECT t, i, (SELECT max(sequence) FROM events \
                   WHERE aggregate_type = t AND aggregate_id = i) AS s \
                   FROM unnest($1::text[], $2::text[]) AS streams (t, i)) AS ends WHERE s IS NOT NULL";
        let rows = sqlx::query(sql).bind(types).bind(ids).fetch_all(self.connected()?).await?;
        let sequences = rows.iter().map(|row| {
            let stream = StreamId { aggregate_type: intern(row.try_get(0)?), aggregate_id: row.try_get(1)? };
            Ok((stream, Position::from_sql(row.try_get(2)?).0))
        });
        Ok(sequences.collect::<Result<_, sqlx::Error>>()?)
    }

    async fn insert(&mut self, rows: &[Row<'_>], keys: &[KeyRow<'_>], head: Position) -> Done<()> {
        let connection = self.connected()?;
        if !rows.is_empty() {
            insert_events(connection, rows).await?;
            sqlx::query("UPDATE log_head SET position = $1").bind(head.to_sql()).execute(&mut *connection).await?;
        }
        insert_keys(connection, keys).await
    }

    async fn commit(&mut self) -> Done<()> {
        self.connected()?.execute("COMMIT").await?;
        Ok(())
    }

    async fn rollback(&mut self) -> Done<()> {
        self.connected()?.execute("ROLLBACK").await?;
        Ok(())
    }

    async fn abandon(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The server rolls back whatever was begun; that saying good-bye fails changes nothing.
            let _ = connection.close_hard().await;
        }
    }
}

async fn insert_events(connection: &mut PgConnection, rows: &[Row<'_>]) -> Done<()> {
    let sql = "INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_id, event_type, \
               event_version, payload, metadata) \
               SELECT p, t, i, s, e, et, ev, payload::json, metadata::json \
               FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::text[], \
               $8::text[], $9::text[]) AS rows (p, t, i, s, e, et, ev, payload, metadata)";
    let column = |text: fn(&Row<'_>) -> i64| rows.iter().map(text).collect::<Vec<_>>();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.event_id).collect();
    sqlx::query(sql)
        .bind(column(|row| row.position.to_sql()))
        .bind(rows.iter().map(|row| row.stream.aggregate_type.as_ref()).collect::<Vec<&str>>())
        .bind(rows.iter().map(|row| row.stream.aggregate_id.as_str()).collect::<Vec<&str>>())
        .bind(column(|row| Position(row.sequence).to_sql()))
        .bind(ids)
        .bind(rows.iter().map(|row| row.event.event_type.as_ref()).collect::<Vec<&str>>())
        .bind(rows.iter().map(|row| row.event.event_version.as_ref()).collect::<Vec<&str>>())
        .bind(rows.iter().map(|row| row.event.payload.as_str()).collect::<Vec<&str>>())
        .bind(rows.iter().map(|row| row.metadata).collect::<Vec<&str>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_keys(connection: &mut PgConnection, keys: &[KeyRow<'_>]) -> Done<()> {
    let sql = "INSERT INTO append_keys (id, digest, position, answer) \
               SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::text[])";
    sqlx::query(sql)
        .bind(keys.iter().map(|key| key.id.0.as_slice()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.digest.0.as_slice()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.position.to_sql()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.answer).collect::<Vec<Option<&str>>>())
        .execute(connection)
        .await?;
    Ok(())
}

fn sixteen(bytes: &[u8]) -> Result<[u8; 16], sqlx::Error> {
    bytes.try_into().map_err(|_| sqlx::Error::Decode("not 16 bytes".into()))
}
