//! What a run has to tell.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use domain::{ByteCount, TeamId};
use serde::Serialize;
use store::Position;

/// As many of many things as a report names.
const FIRST: usize = 5;

/// A part of what is measured, lost or found on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Docker's volumes.
    Volumes,
    /// Images.
    Images,
    /// Writable layers. With them it is lost which folders are mounted by whom.
    Layers,
    /// Folders under `DATA_DIR/storage`.
    Binds,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Volumes => "volumes",
            Self::Images => "images",
            Self::Layers => "layers",
            Self::Binds => "binds",
        })
    }
}

/// A part that could not be measured, for all projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostPart {
    /// Which.
    pub part: Part,
    /// Why, in one line.
    pub why: String,
}

/// How many there are of something, and the first few by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// All of them.
    pub count: usize,
    /// The first few.
    pub first: Vec<String>,
}

impl Named {
    /// Counts one.
    pub(super) fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < FIRST {
            self.first.push(name());
        }
    }
}

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StorageReport {
    /// The instant that the figures are recorded for: the run's beginning.
    pub measured_at: DateTime<Utc>,
    /// Everything of it is seen after this position.
    pub position: Position,
    /// Projects whose figures are recorded, or are recorded already.
    pub projects: usize,
    /// Of these, those for which something was not known, so that what was recorded last stands in for it.
    pub carried: usize,
    /// Projects whose figures the log refused, and why: a newer measurement is there, the project is gone, and so on.
    pub refused: Named,
    /// Parts that could not be measured for anybody.
    pub lost: Vec<LostPart>,
    /// Bytes of folders under `DATA_DIR/storage` that no registered project mounts, by the registered team they belong
    /// to, as they are recorded now. They are in no project's figures, and count for the team.
    pub unlinked: BTreeMap<TeamId, ByteCount>,
    /// Projects that own something but are not registered; it is not counted.
    pub unregistered: Named,
    /// Volumes of projects whose size Docker does not know, because another driver keeps them; they are not counted.
    pub unsized_volumes: Named,
    /// Files, folders and links that were looked at under `DATA_DIR/storage`.
    pub entries: u64,
    /// Of these, those that could not be looked at or were left out, and why.
    pub left_out: Named,
    /// Teams whose folders there was no time for, or not for all of them.
    pub out_of_time: Named,
}

impl StorageReport {
    /// Of a run that has found nothing yet.
    pub(super) fn of(measured_at: DateTime<Utc>) -> Self {
        Self {
            measured_at,
            position: Position::default(),
            projects: 0,
            carried: 0,
            refused: Named::default(),
            lost: vec![],
            unlinked: BTreeMap::new(),
            unregistered: Named::default(),
            unsized_volumes: Named::default(),
            entries: 0,
            left_out: Named::default(),
            out_of_time: Named::default(),
        }
    }
}

impl fmt::Display for StorageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} projects measured", self.projects)?;
        for LostPart { part, why } in &self.lost {
            write!(f, "; {part} lost: {why}")?;
        }
        if self.carried > 0 {
            write!(f, "; {} projects keep earlier figures of what was lost", self.carried)?;
        }
        if !self.unlinked.is_empty() {
            let bytes = self.unlinked.values().fold(0_u64, |sum, bytes| sum.saturating_add(bytes.get()));
            write!(f, "; {bytes} bytes of {} teams in folders that no project mounts", self.unlinked.len())?;
        }
        for (named, what) in [
            (&self.refused, "projects refused"),
            (&self.unregistered, "projects not registered"),
            (&self.unsized_volumes, "volumes without a size"),
            (&self.left_out, "files left out"),
            (&self.out_of_time, "teams out of time"),
        ] {
            if named.count > 0 {
                write!(f, "; {} {what} ({})", named.count, named.first.join(", "))?;
            }
        }
        Ok(())
    }
}
