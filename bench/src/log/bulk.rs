//! SQLite's own speed: the log's rows from memory into tables that are equal to it, without any of our code between.

use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use store::Position;

use super::events::OF_A_REQUEST;
use crate::Failure;
use crate::site::Site;

const FILES: [&str; 2] = ["by-thousands.db", "at-once.db"];

pub(super) struct BulkTables<'a> {
    site: &'a Site,
    first: bool,
    after: Position,
}

impl<'a> BulkTables<'a> {
    /// Two files with the log's own table and indexes, made when this is the first round; what stands in the log after
    /// this position is what they are filled with.
    pub(super) async fn open(site: &'a Site, first: bool, after: Position) -> Result<Self, Failure> {
        let tables = Self { site, first, after };
        for file in FILES {
            tables.make(file).await?;
        }
        Ok(tables)
    }

    async fn make(&self, file: &str) -> Result<(), Failure> {
        if !self.first {
            return Ok(());
        }
        let mut connection = self.connect(file).await?;
        let sql = "SELECT sql FROM log.sqlite_schema WHERE tbl_name = 'events' AND type IN ('table', 'index') \
             AND sql IS NOT NULL ORDER BY type DESC";
        let statements: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await?;
        for statement in statements {
            connection.execute(statement.as_str()).await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// With the log beside it, and set up as the store sets up its own connection.
    async fn connect(&self, file: &str) -> Result<SqliteConnection, Failure> {
        let mut connection = SqliteConnectOptions::new()
            .filename(self.site.folder.join(file))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", "4000")
            .pragma("temp_store", "MEMORY")
            .connect()
            .await?;
        let log = self.site.log_file();
        sqlx::query("ATTACH ? AS log").bind(log.to_string_lossy().as_ref()).execute(&mut connection).await?;
        Ok(connection)
    }

    /// Inserts the rows twice, and says how long each took: with a commit for each request's worth, and with one.
    pub(super) async fn fill(&mut self) -> Result<(Duration, Duration), Failure> {
        let [by_thousands, at_once] = FILES;
        Ok((self.insert(by_thousands, Some(OF_A_REQUEST)).await?, self.insert(at_once, None).await?))
    }

    async fn insert(&self, file: &str, of_a_commit: Option<usize>) -> Result<Duration, Failure> {
        let mut connection = self.connect(file).await?;
        sqlx::query(
            "CREATE TEMP TABLE source AS SELECT * FROM log.events WHERE position > ? ORDER BY position",
        )
        .bind(self.after.to_sql())
        .execute(&mut connection)
        .await?;
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM source").fetch_one(&mut connection).await?;
        let step = of_a_commit.map_or(Ok(rows), i64::try_from)?;
        let begun = Instant::now();
        let mut from = 0;
        while from < rows {
            sqlx::query("INSERT INTO main.events SELECT * FROM source WHERE rowid > ? AND rowid <= ?")
                .bind(from)
                .bind(from + step)
                .execute(&mut connection)
                .await?;
            from += step;
        }
        let took = begun.elapsed();
        connection.close().await?;
        Ok(took)
    }
}
