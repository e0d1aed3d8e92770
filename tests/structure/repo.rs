//! The repository as the rules see it: paths from its root, and their text.
//!
//! The real one is what git tracks or would add (so a new file is checked before it is committed, and what is ignored
//! is not); the rules' own tests make small ones by hand.

use std::{collections::BTreeMap, path::Path, process::Command};

/// All files, and the text of those that are text (the others' is empty).
pub(crate) struct Repo {
    files: BTreeMap<String, String>,
}

impl Repo {
    /// This repository.
    pub(crate) fn here() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .expect("the structural check needs git in PATH");
        assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
        let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
        let files = names.split_terminator('\0').filter_map(|name| {
            // Deleted, but not yet in git: no longer there to be read.
            let bytes = std::fs::read(root.join(name)).ok()?;
            Some((name.to_owned(), String::from_utf8(bytes).unwrap_or_default()))
        });
        Self { files: files.collect() }
    }

    /// One made by hand, of (path, text).
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every file as (path, text), in the order of their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The files below a folder, by their paths from there.
    pub(crate) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.files.keys().filter_map(move |path| path.strip_prefix(folder)?.strip_prefix('/'))
    }

    /// Whether this is a file or a folder.
    pub(crate) fn exists(&self, path: &str) -> bool {
        path.is_empty() || self.files.contains_key(path) || self.below(path).next().is_some()
    }
}

#[test]
fn a_folder_exists_when_a_file_is_below_it() {
    let repo = Repo::of(&[("docs/adr/0001-x.md", "")]);
    assert!(repo.exists("docs/adr") && repo.exists("docs/adr/0001-x.md"));
    assert!(!repo.exists("docs/ad"));
    assert_eq!(repo.below("docs").collect::<Vec<_>>(), ["adr/0001-x.md"]);
}

#[test]
fn this_repository_is_read() {
    assert!(Repo::here().text("Cargo.toml").is_some_and(|text| text.contains("[workspace]")));
}
