//! Aggregates and read models are laid out alike, so that whoever knows one knows all.

use crate::{repo::Repo, violation::Violation};
use std::collections::BTreeSet;

/// Folders of one kind: where they are, how one is told, and what is in it.
struct Shape {
    kind: &'static str,
    parent: &'static str,
    told_by: &'static str,
    files: &'static [&'static str],
    /// Whether other source files may stand beside them.
    others: bool,
}

const SHAPES: &[Shape] = &[
    Shape {
        kind: "aggregate",
        parent: "domain/src",
        told_by: "command.rs",
        files: &["command.rs", "decide.rs", "event.rs", "mod.rs", "refusal.rs", "state.rs", "tests.rs"],
        others: false,
    },
    Shape {
        kind: "read model",
        parent: "projections/src",
        told_by: "project.rs",
        files: &["mod.rs", "project.rs", "query.rs", "row.rs"],
        others: true,
    },
];

pub(crate) fn check(repo: &Repo) -> Vec<Violation> {
    SHAPES.iter().flat_map(|shape| folders_unlike(repo, shape)).collect()
}

fn folders_unlike(repo: &Repo, shape: &Shape) -> Vec<Violation> {
    const RULE: &str = "parallel shapes";
    let Shape { kind, files, .. } = shape;
    let folders =
        repo.below(shape.parent).filter_map(|path| path.strip_suffix(shape.told_by)?.strip_suffix('/'));
    let mut found = Vec::new();
    for folder in folders.map(|folder| format!("{}/{folder}", shape.parent)) {
        let there: BTreeSet<&str> = repo.below(&folder).filter(|file| file.ends_with(".rs")).collect();
        for missing in files.iter().filter(|file| !there.contains(**file)) {
            let advice = format!("is missing: every {kind} has {}", files.join(", "));
            found.push(Violation::file(&format!("{folder}/{missing}"), RULE, advice));
        }
        for other in there.into_iter().filter(|file| !shape.others && !files.contains(file)) {
            let advice =
                format!("is one too many: put it into one of {}, or outside the {kind}", files.join(", "));
            found.push(Violation::file(&format!("{folder}/{other}"), RULE, advice));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str]) -> Vec<String> {
        let files: Vec<(&str, &str)> = files.iter().map(|file| (*file, "")).collect();
        check(&Repo::of(&files)).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_whole_folder_and_a_folder_of_another_kind_are_silent() {
        let whole = [
            "domain/src/team/command.rs",
            "domain/src/team/decide.rs",
            "domain/src/team/event.rs",
            "domain/src/team/mod.rs",
            "domain/src/team/refusal.rs",
            "domain/src/team/state.rs",
            "domain/src/team/tests.rs",
            "domain/src/team/events/v1.json",
            "domain/src/plan/catalogue.rs",
            "api/src/team/command.rs",
        ];
        assert_eq!(found(&whole), [""; 0]);
    }

    #[test]
    fn what_an_aggregate_lacks_and_what_it_has_too_much_are_found() {
        let files = [
            "domain/src/team/command.rs",
            "domain/src/team/decide.rs",
            "domain/src/team/event.rs",
            "domain/src/team/helpers.rs",
            "domain/src/team/mod.rs",
            "domain/src/team/refusal.rs",
            "domain/src/team/tests.rs",
        ];
        let found = found(&files);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("domain/src/team/state.rs: [parallel shapes] is missing"));
        assert!(found[1].starts_with("domain/src/team/helpers.rs: [parallel shapes] is one too many"));
    }

    #[test]
    fn what_a_read_model_lacks_is_found_and_more_is_allowed() {
        let files =
            ["mod.rs", "project.rs", "row.rs", "tests.rs"].map(|file| format!("projections/src/x/{file}"));
        let found = found(&files.each_ref().map(String::as_str));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("projections/src/x/query.rs: [parallel shapes] is missing"));
    }
}
