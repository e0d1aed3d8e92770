//! The `projection` table: which generations there are, how far each is, and which one is read.

use std::sync::Arc;

use store::Position;

use super::apply::{Standing, Target};
use crate::db::{Db, DbError, Tx};
use crate::projector::Projector;

/// Rows that one transaction deletes when it sweeps: nobody shall wait long for it.
const SWEEP: i64 = 10_000;

/// Whether a generation is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is built beside the one that is read.
    Building,
    /// It is read.
    Active,
}

impl State {
    /// The text in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Active => "active",
        }
    }
}

/// A generation of a projector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectorStatus {
    /// The projector.
    pub name: String,
    /// The generation.
    pub generation: i64,
    /// The projector's version that makes it.
    pub version: i64,
    /// Everything up to here is in it.
    pub position: Position,
    /// Whether it is read.
    pub state: State,
    /// Why it stopped after `position`, if it did.
    pub stopped: Option<String>,
}

/// Every generation of every projector, by name.
///
/// # Errors
/// [`DbError`].
pub async fn statuses(db: &Db) -> Result<Vec<ProjectorStatus>, DbError> {
    let sql =
        "SELECT name, generation, version, position, state, error FROM projection ORDER BY name, generation";
    let rows = db.fetch(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(ProjectorStatus {
                name: row.text(0)?.to_owned(),
                generation: row.int(1)?,
                version: row.int(2)?,
                position: Position::from_sql(row.int(3)?),
                state: if row.text(4)? == State::Active.as_str() { State::Active } else { State::Building },
                stopped: row.opt_text(5)?.map(str::to_owned),
            })
        })
        .collect()
}

/// What is to be followed now: the active generations that this program's versions make. One that had stopped stays
/// so until somebody moves it, a new generation takes its place, or this process starts again.
pub(super) async fn followed(
    db: &Db,
    projectors: &[Arc<dyn Projector>],
    before: &[Target],
) -> Result<Vec<Target>, DbError> {
    let active = statuses(db).await?.into_iter().filter(|status| status.state == State::Active);
    let followed = active.filter_map(|status| {
        let maker = projectors.iter().find(|p| p.name() == status.name && p.version() == status.version)?;
        let same = before.iter().find(|target| {
            target.projector.name() == status.name
                && target.generation == status.generation
                && target.position == status.position
        });
        let standing = same.map_or(Standing::Going, |target| target.standing.clone());
        Some(Target { standing, ..Target::new(maker, status.generation, status.position) })
    });
    Ok(followed.collect())
}

/// Where a generation is; none: it is no more.
pub(super) async fn position(db: &Db, target: &Target) -> Result<Option<Position>, DbError> {
    let sql = "SELECT position FROM projection WHERE name = $1 AND generation = $2";
    let rows = db.fetch(sql, &[target.projector.name().into(), target.generation.into()]).await?;
    rows.first().map(|row| row.int(0).map(Position::from_sql)).transpose()
}

/// Moves a checkpoint, if it is where the caller believes. Holds the row until the transaction ends.
pub(super) async fn advance(tx: &mut Tx, target: &Target, to: Position) -> Result<bool, DbError> {
    let sql = "UPDATE projection SET position = $1, error = NULL \
               WHERE name = $2 AND generation = $3 AND position = $4";
    let name = target.projector.name();
    let params = [to.to_sql().into(), name.into(), target.generation.into(), target.position.to_sql().into()];
    Ok(tx.execute(sql, &params).await? == 1)
}

/// Writes down why a generation stopped, unless it has been moved on since.
pub(super) async fn stop(db: &Db, target: &Target, why: &str) -> Result<(), DbError> {
    let sql = "UPDATE projection SET error = $1 WHERE name = $2 AND generation = $3 AND position = $4";
    let name = target.projector.name();
    let params = [why.into(), name.into(), target.generation.into(), target.position.to_sql().into()];
    let mut tx = db.begin().await?;
    tx.execute(sql, &params).await?;
    tx.commit().await
}

/// A new generation at the beginning of the log, unless there is one of the projector's version already.
pub(super) async fn begin_if_missing(db: &Db, projector: &dyn Projector) -> Result<Option<i64>, DbError> {
    let mut tx = db.begin().await?;
    let generation = next_generation(&mut tx, projector).await?;
    let sql = "SELECT 1 FROM projection WHERE name = $1 AND version = $2";
    let there = tx.fetch(sql, &[projector.name().into(), projector.version().into()]).await?;
    if !there.is_empty() {
        return Ok(None);
    }
    insert(&mut tx, projector, generation).await?;
    tx.commit().await?;
    Ok(Some(generation))
}

