//! Folders that are opened without following a link, whoever changes the tree meanwhile.
//!
//! A path is opened name by name, each in the folder that was opened before it: what was a folder when it was listed, and
//! is a link to another team's when it is opened, is refused then.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

/// As long as a path may be: the system's own bound (PATH_MAX). It bounds what is opened for one folder, too.
const LONGEST_PATH: usize = 4_096;

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that is open.
pub(super) struct Folder(OwnedFd);

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Link,
    Other,
}

/// What is known of an entry of a folder; of a link, of the link itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) bytes: u64,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) links: u64,
}

impl Found {
    fn of(stat: &Stat) -> Self {
        let file_type = FileType::from_raw_mode(stat.st_mode);
        let kind = if file_type.is_dir() {
            Kind::Folder
        } else if file_type.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        };
        // Their types differ between systems.
        #[allow(clippy::useless_conversion, reason = "they are these on some systems")]
        Self {
            kind,
            bytes: u64::try_from(stat.st_size).unwrap_or(0),
            device: u64::from(stat.st_dev),
            inode: u64::from(stat.st_ino),
            links: u64::from(stat.st_nlink),
        }
    }
}

impl Folder {
    /// One that the operator names: links to it are his.
    pub(super) fn named(path: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, path, FLAGS.difference(OFlags::NOFOLLOW), Mode::empty())?))
    }

    /// One below this one.
    pub(super) fn open(&self, path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() >= LONGEST_PATH {
            return Err(Errno::NAMETOOLONG.into());
        }
        let mut below: Option<Self> = None;
        for component in path.components() {
            let Component::Normal(name) = component else { return Err(Errno::INVAL.into()) };
            let above = below.as_ref().unwrap_or(self);
            below = Some(Self(openat(&above.0, name, FLAGS, Mode::empty()).map_err(no_link)?));
        }
        below.ok_or_else(|| Errno::INVAL.into())
    }

    /// The names in it, in no order.
    pub(super) fn names(&self) -> io::Result<impl Iterator<Item = io::Result<OsString>> + use<>> {
        let names = Dir::read_from(&self.0)?.map(|entry| Ok(entry?.file_name().to_bytes().to_vec()));
        let is_own = |name: &io::Result<Vec<u8>>| !matches!(name.as_deref(), Ok(b"." | b".."));
        Ok(names.filter(is_own).map(|name| name.map(OsString::from_vec)))
    }

    /// What an entry of it is.
    pub(super) fn look(&self, name: &OsStr) -> io::Result<Found> {
        Ok(Found::of(&statat(&self.0, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// What it is itself.
    pub(super) fn found(&self) -> io::Result<Found> {
        Ok(Found::of(&fstat(&self.0)?))
    }
}

/// With these flags a link is no folder to the one system, and a loop to the other.
fn no_link(error: Errno) -> io::Error {
    match error {
        Errno::NOTDIR | Errno::LOOP | Errno::MLINK => is_a_link(),
        error => error.into(),
    }
}

/// Why something is not looked into.
pub(super) fn is_a_link() -> io::Error {
    io::Error::other("no folder; links are not followed")
}
