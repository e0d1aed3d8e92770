//! Measures the folders of `DATA_DIR/storage/{team_id}/{database,volume}/{name}` by looking at every entry.
//!
//! Sizes are what Docker says of volumes: apparent sizes of everything that is no folder, a hard-linked file once a
//! storage. No link is followed (`folder`) and no other file system entered. What vanishes while it is looked at was deleted, and
//! is no error; any other entry that cannot be looked at is named, and the rest of its storage counts without it.

mod folder;

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use domain::TeamId;
use tokio_util::sync::CancellationToken;

use super::report::Named;
use folder::{Folder, Found, Kind, is_a_link};

/// What a team's storages are kept in.
const KINDS: [&str; 2] = ["database", "volume"];

/// The longest sleep between looks at whether anybody still waits.
const NAP: Duration = Duration::from_millis(20);

/// Bytes of the paths of folders that may wait to be looked into, and hard-linked files that are remembered: a storage that
/// is made of nothing else must not take all memory. Folders over it are left out and named; links over it may count
/// twice.
const MOST_WAITING: usize = 32 << 20;
const MOST_LINKED: usize = 1_000_000;

/// Why there is no walk.
#[derive(Debug, thiserror::Error)]
#[error("{folder} cannot be looked into")]
pub(super) struct WalkError {
    folder: String,
    #[source]
    why: io::Error,
}

impl WalkError {
    /// The walk itself did not come to its end.
    pub(super) fn ended(why: tokio::task::JoinError) -> Self {
        Self { folder: "DATA_DIR/storage".into(), why: io::Error::other(why) }
    }
}

/// How fast and how long.
pub(super) struct Pace {
    /// Entries a second.
    pub(super) per_second: u32,
    /// What is not measured by then stays unknown. No team takes more than half of what is left of it while others are
    /// still to come.
    pub(super) limit: Duration,
    /// Which team is the first: another number each time, so that it is not always the same ones that time is too short
    /// for.
    pub(super) turn: u64,
    /// Nobody waits any more.
    pub(super) cancelled: CancellationToken,
    /// Entries so far, for others to read.
    pub(super) entries: Arc<AtomicU64>,
}

/// A storage of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    /// Whose it is.
    pub(super) team: TeamId,
    /// Where it is under `DATA_DIR/storage`. Shorter for everything in a folder that cannot be looked into.
    pub(super) path: PathBuf,
    /// In bytes, if it could be measured.
    pub(super) size: Option<u64>,
}

/// What a walk found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    pub(super) storages: Vec<Storage>,
    pub(super) entries: u64,
    pub(super) left_out: Named,
    /// Teams that time was too short for.
    pub(super) out_of_time: Named,
}

/// Measures all storages of this `DATA_DIR`.
pub(super) fn walk(data_dir: &Path, pace: Pace) -> Result<Walked, WalkError> {
    let path = data_dir.join("storage");
    let cannot = |why| WalkError { folder: path.display().to_string(), why };
    // A folder that is not mounted is not an empty one.
    Folder::named(data_dir).map_err(cannot)?;
    let root = match Folder::named(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Walked::default()),
        root => root.map_err(cannot)?,
    };
    // Whatever else is there is not the PaaS's.
    let names = root.names().and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(cannot)?;
    let mut teams: Vec<TeamId> = names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect();
    teams.sort_unstable();
    let first = pace.turn.checked_rem(teams.len() as u64).and_then(|first| usize::try_from(first).ok());
    teams.rotate_left(first.unwrap_or_default());

    let end = Instant::now() + pace.limit;
    let mut walk = Walk { root, pace, begun: Instant::now(), until: end, walked: Walked::default() };
    let last = teams.last().copied();
    for team in teams {
        let left = end.saturating_duration_since(Instant::now());
        // However much one team has: it leaves time for all that come after it.
        walk.until = Instant::now() + if Some(team) == last { left } else { left / 2 };
        walk.team(team, Path::new(&team.to_string()));
    }
    Ok(walk.walked)
}

struct Walk {
    root: Folder,
    pace: Pace,
    begun: Instant,
    /// When the team's time is over.
    until: Instant,
    walked: Walked,
}

/// Time is up, or nobody waits any more.
struct Stop;

impl Walk {
    fn team(&mut self, team: TeamId, path: &Path) {
        if let Err(error) = self.root.open(path) {
            return self.unknown(team, path, &error);
        }
        let mut in_time = true;
        for kind in KINDS {
            let path = path.join(kind);
            let names =
                self.root.open(&path).and_then(|folder| folder.names()?.collect::<io::Result<Vec<_>>>());
            match names {
                Ok(names) => {
                    for name in names {
                        in_time &= self.storage(team, path.join(name)).is_ok();
                    }
                }
                Err(error) => self.unknown(team, &path, &error),
            }
        }
        if !in_time {
            self.walked.out_of_time.add(|| team.to_string());
        }
    }

