//! Every command that the documents tell a reader to type works: each block of `sh` in `README.md` and `docs/` (but for
//! the decisions in `docs/adr/`, which are history) is run, in the order of its document. A block of `json` or `csv`
//! that comes next after it shows the answer to its last `curl`: that is compared ([`answers`] says how exactly). `sh 409`
//! is a block whose requests are refused with that status.
//!
//! A document is one reader with an empty folder and one shell. What he does beside his shell (a second terminal, a
//! build that has been done) is in `reader.sh`; a block that no rule there covers is simply run.
//!
//! | module | holds |
//! |---|---|
//! | [`blocks`] | the blocks of a document |
//! | [`reader`] | typing them |
//! | [`answers`] | comparing what is shown with what came |
//! | [`signatures`] | the programs of `docs/PAYMENT_INTEGRATION.md` that sign, and the one of `docs/operations.md` that checks |
#![allow(clippy::unwrap_used, missing_docs)]

mod answers;
mod blocks;
mod reader;
mod signatures;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use blocks::blocks;
use reader::{steps, type_in};

/// How many blocks are typed and how many answers are compared, at least, in each document: one that is not found any
/// more shall be noticed, and a document that has none says so here.
const AT_LEAST: [(&str, usize, usize); 5] = [
    ("README.md", 10, 0),
    ("docs/PAYMENT_INTEGRATION.md", 24, 20),
    ("docs/architecture.md", 0, 0),
    ("docs/operations.md", 8, 0),
    ("docs/performance.md", 1, 0),
];

/// The documents that readers type from.
fn documents(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("docs/adr") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn whatever_the_documents_say_to_type_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for document in documents(root) {
        let name = document.strip_prefix(root).unwrap().display().to_string();
        let blocks = blocks(&fs::read_to_string(&document).unwrap());
        let steps = steps(&blocks);
        found.insert(name.clone(), (steps.len(), steps.iter().filter(|step| step.shown.is_some()).count()));
        if steps.is_empty() {
            continue;
        }
        let outcome = type_in(&name, &steps);
        let other = outcome.other_answers.join("\n");
        assert!(outcome.works(), "{name}: {}; {other}\nall that was said:\n{}", outcome.status, outcome.said);
    }
    let named: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(named, AT_LEAST.map(|(name, ..)| name), "each document says how much is typed in it");
    for (name, typed, compared) in AT_LEAST {
        let found = found[name];
        assert!(
            found.0 >= typed && found.1 >= compared,
            "{name}: {found:?} blocks and answers only: does this find them?"
        );
    }
}
