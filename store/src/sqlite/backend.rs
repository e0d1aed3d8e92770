//! The writer's statements on SQLite. Long lists are cut into chunks of a few sizes, so that every statement is
//! prepared once and found again.

use std::collections::HashMap;

use sqlx::query_builder::Separated;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::intern::intern;
use crate::key::{Digest, KeyId};
use crate::log::{KeyRecord, Position, StreamId};
use crate::writer::{Backend, BackendError, KeyRow, Row};

type Done<T> = Result<T, BackendError>;

/// Rows or list items that one statement takes at most.
const MOST: usize = 512;

pub(super) struct SqliteBackend {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
}

impl SqliteBackend {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, connection: None }
    }

    pub(super) async fn connect(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    fn connected(&mut self) -> Done<&mut SqliteConnection> {
        self.connection.as_mut().ok_or(BackendError::NoTransaction)
    }
}

/// The items in chunks whose sizes are powers of two: few statements for any number of items, and few different ones.
fn chunks<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = MOST.min(1 << items.len().checked_ilog2()?);
        let (chunk, rest) = items.split_at(size);
        items = rest;
        Some(chunk)
    })
}

async fn insert<'a, T>(
    connection: &mut SqliteConnection,
    into: &'static str,
    items: &'a [T],
    bind: impl Fn(Separated<'_, 'a, Sqlite, &'static str>, &'a T),
) -> Done<()> {
    for chunk in chunks(items) {
        let mut sql = QueryBuilder::new(into);
        sql.push_values(chunk, &bind);
        connection.execute(sql.build()).await?;
    }
    Ok(())
}

impl Backend for SqliteBackend {
    async fn begin(&mut self) -> Done<Position> {
        let connection = self.connect().await?;
        connection.execute("BEGIN IMMEDIATE").await?;
        let head =
            sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM events").fetch_one(connection).await?;
        Ok(Position::from_sql(head))
    }

    async fn types_after(&mut self, after: Position) -> Done<Vec<(String, String, Position)>> {
        let sql =
            "SELECT aggregate_type, event_type, max(position) FROM events WHERE position > ? GROUP BY 1, 2";
        let rows = sqlx::query(sql).bind(after.to_sql()).fetch_all(self.connected()?).await?;
        let rows = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, Position::from_sql(row.try_get(2)?))));
        Ok(rows.collect::<Result<_, sqlx::Error>>()?)
    }

    async fn key_records(&mut self, keys: &[KeyId]) -> Done<HashMap<KeyId, KeyRecord>> {
        let connection = self.connected()?;
        let mut records = HashMap::new();
        for chunk in chunks(keys) {
            let mut sql =
                QueryBuilder::new("SELECT id, digest, position, answer FROM append_keys WHERE id IN (");
            let mut list = sql.separated(", ");
            for key in chunk {
                list.push_bind(key.0.as_slice());
            }
            sql.push(")");
            for row in sql.build().fetch_all(&mut *connection).await? {
                let id = KeyId(sixteen(row.try_get(0)?)?);
                let record = KeyRecord {
                    id,
                    digest: Digest(sixteen(row.try_get(1)?)?),
                    position: Position::from_sql(row.try_get(2)?),
                    answer: row.try_get(3)?,
                };
                records.insert(id, record);
            }
        }
        Ok(records)
    }

    async fn sequences(&mut self, streams: &[StreamId]) -> Done<HashMap<StreamId, u64>> {
        let connection = self.connected()?;
        let mut sequences = HashMap::new();
        for chunk in chunks(streams) {
            // One look at the end of each stream's part of the index, however long the stream is.
            let mut sql = QueryBuilder::new(
                "SELECT column1, column2, (SELECT max(sequence) FROM events \
                 WHERE aggregate_type = column1 AND aggregate_id = column2) FROM (",
            );
            sql.push_values(chunk, |mut row, stream| {
                row.push_bind(stream.aggregate_type.as_ref()).push_bind(stream.aggregate_id.as_str());
            });
            sql.push(")");
            for row in sql.build().fetch_all(&mut *connection).await? {
                let Some(sequence) = row.try_get::<Option<i64>, _>(2)? else {
                    continue;
                };
                let stream =
                    StreamId { aggregate_type: intern(row.try_get(0)?), aggregate_id: row.try_get(1)? };
                sequences.insert(stream, Position::from_sql(sequence).0);
            }
        }
        Ok(sequences)
    }

    async fn insert(&mut self, rows: &[Row<'_>], keys: &[KeyRow<'_>], _head: Position) -> Done<()> {
        let connection = self.connected()?;
        let into = "INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_id, event_type, \
                    event_version, payload, metadata) ";
        insert(connection, into, rows, |mut values, row| {
            values
                .push_bind(row.position.to_sql())
                .push_bind(row.stream.aggregate_type.as_ref())
                .push_bind(row.stream.aggregate_id.as_str())
                .push_bind(Position(row.sequence).to_sql())
                .push_bind(row.event_id)
                .push_bind(row.event.event_type.as_ref())
                .push_bind(row.event.event_version.as_ref())
                .push_bind(row.event.payload.as_str())
                .push_bind(row.metadata);
        })
        .await?;
        insert(
            connection,
            "INSERT INTO append_keys (id, digest, position, answer) ",
            keys,
            |mut values, key| {
                values
                    .push_bind(key.id.0.as_slice())
                    .push_bind(key.digest.0.as_slice())
                    .push_bind(key.position.to_sql())
                    .push_bind(key.answer);
            },
        )
        .await
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
            // Closing rolls back whatever was begun; that it fails changes nothing.
            let _ = connection.close().await;
        }
    }
}

fn sixteen(bytes: &[u8]) -> Result<[u8; 16], sqlx::Error> {
    bytes.try_into().map_err(|_| sqlx::Error::Decode("not 16 bytes".into()))
}
