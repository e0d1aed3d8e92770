//! Which node runs which job until when, and what came of its last run.
//!
//! A lease with an epoch: whoever takes a job gets a number that nobody had before, and every later change names it. Of
//! a node that was frozen past its lease nothing is taken any more. On Postgres the lease ends by the database's clock,
//! so that nodes need not agree on the time. A SQLite file has one owner, so there its job is free at every start.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{Pool, State, StateError, on};

/// Which taking of a job it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

/// A job as the state has it. Instants are cut to milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobState {
    /// Its name.
    pub name: String,
    /// Its last taking.
    pub epoch: Epoch,
    /// The node that has it now.
    pub holder: Option<String>,
    /// The interval at which whoever took it last runs it; of a job without times.
    pub every: Option<Duration>,
    /// The last of its times that was run to its end; of a job with times.
    pub done_slot: Option<DateTime<Utc>>,
    /// Since when somebody wants it run at once.
    pub requested_at: Option<DateTime<Utc>>,
    /// Its last run, as far as it was noted.
    pub last: Option<LastRun>,
    /// How many of its runs were noted.
    pub runs: i64,
}

/// The last run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// When it began, by the node's clock.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// Whether it did not do what it should.
    pub failed: bool,
    /// What it had to tell, for people to read.
    pub report: String,
}

/// What is noted of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The run.
    pub run: LastRun,
    /// The time of the job that it was for, when it was done.
    pub slot: Option<DateTime<Utc>>,
    /// The wish that it fulfilled.
    pub request: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct Row {
    name: String,
    epoch: i64,
    holder: Option<String>,
    every_ms: Option<i64>,
    done_slot: Option<i64>,
    requested_at: Option<i64>,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    failed: i64,
    report: Option<String>,
    runs: i64,
}

/// What every statement gives back. `HELD` stands for "the lease has not ended".
const COLUMNS: &str = "name, epoch, CASE WHEN HELD THEN holder END AS holder, every_ms, done_slot, requested_at, \
                       started_at, finished_at, failed, report, runs";

