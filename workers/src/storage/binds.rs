//! Folders under `DATA_DIR/storage`: each belongs to a team, and may be mounted by containers of several projects.
//!
//! A storage counts once. Its bytes are split evenly over the projects that mount it or something in it, the remainder
//! going to the first of them by id; those that no registered project mounts are the team's.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use domain::{ProjectId, TeamId};
use tokio_util::sync::CancellationToken;

use super::found::Found;
use super::layers::Link;
use super::progress::told;
use super::walk::{Pace, Storage, WalkError, Walked, walk};

/// Where they are, and what measuring them may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindsConfig {
    /// The PaaS's `DATA_DIR`.
    pub data_dir: PathBuf,
    /// The same folder as the Docker engine names it, when Servelink sees it elsewhere (in a container, say).
    pub engine_data_dir: Option<PathBuf>,
    /// Files, folders and links that are looked at in a second, at most.
    pub entries_per_second: NonZeroU32,
    /// How long it may take; no team takes more than half of what is left while others are still to come. What is not
    /// measured by then stays as it was recorded last.
    pub limit: Duration,
}

impl Default for BindsConfig {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/devpush".into(),
            engine_data_dir: None,
            entries_per_second: NonZeroU32::new(20_000).unwrap_or(NonZeroU32::MIN),
            limit: Duration::from_secs(30 * 60),
        }
    }
}

/// What storages come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) found: Found,
    pub(super) unlinked: Unlinked,
}

/// What folders come to that no registered project mounts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unlinked {
    /// It cannot be told of any team.
    Unknown,
    /// By team; none: not all of its folders could be measured. A team that is not named has none.
    Known(BTreeMap<TeamId, Option<u64>>),
}

impl Default for Unlinked {
    fn default() -> Self {
        Self::Known(BTreeMap::new())
    }
}

impl Unlinked {
    /// Of one team, if it can be told.
    pub(super) fn of(&self, team: TeamId) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Known(teams) => teams.get(&team).copied().unwrap_or(Some(0)),
        }
    }
}

/// Measures all storages, beginning with another team every day. The walk ends soon after this is dropped.
pub(super) async fn measure(config: &BindsConfig, at: DateTime<Utc>) -> Result<Walked, WalkError> {
    let cancelled = CancellationToken::new();
    let _walks_no_longer_than_this = cancelled.clone().drop_guard();
    let entries = Arc::default();
    let pace = Pace {
        per_second: config.entries_per_second.get(),
        limit: config.limit,
        turn: u64::from(at.num_days_from_ce().unsigned_abs()),
        cancelled,
        entries: Arc::clone(&entries),
    };
    let data_dir = config.data_dir.clone();
    let walking = tokio::task::spawn_blocking(move || walk(&data_dir, pace));
    told("DATA_DIR/storage", Some(&entries), walking)
        .await
        .unwrap_or_else(|ended| Err(WalkError::ended(ended)))
}

/// Whose the storages are. `links` or `storages` is none when they could not be told: then whoever may have a share of
/// something has an unknown one. `root` is `DATA_DIR/storage` as the engine names it.
pub(super) fn attribute(
    root: &Path,
    storages: Option<&[Storage]>,
    links: Option<&[Link]>,
    projects: &BTreeMap<ProjectId, TeamId>,
) -> Shares {
    let mut shares = Shares { found: Found::default(), unlinked: Unlinked::Unknown };
    match (storages, links) {
        (Some(storages), Some(links)) => {
            let mut unlinked = BTreeMap::new();
            let links: Vec<_> = links.iter().filter(|link| projects.contains_key(&link.project)).collect();
            for storage in storages {
                let folder = root.join(&storage.path);
                let linked = links.iter().filter(|link| link.source.starts_with(&folder));
                let linked: BTreeSet<_> = linked.map(|link| link.project).collect();
                split(storage.size, &linked, &mut shares.found);
                // What has no size may be a folder of several storages, of which some are linked.
                let sum: &mut Option<u64> = unlinked.entry(storage.team).or_insert(Some(0));
                let own = storage.size.map(|size| if linked.is_empty() { size } else { 0 });
                *sum = sum.zip(own).map(|(sum, own)| sum.saturating_add(own));
            }
            shares.unlinked = Unlinked::Known(unlinked);
        }
        (None, Some(links)) => {
            let linked = links.iter().filter(|link| link.source.starts_with(root));
            linked.for_each(|link| shares.found.add(link.project, None));
        }
        (Some(storages), None) => {
            let teams: BTreeSet<_> = storages.iter().map(|storage| storage.team).collect();
            let theirs = projects.iter().filter(|(_, team)| teams.contains(team));
            theirs.for_each(|(project, _)| shares.found.add(*project, None));
        }
        (None, None) => projects.keys().for_each(|project| shares.found.add(*project, None)),
    }
    shares
}

