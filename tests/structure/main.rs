//! The structural check: what the compiler cannot see about how this repository is laid out.
//!
//! It reads the files that git knows or would take, builds nothing and asks no network. One module holds one group of
//! rules and the tests that show the rule can fail; here every rule meets the real repository.
//!
//! | module | rules |
//! |---|---|
//! | `edges` | which room may use which room, and which outside crates it must not |
//! | `purpose` | every file says what it is for, every folder of documents is linked |
//! | `doc_paths` | paths and links in documents lead somewhere |
//! | `shapes` | aggregates and read models are laid out alike |
//! | `source` | nothing unfinished, no wildcard arm over states or commands |
//! | `portable` | nothing of one machine: its absolute paths, the registries it installs from |

mod doc_paths;
mod edges;
mod markdown;
mod portable;
mod purpose;
mod repo;
mod shapes;
mod source;
mod violation;

use repo::Repo;
use violation::Violation;

fn hold(rule: fn(&Repo) -> Vec<Violation>) {
    let violations = rule(&Repo::here());
    let lines: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(lines.is_empty(), "{} violation(s):\n\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn rooms_use_only_the_rooms_and_crates_they_may() {
    hold(edges::check);
}

#[test]
fn every_file_says_what_it_is_for() {
    hold(purpose::modules_are_described);
}

#[test]
fn every_folder_of_documents_is_linked() {
    hold(purpose::document_folders_are_linked);
}

#[test]
fn decision_records_are_numbered_and_listed() {
    hold(purpose::decision_records_are_listed);
}

#[test]
fn paths_and_links_in_documents_exist() {
    hold(doc_paths::check);
}

#[test]
fn aggregates_and_read_models_are_laid_out_alike() {
    hold(shapes::check);
}

#[test]
fn nothing_is_left_unfinished() {
    hold(source::nothing_unfinished);
}

#[test]
fn decisions_and_states_have_no_wildcard_arm() {
    hold(source::no_wildcard_arms);
}

#[test]
fn nothing_belongs_to_one_machine() {
    hold(portable::check);
}
