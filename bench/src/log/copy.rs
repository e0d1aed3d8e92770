//! Postgres's own speed: COPY of the log's rows into tables that are equal to it.

use std::fmt::Write;
use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, PgConnection};
use store::Recorded;

use super::events::OF_A_REQUEST;
use crate::Failure;

const TABLES: [&str; 2] = ["copied_by_thousands", "copied_at_once"];

pub(super) struct CopyTables {
    connection: PgConnection,
}

impl CopyTables {
    /// Tables with the log's columns, constraints and indexes; made when this is the first round.
    pub(super) async fn open(url: &str, first: bool) -> Result<Self, Failure> {
        let mut connection = PgConnection::connect(url).await?;
        if first {
            for table in TABLES {
                connection
                    .execute(format!("CREATE TABLE {table} (LIKE events INCLUDING ALL)").as_str())
                    .await?;
            }
        }
        Ok(Self { connection })
    }

    /// Copies the rows twice, and says how long each took: with a commit for each request's worth, and with one.
    pub(super) async fn fill(&mut self, rows: &[Recorded]) -> Result<(Duration, Duration), Failure> {
        let texts = rows.chunks(OF_A_REQUEST).map(text).collect::<Result<Vec<_>, _>>()?;
        let [by_thousands, at_once] = TABLES;
        let begun = Instant::now();
        for text in &texts {
            self.copy(by_thousands, std::slice::from_ref(text), OF_A_REQUEST.min(rows.len())).await?;
        }
        let took_by_thousands = begun.elapsed();
        let begun = Instant::now();
        self.copy(at_once, &texts, rows.len()).await?;
        Ok((took_by_thousands, begun.elapsed()))
    }

    async fn copy(&mut self, table: &str, texts: &[String], rows: usize) -> Result<(), Failure> {
        let mut copy = self.connection.copy_in_raw(&format!("COPY {table} FROM STDIN")).await?;
        for text in texts {
            copy.send(text.as_bytes()).await?;
        }
        let copied = copy.finish().await?;
        if copied == rows as u64 {
            Ok(())
        } else {
            Err(format!("{copied} of {rows} rows were copied").into())
        }
    }
}

/// The rows in COPY's text format, in the order of the table's columns.
fn text(rows: &[Recorded]) -> Result<String, Failure> {
    let mut text = String::new();
    for row in rows {
        let strings = [&row.payload, &row.metadata].map(|json| json.replace('\\', "\\\\"));
        let [payload, metadata] = strings;
        let (stream, at) = (&row.stream, row.recorded_at.to_rfc3339());
        writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{payload}\t{metadata}\t{at}",
            row.position,
            stream.aggregate_type,
            stream.aggregate_id,
            row.sequence,
            row.event_id,
            row.event_type,
            row.event_version
        )?;
    }
    Ok(text)
}
