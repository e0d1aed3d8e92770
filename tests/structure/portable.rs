//! Nothing of one machine: no absolute path of a developer's checkout, no address of a package registry.
//!
//! What installs does so by a package's name; which registry that asks is the machine's setting, not ours. The lock
//! file is cargo's own and is left out.

use crate::{repo::Repo, violation::Violation};

const RULE: &str = "portable";

/// Written in two parts, so that this file does not contain them.
const FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

const REGISTRIES: [&str; 6] = [
    "crates.io",
    "pypi.org",
    "pythonhosted.org",
    "registry.npmjs.org",
    "registry.npmjs.com",
    "deb.debian.org",
];

pub(crate) fn check(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, text) in repo.files().filter(|(file, _)| !file.ends_with("Cargo.lock")) {
        for (number, line) in text.lines().enumerate() {
            for folder in FOLDERS.into_iter().filter(|folder| has_absolute(line, folder)) {
                let advice =
                    format!("`{folder}` is one machine's folder: name files from the repository's root");
                found.push(Violation::line(file, number + 1, RULE, advice));
            }
            for host in hosts(line).filter(|host| is_registry(host)) {
                let advice =
                    format!("`{host}` is a package registry: name the package, not where it comes from");
                found.push(Violation::line(file, number + 1, RULE, advice));
            }
        }
    }
    found
}

/// Whether a path begins with this folder, rather than having it in its midst.
fn has_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "_-.~}>*".contains(before))
    })
}

fn is_registry(host: &str) -> bool {
    REGISTRIES
        .iter()
        .any(|registry| host.strip_suffix(registry).is_some_and(|sub| sub.is_empty() || sub.ends_with('.')))
}

/// The hosts of the addresses in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("://").map(|(at, scheme)| {
        let rest = &line[at + scheme.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && !"-.".contains(c)).unwrap_or(rest.len());
        &rest[..end]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> usize {
        check(&Repo::of(&[("a.md", line), ("Cargo.lock", line)])).len()
    }

    #[test]
    fn a_machine_s_folder_is_found_and_a_path_s_middle_is_not() {
        let [work, root] = FOLDERS;
        assert_eq!(found(&format!("cd {work}main")), 1);
        assert_eq!(found(&format!("`{root}.cargo`, \"{work}x\"")), 2);
        assert_eq!(found(&format!("target{work}x ${{HOME}}{work} /work-shop")), 0);
    }

    #[test]
    fn a_registry_s_address_is_found_and_its_bare_name_is_not() {
        for host in REGISTRIES {
            assert_eq!(found(&format!("see https{}{host}/x", "://")), 1, "{host}");
            assert_eq!(found(&format!("see https{}files.{host}/x", "://")), 1, "{host}");
            assert_eq!(found(&format!("from {host}, https{}example.org/{host}", "://")), 0, "{host}");
        }
    }
}