    fn storage(&mut self, team: TeamId, path: PathBuf) -> Result<(), Stop> {
        let size = match self.measure(&path) {
            Ok(Ok(size)) => Ok(size),
            Ok(Err(error)) => {
                self.unknown(team, &path, &error);
                return Ok(());
            }
            Err(Stop) => Err(Stop),
        };
        let (size, in_time) = (size.as_ref().ok().copied(), size.map(drop));
        self.walked.storages.push(Storage { team, path, size });
        in_time
    }

    fn unknown(&mut self, team: TeamId, path: &Path, error: &io::Error) {
        // Deleted since it was listed: nothing is there.
        if error.kind() == io::ErrorKind::NotFound {
            return;
        }
        self.leave_out(path, error);
        self.walked.storages.push(Storage { team, path: path.to_owned(), size: None });
    }

    fn measure(&mut self, path: &Path) -> Result<io::Result<u64>, Stop> {
        self.pace()?;
        let found = match self.look(path) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        match found.kind {
            Kind::Folder => match self.root.open(path) {
                Ok(_) => Ok(Ok(self.tree(path, found.device)?)),
                Err(error) => Ok(Err(error)),
            },
            Kind::Link => Ok(Err(is_a_link())),
            Kind::Other => Ok(Ok(found.bytes)),
        }
    }

    fn look(&self, path: &Path) -> io::Result<Found> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(is_a_link()) };
        self.root.open(folder)?.look(name)
    }

    /// The size of all that is in a folder.
    fn tree(&mut self, path: &Path, device: u64) -> Result<u64, Stop> {
        let mut waiting = Waiting::default();
        let mut linked = HashSet::new();
        let mut sum = 0_u64;
        waiting.push(path.to_owned());
        while let Some(path) = waiting.pop() {
            // Also where there is nothing but empty folders.
            if self.is_over() {
                return Err(Stop);
            }
            let (folder, names) = match self.list(&path, device) {
                Ok(listed) => listed,
                Err(error) => {
                    self.leave_out(&path, &error);
                    continue;
                }
            };
            for name in names {
                self.pace()?;
                let (path, found) = match name.and_then(|name| Ok((path.join(&name), folder.look(&name)?))) {
                    Ok(looked) => looked,
                    Err(error) => {
                        self.leave_out(&path, &error);
                        continue;
                    }
                };
                if found.kind != Kind::Folder {
                    let again = found.links > 1
                        && (linked.contains(&found.inode)
                            || (linked.len() < MOST_LINKED && !linked.insert(found.inode)));
                    sum = sum.saturating_add(if again { 0 } else { found.bytes });
                } else if !waiting.push(path) {
                    self.leave_out(&waiting.refused, &io::Error::other("too many folders"));
                }
            }
        }
        Ok(sum)
    }

    /// Opens a folder, and says what is in it. The look at its device comes last: nobody can change what is open.
    fn list(
        &self,
        path: &Path,
        device: u64,
    ) -> io::Result<(Folder, impl Iterator<Item = io::Result<OsString>> + use<>)> {
        let folder = self.root.open(path)?;
        if folder.found()?.device != device {
            return Err(io::Error::other("another file system is mounted there"));
        }
        let names = folder.names()?;
        Ok((folder, names))
    }

    /// Names an entry that is left out. What is not there any more was deleted since it was listed.
    fn leave_out(&mut self, path: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.walked.left_out.add(|| format!("{path:?}: {error}"));
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until || self.pace.cancelled.is_cancelled()
    }

    /// Counts an entry, and waits until its turn has come.
    fn pace(&mut self) -> Result<(), Stop> {
        self.walked.entries += 1;
        self.pace.entries.store(self.walked.entries, Ordering::Relaxed);
        let micros = self.walked.entries.saturating_mul(1_000_000) / u64::from(self.pace.per_second.max(1));
        loop {
            let elapsed = self.begun.elapsed();
            if self.is_over() {
                return Err(Stop);
            }
            let early = Duration::from_micros(micros).saturating_sub(elapsed);
            if early.is_zero() {
                return Ok(());
            }
            sleep(early.min(NAP));
        }
    }
}

/// Folders that wait to be looked into, up to some memory.
#[derive(Default)]
struct Waiting {
    folders: Vec<PathBuf>,
    bytes: usize,
    /// What found no place.
    refused: PathBuf,
}

impl Waiting {
    /// Whether there is a place for it.
    fn push(&mut self, folder: PathBuf) -> bool {
        let bytes = size_of::<PathBuf>() + folder.as_os_str().len();
        if self.bytes + bytes > MOST_WAITING {
            self.refused = folder;
            return false;
        }
        self.bytes += bytes;
        self.folders.push(folder);
        true
    }

    fn pop(&mut self) -> Option<PathBuf> {
        let folder = self.folders.pop()?;
        self.bytes -= size_of::<PathBuf>() + folder.as_os_str().len();
        Some(folder)
    }
}

#[cfg(test)]
mod tests;