/// Evenly over those that mount it; none: its size is not known.
fn split(size: Option<u64>, linked: &BTreeSet<ProjectId>, found: &mut Found) {
    let Some((size, share)) = size.and_then(|size| Some((size, size.checked_div(linked.len() as u64)?)))
    else {
        linked.iter().for_each(|project| found.add(*project, None));
        return;
    };
    let mut left = size;
    for project in linked.iter().rev() {
        left -= share;
        found.add(*project, Some(if Some(project) == linked.first() { share + left } else { share }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "/data/storage";

    fn project(byte: u8) -> ProjectId {
        ProjectId::from_bytes([byte; 16])
    }

    fn team(byte: u8) -> TeamId {
        TeamId::from_bytes([byte; 16])
    }

    fn storage(of: u8, path: &str, size: Option<u64>) -> Storage {
        Storage { team: team(of), path: path.into(), size }
    }

    fn link(of: u8, source: &str) -> Link {
        Link { project: project(of), source: source.into() }
    }

    /// Projects 1, 2 and 3 are team 1's, 4 is team 2's.
    fn shares(storages: Option<&[Storage]>, links: Option<&[Link]>) -> ([Option<u64>; 4], Shares) {
        let projects = [(1, 1), (2, 1), (3, 1), (4, 2)].map(|(byte, of)| (project(byte), team(of)));
        let shares = attribute(Path::new(ROOT), storages, links, &projects.into());
        ([1, 2, 3, 4].map(|byte| shares.found.of(project(byte))), shares)
    }

    #[test]
    fn a_storage_is_split_evenly_and_exactly() {
        let storages = [
            storage(1, "t1/volume/a", Some(11)),
            storage(1, "t1/volume/ab", Some(100)),
            storage(1, "t1/database/b", Some(1)),
            storage(2, "t2/volume/c", Some(7)),
        ];
        let links = [
            link(3, "/data/storage/t1/volume/a"),
            link(2, "/data/storage/t1/volume/a/inner"),
            link(1, "/data/storage/t1/volume/a"),
            link(1, "/data/storage/t1/volume/a"),
            link(2, "/data/storage/t1/database/b"),
            link(3, "/data/storage/t1/database/b"),
            // Another folder, everything, and a project that is not registered.
            link(1, "/data/other"),
            link(1, "/data"),
            link(9, "/data/storage/t1/volume/a"),
        ];
        let (of, shares) = shares(Some(&storages), Some(&links));
        assert_eq!(of, [Some(5), Some(3 + 1), Some(3), Some(0)]);
        assert_eq!((shares.unlinked.of(team(1)), shares.unlinked.of(team(2))), (Some(100), Some(7)));
    }

    #[test]
    fn what_is_not_known_is_unknown_for_whoever_may_have_a_share() {
        let storages = [storage(1, "t1/volume/a", Some(11)), storage(2, "t2", None)];
        let links =
            [link(1, "/data/storage/t1/volume/a"), link(2, "/data/x"), link(4, "/data/storage/t2/volume/c")];
        let unlinked = |storages, links| {
            let shares = shares(storages, links).1;
            [1, 2, 3].map(|of| shares.unlinked.of(team(of)))
        };
        assert_eq!(unlinked(Some(&storages), Some(&links)), [Some(0), None, Some(0)]);
        assert_eq!(unlinked(Some(&storages), None), [None; 3]);
        assert_eq!(unlinked(None, Some(&links)), [None; 3]);
        let of = |storages, links| shares(storages, links).0;
        assert_eq!(of(Some(&storages), Some(&links)), [Some(11), Some(0), Some(0), None]);
        assert_eq!(of(None, Some(&links)), [None, Some(0), Some(0), None]);
        assert_eq!(of(Some(&storages[..1]), None), [None, None, None, Some(0)]);
        assert_eq!(of(None, None), [None; 4]);
    }

    #[test]
    fn a_walk_that_nobody_waits_for_ends() {
        let data_dir = tempfile::tempdir().unwrap();
        let storage = data_dir.path().join("storage").join(team(1).to_string()).join("volume/v");
        (0..9).for_each(|number| std::fs::create_dir_all(storage.join(number.to_string())).unwrap());
        let config = BindsConfig {
            data_dir: data_dir.path().into(),
            entries_per_second: NonZeroU32::MIN,
            ..BindsConfig::default()
        };
        let begun = std::time::Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let cut_off = runtime.block_on(async {
            tokio::time::timeout(Duration::from_millis(50), measure(&config, Utc::now())).await
        });
        assert!(cut_off.is_err());
        // Waits for its threads.
        drop(runtime);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
