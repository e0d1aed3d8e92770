//! Measures the folders of `DATA_DIR/storage/{team_id}/{database,volume}/{name}` by looking at every entry.
//!
//! Sizes are what Docker says of volumes: apparent sizes of everything that is no folder, a hard-linked file once a
//! storage. No link is followed and no other file system entered. What vanishes while it is looked at was deleted, and
//! is no error; any other entry that cannot be looked at is named, and the rest of its storage counts without it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use domain::TeamId;
use tokio_util::sync::CancellationToken;

use super::report::Named;

/// What a team's storages are kept in.
const KINDS: [&str; 2] = ["database", "volume"];

/// The longest sleep between looks at whether anybody still waits.
const NAP: Duration = Duration::from_millis(20);

/// Folders that may wait to be looked into, and hard-linked files that are remembered: a storage that is made of nothing
/// else must not take all memory. Folders over it are left out and named; links over it may count twice.
const MOST_WAITING: usize = 250_000;
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
    /// What is not measured by then stays unknown.
    pub(super) limit: Duration,
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
}

/// Measures all storages of this `DATA_DIR`.
pub(super) fn walk(data_dir: &Path, pace: Pace) -> Result<Walked, WalkError> {
    let root = data_dir.join("storage");
    // A folder that is not mounted is not an empty one.
    let teams = fs::metadata(data_dir).and_then(|_| or_empty(names(&root)));
    let teams = teams.map_err(|why| WalkError { folder: root.display().to_string(), why })?;
    let mut walk = Walk { root, pace, begun: Instant::now(), stopped: false, walked: Walked::default() };
    for name in teams {
        // Whatever else is there is not the PaaS's.
        if let Some(team) = name.to_str().and_then(|name| name.parse().ok()) {
            walk.team(team, Path::new(&name));
        }
    }
    Ok(walk.walked)
}

struct Walk {
    root: PathBuf,
    pace: Pace,
    begun: Instant,
    stopped: bool,
    walked: Walked,
}

/// Time is up, or nobody waits any more.
struct Stop;

impl Walk {
    fn team(&mut self, team: TeamId, path: &Path) {
        if let Err(error) = self.is_folder(path) {
            return self.unknown(team, path, &error);
        }
        for kind in KINDS {
            let path = path.join(kind);
            match or_empty(self.is_folder(&path).and_then(|()| names(&self.root.join(&path)))) {
                Ok(names) => names.iter().for_each(|name| self.storage(team, path.join(name))),
                Err(error) => self.unknown(team, &path, &error),
            }
        }
    }

    fn storage(&mut self, team: TeamId, path: PathBuf) {
        let size = if self.stopped { Err(Stop) } else { self.measure(&path) };
        let size = match size {
            Ok(Ok(size)) => Some(size),
            Ok(Err(error)) => return self.unknown(team, &path, &error),
            Err(Stop) => {
                if !self.stopped {
                    self.walked.left_out.add(|| format!("{path:?} and those after it: out of time"));
                }
                self.stopped = true;
                None
            }
        };
        self.walked.storages.push(Storage { team, path, size });
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
        let absolute = self.root.join(path);
        Ok(match fs::symlink_metadata(&absolute) {
            Ok(found) if found.is_dir() => match can_be_listed(&absolute) {
                Ok(()) => Ok(self.tree(path, found.dev())?),
                Err(error) => Err(error),
            },
            Ok(found) if found.is_symlink() => Err(is_a_link()),
            Ok(found) => Ok(found.len()),
            Err(error) => Err(error),
        })
    }

    /// The size of all that is in a folder.
    fn tree(&mut self, path: &Path, device: u64) -> Result<u64, Stop> {
        let mut waiting = vec![path.to_owned()];
        let mut linked = HashSet::new();
        let mut sum = 0_u64;
        while let Some(folder) = waiting.pop() {
            let entries = match fs::read_dir(self.root.join(&folder)) {
                Ok(entries) => entries,
                Err(error) => {
                    self.leave_out(&folder, &error);
                    continue;
                }
            };
            for entry in entries {
                self.pace()?;
                let (path, found) = match entry.and_then(|entry| look(&folder, &entry)) {
                    Ok(looked) => looked,
                    Err(error) => {
                        self.leave_out(&folder, &error);
                        continue;
                    }
                };
                if !found.is_dir() {
                    let again = found.nlink() > 1
                        && (linked.contains(&found.ino())
                            || (linked.len() < MOST_LINKED && !linked.insert(found.ino())));
                    sum = sum.saturating_add(if again { 0 } else { found.len() });
                } else if found.dev() != device {
                    self.leave_out(&path, &io::Error::other("another file system is mounted there"));
                } else if waiting.len() >= MOST_WAITING {
                    self.leave_out(&path, &io::Error::other("too many folders"));
                } else {
                    waiting.push(path);
                }
            }
        }
        Ok(sum)
    }

    fn is_folder(&self, path: &Path) -> io::Result<()> {
        let absolute = self.root.join(path);
        if fs::symlink_metadata(&absolute)?.is_dir() { can_be_listed(&absolute) } else { Err(is_a_link()) }
    }

    /// Names an entry that is left out. What is not there any more was deleted since it was listed.
    fn leave_out(&mut self, path: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.walked.left_out.add(|| format!("{path:?}: {error}"));
        }
    }

    /// Counts an entry, and waits until its turn has come.
    fn pace(&mut self) -> Result<(), Stop> {
        self.walked.entries += 1;
        self.pace.entries.store(self.walked.entries, Ordering::Relaxed);
        let micros = self.walked.entries.saturating_mul(1_000_000) / u64::from(self.pace.per_second.max(1));
        loop {
            let elapsed = self.begun.elapsed();
            if elapsed >= self.pace.limit || self.pace.cancelled.is_cancelled() {
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

/// The entry itself: what a link leads to is not looked at.
fn look(folder: &Path, entry: &DirEntry) -> io::Result<(PathBuf, Metadata)> {
    Ok((folder.join(entry.file_name()), entry.metadata()?))
}

fn can_be_listed(folder: &Path) -> io::Result<()> {
    fs::read_dir(folder).map(drop)
}

fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

fn or_empty(names: io::Result<Vec<OsString>>) -> io::Result<Vec<OsString>> {
    match names {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        names => names,
    }
}

fn is_a_link() -> io::Error {
    io::Error::other("no folder; links are not followed")
}

#[cfg(test)]
mod tests;
