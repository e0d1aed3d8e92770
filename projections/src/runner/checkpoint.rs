//! The `projection` table: which generations there are, how far each is, and which one is read.

use std::collections::HashMap;
use std::sync::Arc;

use store::Position;

use super::apply::Target;
use crate::db::{Db, DbError, Tx};
use crate::projector::Projector;

/// Whether a generation is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is built beside the one that is read.
    Building,
    /// It is read.
    Active,
}

impl State {
    const fn as_str(self) -> &'static str {
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
                state: if row.text(4)? == State::Active.as_str() {
                    State::Active
                } else {
                    State::Building
                },
                stopped: row.opt_text(5)?.map(str::to_owned),
            })
        })
        .collect()
}

/// Brings the list of what is followed up to date: the active generations that this program's version makes.
pub(super) async fn refresh(
    db: &Db,
    projectors: &[Arc<dyn Projector>],
    targets: &mut Vec<Target>,
) -> Result<(), DbError> {
    // A stopped target stays stopped until a new generation takes its place, or this process starts again.
    let stopped: HashMap<(String, i64), bool> = targets
        .drain(..)
        .map(|target| {
            (
                (target.projector.name().to_owned(), target.generation),
                target.stopped,
            )
        })
        .collect();
    for status in statuses(db)
        .await?
        .into_iter()
        .filter(|status| status.state == State::Active)
    {
        let maker = projectors
            .iter()
            .find(|p| p.name() == status.name && p.version() == status.version);
        if let Some(projector) = maker {
            let stopped = stopped
                .get(&(status.name, status.generation))
                .copied()
                .unwrap_or(false);
            targets.push(Target {
                projector: Arc::clone(projector),
                generation: status.generation,
                position: status.position,
                stopped,
            });
        }
    }
    Ok(())
}

/// Moves a checkpoint, if it is where the caller believes. Holds the row until the transaction ends.
pub(super) async fn advance(tx: &mut Tx, target: &Target, to: Position) -> Result<bool, DbError> {
    let sql = "UPDATE projection SET position = $1, error = NULL \
               WHERE name = $2 AND generation = $3 AND position = $4";
    let name = target.projector.name();
    let params = [
        to.to_sql().into(),
        name.into(),
        target.generation.into(),
        target.position.to_sql().into(),
    ];
    Ok(tx.execute(sql, &params).await? == 1)
}

/// Writes down why a generation stopped.
pub(super) async fn stop(db: &Db, target: &Target, why: &str) -> Result<(), DbError> {
    let sql = "UPDATE projection SET error = $1 WHERE name = $2 AND generation = $3";
    let mut tx = db.begin().await?;
    tx.execute(
        sql,
        &[
            why.into(),
            target.projector.name().into(),
            target.generation.into(),
        ],
    )
    .await?;
    tx.commit().await
}

/// A new generation, at the beginning of the log.
pub(super) async fn begin(db: &Db, projector: &dyn Projector) -> Result<i64, DbError> {
    let mut tx = db.begin().await?;
    let sql = "SELECT coalesce(max(generation), 0) + 1 FROM projection WHERE name = $1";
    let rows = tx.fetch(sql, &[projector.name().into()]).await?;
    let generation = rows.first().map_or(Ok(1), |row| row.int(0))?;
    let sql =
        "INSERT INTO projection (name, generation, version, position, state) VALUES ($1, $2, $3, 0, $4)";
    let params = [
        projector.name().into(),
        generation.into(),
        projector.version().into(),
        State::Building.as_str().into(),
    ];
    tx.execute(sql, &params).await?;
    tx.commit().await?;
    Ok(generation)
}

/// Forgets a generation that was never finished; its rows are swept by the next [`sweep`].
pub(super) async fn forget(db: &Db, name: &str, generation: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    tx.execute(
        "DELETE FROM projection WHERE name = $1 AND generation = $2",
        &[name.into(), generation.into()],
    )
    .await?;
    tx.commit().await
}

/// Makes a generation the one that is read, in place of the one that was, unless it is behind it. Readers see
/// either the one or the other, whole.
pub(super) async fn switch(db: &Db, target: &Target) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    let (name, active) = (target.projector.name(), State::Active.as_str());
    let ahead = tx
        .fetch(
            "SELECT 1 FROM projection WHERE name = $1 AND state = $2 AND position > $3",
            &[name.into(), active.into(), target.position.to_sql().into()],
        )
        .await?;
    if !ahead.is_empty() {
        return Ok(false);
    }
    tx.execute(
        "DELETE FROM projection WHERE name = $1 AND state = $2",
        &[name.into(), active.into()],
    )
    .await?;
    let changed = tx
        .execute(
            "UPDATE projection SET state = $1 WHERE name = $2 AND generation = $3",
            &[active.into(), name.into(), target.generation.into()],
        )
        .await?;
    if changed == 1 {
        tx.commit().await?;
    }
    Ok(changed == 1)
}

/// Deletes rows of generations that are no more, some at a time so that nobody waits long.
pub(super) async fn sweep(db: &Db, projector: &dyn Projector) -> Result<(), DbError> {
    for table in projector.tables() {
        let id = db.row_id();
        let sql = format!(
            "DELETE FROM {table} WHERE {id} IN (SELECT {id} FROM {table} WHERE generation NOT IN \
             (SELECT generation FROM projection WHERE name = $1) LIMIT 10000)"
        );
        loop {
            let mut tx = db.begin().await?;
            let deleted = tx.execute(&sql, &[projector.name().into()]).await?;
            tx.commit().await?;
            if deleted == 0 {
                break;
            }
        }
    }
    Ok(())
}