impl State {
    /// Whether several nodes may use it at once. If not, whoever has opened it has every job.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self.pool, Pool::Postgres(_))
    }

    /// Takes a job, unless another node has it, and says at which interval it will be run. A job that nobody ever took is
    /// made.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn take_job(
        &self,
        name: &str,
        node: &str,
        lease: Duration,
        every: Option<Duration>,
    ) -> Result<Option<JobState>, StateError> {
        let sql = self.sql(
            "INSERT INTO state_job AS job (name, epoch, holder, held_until, every_ms, failed, runs) \
             VALUES ($1, 1, $2, NOW + $3, $4, 0, 0) ON CONFLICT (name) DO UPDATE \
             SET epoch = job.epoch + 1, holder = $2, held_until = NOW + $3, every_ms = $4 \
             WHERE job.holder IS NULL OR NOT HELD RETURNING COLUMNS",
        );
        let (lease, every) = (millis(lease), every.map(millis));
        on!(self, pool => {
            sqlx::query_as::<_, Row>(&sql).bind(name).bind(node).bind(lease).bind(every).fetch_optional(pool).await
        })?
        .map(Row::read)
        .transpose()
    }

    /// Keeps a job for another while, and notes a run of it. None: it was lost, and nothing is noted.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn keep_job(
        &self,
        name: &str,
        epoch: Epoch,
        lease: Duration,
        note: Option<&Note>,
    ) -> Result<Option<JobState>, StateError> {
        let sql = self.sql(
            "UPDATE state_job AS job SET held_until = NOW + $3, \
             done_slot = coalesce($4, done_slot), \
             requested_at = CASE WHEN requested_at = $5 THEN NULL ELSE requested_at END, \
             started_at = coalesce($6, started_at), finished_at = coalesce($7, finished_at), \
             failed = coalesce($8, failed), report = coalesce($9, report), \
             runs = runs + CASE WHEN $6 IS NULL THEN 0 ELSE 1 END \
             WHERE name = $1 AND epoch = $2 AND holder IS NOT NULL AND HELD RETURNING COLUMNS",
        );
        let (lease, ms) = (millis(lease), |at: DateTime<Utc>| at.timestamp_millis());
        let run = note.map(|note| &note.run);
        on!(self, pool => {
            sqlx::query_as::<_, Row>(&sql)
                .bind(name)
                .bind(epoch.0)
                .bind(lease)
                .bind(note.and_then(|note| note.slot).map(ms))
                .bind(note.and_then(|note| note.request).map(ms))
                .bind(run.map(|run| ms(run.started_at)))
                .bind(run.map(|run| ms(run.finished_at)))
                .bind(run.map(|run| i64::from(run.failed)))
                .bind(run.map(|run| run.report.as_str()))
                .fetch_optional(pool)
                .await
        })?
        .map(Row::read)
        .transpose()
    }

    /// Lets another node have the job at once. What was lost already is lost.
    ///
    /// # Errors
    /// [`StateError`]; the lease ends by itself.
    pub async fn leave_job(&self, name: &str, epoch: Epoch) -> Result<(), StateError> {
        let sql = "UPDATE state_job SET holder = NULL, held_until = 0 WHERE name = $1 AND epoch = $2";
        on!(self, pool => sqlx::query(sql).bind(name).bind(epoch.0).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Notes the wish that a job be run at once, and gives back the job. None: nobody ever took such a job.
    ///
    /// The wish takes the place of one that stands, which may have a run under way: so its instant is a later one than
    /// that one's, whatever the clocks say, and is not taken for fulfilled with it.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn request_job(&self, name: &str, at: DateTime<Utc>) -> Result<Option<JobState>, StateError> {
        let sql = self.sql(
            "UPDATE state_job AS job \
             SET requested_at = CASE WHEN requested_at >= $2 THEN requested_at + 1 ELSE $2 END \
             WHERE name = $1 RETURNING COLUMNS",
        );
        let at = at.timestamp_millis();
        on!(self, pool => sqlx::query_as::<_, Row>(&sql).bind(name).bind(at).fetch_optional(pool).await)?
            .map(Row::read)
            .transpose()
    }

    /// All jobs that anybody ever took, by name.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn jobs(&self) -> Result<Vec<JobState>, StateError> {
        let sql = self.sql("SELECT COLUMNS FROM state_job AS job ORDER BY name");
        let rows = on!(self, pool => sqlx::query_as::<_, Row>(&sql).fetch_all(pool).await)?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The statement with the words put in that differ. A SQLite file has one owner: there no lease ends, and none
    /// keeps the next owner out.
    fn sql(&self, statement: &str) -> String {
        let now = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
        let statement = statement.replace("COLUMNS", COLUMNS);
        match &self.pool {
            Pool::Postgres(_) => statement
                .replace("NOT HELD", "job.held_until <= NOW")
                .replace("HELD", "job.held_until > NOW")
                .replace("NOW", now),
            Pool::Sqlite(_) => statement
                .replace("NOT HELD", "true")
                .replace("HELD", "true")
                .replace("NOW", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
        }
    }
}

impl Row {
    fn read(self) -> Result<JobState, StateError> {
        let last = match (self.started_at, self.finished_at) {
            (Some(started_at), Some(finished_at)) => Some(LastRun {
                started_at: instant(started_at)?,
                finished_at: instant(finished_at)?,
                failed: self.failed != 0,
                report: self.report.unwrap_or_default(),
            }),
            _ => None,
        };
        Ok(JobState {
            name: self.name,
            epoch: Epoch(self.epoch),
            holder: self.holder,
            every: self.every_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
            done_slot: self.done_slot.map(instant).transpose()?,
            requested_at: self.requested_at.map(instant).transpose()?,
            last,
            runs: self.runs,
        })
    }
}

fn instant(millis: i64) -> Result<DateTime<Utc>, StateError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| StateError::Corrupt(format!("the time {millis}")))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