/// A new generation at the beginning of the log, in place of any other that is being built.
pub(super) async fn begin_anew(db: &Db, projector: &dyn Projector) -> Result<i64, DbError> {
    let mut tx = db.begin().await?;
    let generation = next_generation(&mut tx, projector).await?;
    let sql = "DELETE FROM projection WHERE name = $1 AND state = $2";
    tx.execute(sql, &[projector.name().into(), State::Building.as_str().into()]).await?;
    insert(&mut tx, projector, generation).await?;
    tx.commit().await?;
    Ok(generation)
}

/// A number that no generation ever had. Whoever else wants one waits until the transaction ends.
async fn next_generation(tx: &mut Tx, projector: &dyn Projector) -> Result<i64, DbError> {
    let sql = "INSERT INTO projection_generation (name, last) VALUES ($1, 1) \
               ON CONFLICT (name) DO UPDATE SET last = projection_generation.last + 1 RETURNING last";
    let rows = tx.fetch(sql, &[projector.name().into()]).await?;
    rows.first().map_or(Ok(1), |row| row.int(0))
}

async fn insert(tx: &mut Tx, projector: &dyn Projector, generation: i64) -> Result<(), DbError> {
    let sql =
        "INSERT INTO projection (name, generation, version, position, state) VALUES ($1, $2, $3, 0, $4)";
    let state = State::Building.as_str();
    let params = [projector.name().into(), generation.into(), projector.version().into(), state.into()];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Forgets a generation; its rows are swept by the next [`sweep`].
pub(super) async fn forget(db: &Db, name: &str, generation: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let sql = "DELETE FROM projection WHERE name = $1 AND generation = $2";
    tx.execute(sql, &[name.into(), generation.into()]).await?;
    tx.commit().await
}

/// Where the generation is that is read, if it is another: no runner moves it until the transaction ends. Waits for one
/// that is moving it.
pub(super) async fn hold_the_read(tx: &mut Tx, target: &Target) -> Result<Option<Position>, DbError> {
    let sql = "UPDATE projection SET position = position WHERE name = $1 AND state = $2 AND generation <> $3 \
               RETURNING position";
    let active = State::Active.as_str();
    let rows =
        tx.fetch(sql, &[target.projector.name().into(), active.into(), target.generation.into()]).await?;
    rows.first().map(|row| row.int(0).map(Position::from_sql)).transpose()
}

/// Makes a generation the one that is read, in place of the one that was, unless it is behind it or no more. Readers
/// see either the one or the other, whole.
pub(super) async fn switch(tx: &mut Tx, target: &Target) -> Result<bool, DbError> {
    let (name, active) = (target.projector.name(), State::Active.as_str());
    tx.execute(
        "DELETE FROM projection WHERE name = $1 AND state = $2 AND generation <> $3 AND position <= $4",
        &[name.into(), active.into(), target.generation.into(), target.position.to_sql().into()],
    )
    .await?;
    let switched = tx
        .execute(
            "UPDATE projection SET state = $2 WHERE name = $1 AND generation = $3 AND NOT EXISTS \
             (SELECT 1 FROM projection o WHERE o.name = $1 AND o.state = $2 AND o.generation <> $3)",
            &[name.into(), active.into(), target.generation.into()],
        )
        .await?;
    Ok(switched == 1)
}

/// Deletes the rows of generations that are no more.
pub(super) async fn sweep(db: &Db, projector: &dyn Projector) -> Result<(), DbError> {
    for table in projector.tables() {
        let next = format!("SELECT min(generation) FROM {table} WHERE generation > $1");
        let mut generation = 0;
        while let Some(found) = first_int(db, &next, generation).await? {
            generation = found;
            sweep_generation(db, projector, table, generation).await?;
        }
    }
    Ok(())
}

async fn sweep_generation(
    db: &Db,
    projector: &dyn Projector,
    table: &str,
    generation: i64,
) -> Result<(), DbError> {
    let id = db.row_id();
    let sql = format!(
        "DELETE FROM {table} WHERE {id} IN (SELECT {id} FROM {table} WHERE generation = $1 AND NOT EXISTS \
         (SELECT 1 FROM projection WHERE name = $2 AND generation = $1) LIMIT $3)"
    );
    loop {
        let mut tx = db.begin().await?;
        let deleted = tx.execute(&sql, &[generation.into(), projector.name().into(), SWEEP.into()]).await?;
        tx.commit().await?;
        if deleted == 0 {
            return Ok(());
        }
    }
}

async fn first_int(db: &Db, sql: &str, param: i64) -> Result<Option<i64>, DbError> {
    let rows = db.fetch(sql, &[param.into()]).await?;
    rows.first().map_or(Ok(None), |row| row.opt_int(0))
}
