//! What these tests plant would be found by `scripts/test` in a server's log.

use std::path::Path;
use std::process::{Command, Output};

use crate::shop::CANARIES;

/// Looks through the logs in this folder as `scripts/test` does.
fn look_through(folder: &Path) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/lib/logs.sh");
    let look = "set -euo pipefail; . \"$1\"; look_through_logs \"$2\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", look, "bash", script]).arg(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn each_is_found_wherever_it_is() {
    for canary in CANARIES {
        for place in ["a.log", "z.log"] {
            let folder = tempfile::tempdir().unwrap();
            for name in ["a.log", "m.log", "z.log"] {
                std::fs::write(folder.path().join(name), "INFO all is well\n").unwrap();
            }
            let line = format!("INFO all is well\nDEBUG told \"{canary}\" in passing\n");
            std::fs::write(folder.path().join(place), line).unwrap();
            let looked = look_through(folder.path());
            assert_eq!(looked.status.code(), Some(1), "{canary} in {place}: {looked:?}");
            let told = text(&looked.stderr);
            assert!(told.contains(canary) && told.contains(&format!("{place}:2:")), "{told}");
        }
    }
}

#[test]
fn what_says_nothing_is_not_counted_and_what_cannot_be_read_is_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let looked = look_through(folder.path());
    assert_eq!((looked.status.code(), text(&looked.stdout)), (Some(0), String::new()));
    std::fs::write(folder.path().join("silent.log"), "").unwrap();
    std::fs::write(folder.path().join("well.log"), "INFO all is well\n").unwrap();
    let looked = look_through(folder.path());
    assert_eq!(looked.status.code(), Some(0), "{looked:?}");
    assert_eq!(text(&looked.stdout), "1 logs of servers hold nothing that they must not\n");
    // Whoever runs this may be allowed to read every file, but nobody can read a folder as one.
    std::fs::create_dir(folder.path().join("none.log")).unwrap();
    let looked = look_through(folder.path());
    assert_eq!(looked.status.code(), Some(1), "{looked:?}");
    assert!(text(&looked.stderr).contains("cannot be looked through"), "{looked:?}");
}
