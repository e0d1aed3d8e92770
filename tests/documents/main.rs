//! Every command that the documents tell a reader to type works: each block of `sh` in `README.md` and `docs/` (but for
//! the decisions in `docs/adr/`, which are history) is run, in the order of its document.
//!
//! A document is one reader with an empty folder and one shell. What he does beside his shell (a second terminal, a
//! build that has been done) is in `reader.sh`; a block that no rule there covers is simply run.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const READER: &str = include_str!("reader.sh");

/// Seconds after which a document's commands are taken for stuck, and ended.
const TIME_LIMIT: &str = "120";

/// A block of commands.
#[derive(Debug, PartialEq)]
struct Block {
    /// Where it begins, from 1.
    line: usize,
    commands: String,
}

/// The blocks of `sh` in this Markdown.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut fence: Option<(String, Option<Block>)> = None;
    for (line, number) in text.lines().zip(1..) {
        let trimmed = line.trim_start();
        let ticks: String = trimmed.chars().take_while(|char| *char == '`').collect();
        fence = match fence {
            // CommonMark 0.31, section 4.5: a fence is closed by one as long as it or longer, with nothing after it.
            Some((open, block)) if ticks.len() >= open.len() && trimmed.trim_end() == ticks => {
                blocks.extend(block);
                None
            }
            Some((open, block)) => {
                let add = |block: Block| Block { commands: block.commands + line + "\n", ..block };
                Some((open, block.map(add)))
            }
            None if ticks.len() >= 3 => {
                let is_sh = trimmed[ticks.len()..].split_whitespace().next() == Some("sh");
                Some((ticks, is_sh.then(|| Block { line: number, commands: String::new() })))
            }
            None => None,
        };
    }
    blocks
}

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

/// Types all of this in one shell.
fn type_in(name: &str, blocks: &[Block]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut script = READER.to_owned();
    for Block { line, commands } in blocks {
        script += &format!("\necho '--- {name}, line {line}' >&2\n{commands}");
    }
    let file = folder.path().join("typed.sh");
    fs::write(&file, script).unwrap();
    let desk = folder.path().join("desk");
    fs::create_dir(&desk).unwrap();
    // Into a file, and not a pipe: whatever outlives the shell would keep a pipe open.
    let said = folder.path().join("said");
    let out = fs::File::create(&said).unwrap();
    let status = Command::new("timeout")
        .args([TIME_LIMIT, "bash"])
        .arg(&file)
        .current_dir(&desk)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", &desk)
        .env("TMPDIR", folder.path())
        .env("ROOT", env!("CARGO_MANIFEST_DIR"))
        .env("PROGRAM", env!("CARGO_BIN_EXE_servelink"))
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .status()
        .unwrap();
    Output { status, stdout: fs::read(said).unwrap(), stderr: vec![] }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn whatever_the_documents_say_to_type_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut typed = 0;
    for document in documents(root) {
        let name = document.strip_prefix(root).unwrap().display().to_string();
        let blocks = blocks(&fs::read_to_string(&document).unwrap());
        if blocks.is_empty() {
            continue;
        }
        typed += blocks.len();
        let output = type_in(&name, &blocks);
        assert!(output.status.success(), "{name}: {}; all that was said:\n{}", output.status, said(&output));
    }
    assert!(typed >= 8, "there were {typed} blocks only: does this find them?");
}

#[test]
fn a_command_that_fails_fails_its_document() {
    let block = |commands: &str| Block { line: 1, commands: commands.to_owned() };
    assert!(type_in("fine", &[block("true\n"), block("x=1\n"), block("[ $x = 1 ]\n")]).status.success());
    for commands in [
        "false\n",
        "false | cat\n",
        "echo $never_set\n",
        "no-such-command\n",
        "servelink key revoke none\n",
        "scripts/no-such-script\n",
        "servelink serve\ncurl $SERVELINK/api/plans\n",
    ] {
        let output = type_in("wrong", &[block(commands), block("true\n")]);
        assert!(!output.status.success(), "{commands} passed:\n{}", said(&output));
    }
    let demo = "cargo run --release -- demo\n";
    assert!(type_in("demo", &[block(demo), block("curl $SERVELINK/api/plans\n")]).status.success());
    let output = type_in("demo", &[block(demo), block("curl $SERVELINK/api/nothing\n")]);
    assert!(!output.status.success() && said(&output).contains("404"), "{}", said(&output));
}

#[test]
fn blocks_are_found() {
    let text = "a\n```sh\none\n  two\n```\n```text\nno\n```\n- x\n  ```sh\n  three\n  ```\n````md\n```sh\nno\n```\n````\n";
    let block = |line, commands: &str| Block { line, commands: commands.to_owned() };
    assert_eq!(blocks(text), [block(2, "one\n  two\n"), block(10, "  three\n")]);
}
