//! No file without a purpose: modules say what they are for, documents can be found from the front page.

use crate::{doc_paths::resolve, markdown, repo::Repo, violation::Violation};
use std::collections::{BTreeMap, BTreeSet};

/// A shorter file is read as quickly as its description.
const OBVIOUS_LINES: usize = 15;

/// Where a reader starts.
const FRONT_PAGES: [&str; 2] = ["README.md", "docs/architecture.md"];

const RECORDS: &str = "docs/adr";

pub(crate) fn modules_are_described(repo: &Repo) -> Vec<Violation> {
    let described = |text: &str| text.trim_start().starts_with("//!");
    repo.rust()
        .filter(|(_, text)| text.lines().count() > OBVIOUS_LINES && !described(text))
        .map(|(file, _)| {
            let advice = "begin the file with `//!` lines: what lives here, and what does not";
            Violation::line(file, 1, "module docs", advice)
        })
        .collect()
}

pub(crate) fn document_folders_are_linked(repo: &Repo) -> Vec<Violation> {
    const RULE: &str = "linked documents";
    let linked: Vec<String> = FRONT_PAGES.into_iter().flat_map(|page| links(repo, page)).collect();
    let folders: BTreeSet<&str> =
        repo.below("docs").filter_map(|path| Some(path.split_once('/')?.0)).collect();
    let unlinked = folders
        .into_iter()
        .map(|folder| format!("docs/{folder}"))
        .filter(|folder| !linked.iter().any(|link| link == folder || link.starts_with(&format!("{folder}/"))))
        .map(|folder| {
            let advice = format!("nobody finds this folder: link it from {}", FRONT_PAGES.join(" or "));
            Violation::file(&folder, RULE, advice)
        });
    let missing = FRONT_PAGES.into_iter().filter(|page| !repo.exists(page));
    missing
        .map(|page| Violation::file(page, RULE, "is missing: readers start there"))
        .chain(unlinked)
        .collect()
}

pub(crate) fn decision_records_are_listed(repo: &Repo) -> Vec<Violation> {
    const RULE: &str = "decision records";
    let list = format!("{RECORDS}/README.md");
    if !repo.exists(&list) {
        return vec![Violation::file(&list, RULE, "is missing: it lists the decision records")];
    }
    let listed = links(repo, &list);
    let mut found = Vec::new();
    let mut numbers: BTreeMap<u32, String> = BTreeMap::new();
    for file in
        repo.below(RECORDS).filter(|file| *file != "README.md").map(|file| format!("{RECORDS}/{file}"))
    {
        let mut say = |advice: String| found.push(Violation::file(&file, RULE, advice));
        match number(&file) {
            None => say("begin its name with a number and a dash: 0001-what-was-decided.md".to_owned()),
            Some(number) => {
                if let Some(other) = numbers.insert(number, file.clone()) {
                    say(format!("has the number of {other}: give the newer one the next free number"));
                }
            }
        }
        if !listed.contains(&file) {
            say(format!("is not listed: link it in {list}"));
        }
    }
    found
}

fn number(file: &str) -> Option<u32> {
    let (number, _) = file.rsplit('/').next()?.split_once('-')?;
    number.parse().ok()
}

/// Where a document's links lead, from the repository's root.
fn links(repo: &Repo, page: &str) -> Vec<String> {
    let targets = markdown::link_targets(repo.text(page).unwrap_or_default());
    targets.into_iter().filter_map(|(_, target)| resolve(page, target)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_long_file_without_a_description_is_found() {
        let long = "fn x() {}\n".repeat(OBVIOUS_LINES + 1);
        let repo = Repo::of(&[
            ("a.rs", &long),
            ("b.rs", &format!("//! What it is for.\n{long}")),
            ("c.rs", "fn short() {}\n"),
            ("d.md", &long),
        ]);
        let found = modules_are_described(&repo);
        assert_eq!(found.len(), 1);
        assert!(say(&found)[0].starts_with("a.rs:1: [module docs]"));
    }

    #[test]
    fn a_folder_that_no_front_page_links_is_found() {
        let files = [("docs/fr/guide.md", ""), ("docs/adr/README.md", ""), ("docs/architecture.md", "")];
        let with = |readme| [&[("README.md", readme)], &files[..]].concat();
        let found = document_folders_are_linked(&Repo::of(&with("[a](docs/adr/) `docs/fr`")));
        assert_eq!(found.len(), 1);
        assert!(say(&found)[0].starts_with("docs/fr: [linked documents]"));
        let all = with("[a](docs/adr/README.md) [b](docs/fr/guide.md#x)");
        assert_eq!(document_folders_are_linked(&Repo::of(&all)), []);
    }

    #[test]
    fn a_missing_front_page_is_found() {
        let found = say(&document_folders_are_linked(&Repo::of(&[("README.md", "")])));
        assert_eq!(found, ["docs/architecture.md: [linked documents] is missing: readers start there"]);
    }

    #[test]
    fn a_record_without_a_number_or_a_place_in_the_list_is_found() {
        let repo = Repo::of(&[
            ("docs/adr/README.md", "[one](0001-one.md) [two](0001-two.md) [x](x.md)"),
            ("docs/adr/0001-one.md", ""),
            ("docs/adr/0001-two.md", ""),
            ("docs/adr/0002-three.md", ""),
            ("docs/adr/x.md", ""),
        ]);
        let found = say(&decision_records_are_listed(&repo));
        assert_eq!(found.len(), 3);
        assert!(found[0].contains("0001-two.md: [decision records] has the number of docs/adr/0001-one.md"));
        assert!(found[1].contains("0002-three.md: [decision records] is not listed"));
        assert!(found[2].contains("x.md: [decision records] begin its name with a number"));
    }

    #[test]
    fn a_missing_list_is_found() {
        assert_eq!(decision_records_are_listed(&Repo::of(&[])).len(), 1);
    }
}
