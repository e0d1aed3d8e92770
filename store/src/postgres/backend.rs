//! The writer's statements on Postgres: every list is one array, so that every statement is one round trip.

use std::collections::HashMap;

use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::query::Query;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Postgres, Row as _};
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

    async fn lock_head(&mut self) -> Done<Position> {
        // Whatever the server's default is: what is read after the lock must be what the last holder left.
        let sql = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT position FROM log_head FOR UPDATE";
        let row = self.connect().await?.fetch_one(sql).await?;
        Ok(Position::from_sql(row.try_get(0)?))
    }

    fn connected(&mut self) -> Done<&mut PgConnection> {
        self.connection.as_mut().ok_or(BackendError::NoTransaction)
    }
}

impl Backend for PostgresBackend {
    async fn begin(&mut self) -> Done<Position> {
        let kept = self.connection.is_some();
        match self.lock_head().await {
            // The kept connection was cut while nobody used it. Nothing was asked of it yet: a new one may take over.
            Err(BackendError::Sqlx(error)) if kept && is_cut(&error) => {
                self.abandon().await;
                self.lock_head().await
            }
            done => done,
        }
    }

    async fn types_after(&mut self, after: Position) -> Done<Vec<(String, String, Position)>> {
        let sql =
            "SELECT aggregate_type, event_type, max(position) FROM events WHERE position > $1 GROUP BY 1, 2";
        let rows = sqlx::query(sql).bind(after.to_sql()).fetch_all(self.connected()?).await?;
        let rows = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, Position::from_sql(row.try_get(2)?))));
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
        if rows.is_empty() {
            insert_keys(connection, keys).await
        } else {
            insert_all(connection, rows, keys, head).await
        }
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

/// Events, keys and the head in one round trip: all other writers wait while this is under way.
async fn insert_all(
    connection: &mut PgConnection,
    rows: &[Row<'_>],
    keys: &[KeyRow<'_>],
    head: Position,
) -> Done<()> {
    let sql = "WITH moved AS (UPDATE log_head SET position = $1), \
               kept AS (INSERT INTO append_keys (id, digest, position, answer) \
               SELECT * FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::text[])) \
               INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_id, event_type, \
               event_version, payload, metadata) \
               SELECT p, t, i, s, e, et, ev, payload::json, metadata::json \
               FROM unnest($6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::uuid[], $11::text[], $12::text[], \
               $13::text[], $14::text[]) AS rows (p, t, i, s, e, et, ev, payload, metadata)";
    let column = |text: fn(&Row<'_>) -> i64| rows.iter().map(text).collect::<Vec<_>>();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.event_id).collect();
    bind_keys(sqlx::query(sql).bind(head.to_sql()), keys)
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

/// Keys of requests that left nothing to record: they are answered the same way when they come again.
async fn insert_keys(connection: &mut PgConnection, keys: &[KeyRow<'_>]) -> Done<()> {
    let sql = "INSERT INTO append_keys (id, digest, position, answer) \
               SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::text[])";
    bind_keys(sqlx::query(sql), keys).execute(connection).await?;
    Ok(())
}

fn bind_keys<'q>(
    query: Query<'q, Postgres, PgArguments>,
    keys: &'q [KeyRow<'_>],
) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(keys.iter().map(|key| key.id.0.as_slice()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.digest.0.as_slice()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.position.to_sql()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.answer).collect::<Vec<Option<&str>>>())
}

/// Whether the connection is gone, in contrast to a statement that failed on a good one.
fn is_cut(error: &sqlx::Error) -> bool {
    // "Operator intervention" (but not a statement that was cancelled, 57014) and "connection exception".
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        || matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_))
}

fn sixteen(bytes: &[u8]) -> Result<[u8; 16], sqlx::Error> {
    bytes.try_into().map_err(|_| sqlx::Error::Decode("not 16 bytes".into()))
}
