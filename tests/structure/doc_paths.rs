//! Paths that a document names in backticks, and relative links, lead to something that exists.
//!
//! A code span counts as a path when it starts with a top-level folder of this repository, or is one of the well-known
//! files at its root. A part like `<aggregate>`, `*` or `{a,b}` stands for many: only what is before it is looked up.
//! Routes start with a slash, so they are no paths of this kind.

use crate::{markdown, repo::Repo, violation::Violation};

const RULE: &str = "document paths";

/// Beside the folders that are there: those that documents speak of, so that one is missed when it goes.
const FOLDERS: &[&str] = &[
    "api",
    "domain",
    "meter",
    "migrations",
    "projections",
    "sandbox",
    "scripts",
    "store",
    "tests",
    "workers",
];

const ROOT_FILES: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
];

pub(crate) fn check(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, text) in documents(repo) {
        for (line, span) in markdown::code_spans(text) {
            if let Some(path) = as_path(repo, span).filter(|path| !repo.exists(path)) {
                let advice = format!("there is no `{path}`: write what it is called now, or take it out");
                found.push(Violation::line(file, line, RULE, advice));
            }
        }
        for (line, target) in markdown::link_targets(text) {
            if let Some(path) = resolve(file, target).filter(|path| !repo.exists(path)) {
                let advice =
                    format!("the link leads to `{path}`, which is not there: mend it, or take it out");
                found.push(Violation::line(file, line, RULE, advice));
            }
        }
    }
    found
}

/// README.md and everything written in docs.
fn documents(repo: &Repo) -> impl Iterator<Item = (&str, &str)> {
    let is_document = |path: &str| path == "README.md" || path.starts_with("docs/") && path.ends_with(".md");
    repo.files().filter(move |(path, _)| is_document(path))
}

/// The part of a code span that must exist in the repository; none when the span is no path.
fn as_path<'a>(repo: &Repo, span: &'a str) -> Option<&'a str> {
    let (top, _) = span.split_once('/').unwrap_or_default();
    let ours = ROOT_FILES.contains(&span) || FOLDERS.contains(&top) || !top.is_empty() && repo.exists(top);
    if !ours || span.contains(char::is_whitespace) {
        return None;
    }
    // `scripts/test:12` and `docs/x.md#part` are places in a file.
    let path = span.split([':', '#']).next()?;
    let path = match path.find(['<', '*', '{', '…']) {
        Some(many) => &path[..path[..many].rfind('/')?],
        None => path,
    };
    Some(path.trim_end_matches('/'))
}

/// A link's target from the repository's root; none when it leads out of the repository or stays in its own file.
pub(crate) fn resolve(from: &str, target: &str) -> Option<String> {
    let target = target.split('#').next()?;
    if target.is_empty() || target.contains(':') || target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            // Above the root there is nothing: the leading dots stay, and are found missing.
            ".." if parts.pop().is_none() => return Some(target.to_owned()),
            ".." => {}
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(document: &str) -> Vec<String> {
        let repo = Repo::of(&[
            ("README.md", ""),
            ("docs/architecture.md", document),
            ("docs/adr/README.md", ""),
            ("domain/src/usage/mod.rs", ""),
            ("Cargo.toml", ""),
        ]);
        check(&repo).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn what_exists_is_silent() {
        let text = "`domain/src/usage/mod.rs` `domain/` `Cargo.toml` `domain/src/usage/mod.rs:3`\n\
            `domain/src/<aggregate>/state.rs` `domain/src/usage/{a,b}.rs` [x](adr/README.md#y) [z](../README.md)";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn what_is_no_path_of_ours_is_silent() {
        assert_eq!(
            found("`/api/usage/x` `GET api/x` `text/plain` `a::b` [x](https://example.org/y) `mod.rs`"),
            [""; 0]
        );
    }

    #[test]
    fn a_path_that_is_gone_is_found_with_its_line() {
        let found = found("\n`domain/src/payment/mod.rs`");
        assert!(
            found[0].starts_with(
                "docs/architecture.md:2: [document paths] there is no `domain/src/payment/mod.rs`"
            )
        );
    }

    #[test]
    fn a_folder_that_is_gone_is_found_before_its_placeholder() {
        assert!(found("`store/src/<backend>/x.rs`")[0].contains("there is no `store/src`"));
        assert!(found("`sandbox/`")[0].contains("there is no `sandbox`"));
        assert!(found("`deny.toml`")[0].contains("there is no `deny.toml`"));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert!(found("[x](operations.md)")[0].contains("leads to `docs/operations.md`"));
        assert!(found("[x](../../else/where.md)")[0].contains("leads to `../../else/where.md`"));
    }
}
