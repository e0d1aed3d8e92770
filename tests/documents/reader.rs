//! Types the commands of a document in one shell, as `reader.sh` says, and looks at what comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::answers::compare;
use crate::blocks::Block;

const READER: &str = include_str!("reader.sh");

/// Seconds after which a document's commands are taken for stuck, and ended.
const TIME_LIMIT: &str = "120";

/// Commands, and the answer that the document shows for them, if it does.
pub(crate) struct Step<'a> {
    pub(crate) commands: &'a Block,
    pub(crate) shown: Option<&'a Block>,
}

/// What became of a document.
pub(crate) struct Typed {
    pub(crate) status: ExitStatus,
    /// Everything that was said.
    pub(crate) said: String,
    /// Where an answer is another than the one that is shown.
    pub(crate) other_answers: Vec<String>,
}

impl Typed {
    pub(crate) fn works(&self) -> bool {
        self.status.success() && self.other_answers.is_empty()
    }
}

/// The blocks of `sh`, each with the block of `json` or `csv` that comes next, if the next is one.
pub(crate) fn steps(blocks: &[Block]) -> Vec<Step<'_>> {
    let with_next = blocks.iter().zip(blocks.iter().skip(1).map(Some).chain([None]));
    let steps = with_next.filter(|(commands, _)| commands.language() == "sh");
    let is_answer = |block: &&Block| ["json", "csv"].contains(&block.language());
    steps.map(|(commands, next)| Step { commands, shown: next.filter(is_answer) }).collect()
}

/// Types all of this in one shell.
pub(crate) fn type_in(name: &str, steps: &[Step<'_>]) -> Typed {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("typed.sh");
    fs::write(&file, script(name, steps)).unwrap();
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
    let mut other_answers = Vec::new();
    for step in steps {
        let Some(shown) = step.shown else { continue };
        let answer = folder.path().join(format!("answer.{}", step.commands.line));
        let compared = fs::read_to_string(answer)
            .map_err(|error| format!("there is no answer: {error}"))
            .and_then(|answer| compare(shown, &answer));
        other_answers.extend(compared.err().map(|how| format!("{name}, line {}: {how}", shown.line)));
    }
    keep_logs(folder.path());
    let said = String::from_utf8_lossy(&fs::read(said).unwrap()).into_owned();
    Typed { status, said, other_answers }
}

/// Leaves what was printed in other terminals to whoever looks through all logs: `scripts/test`.
fn keep_logs(folder: &Path) {
    let Some(logs) = std::env::var_os("SERVELINK_TEST_LOGS").map(PathBuf::from) else { return };
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("terminal.") {
            let kept = logs.join(format!("{}.log", uuid::Uuid::new_v4().simple()));
            fs::copy(entry.path(), kept).unwrap();
        }
    }
}

/// The answer to the last `curl` of a step is kept where one is shown.
fn script(name: &str, steps: &[Step<'_>]) -> String {
    let mut script = READER.to_owned();
    for Step { commands: Block { line, info, text }, shown } in steps {
        let expected = info.split_whitespace().nth(1).unwrap_or("2??");
        script +=
            &format!("\necho '--- {name}, line {line}' >&2\nexpected='{expected}'\nrm -f ../answer\n{text}");
        if shown.is_some() {
            script += &format!("\ncp ../answer ../answer.{line}\n");
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::blocks;

    /// Types a document with these blocks.
    fn typed(texts: &[(&str, &str)]) -> Typed {
        let fenced = texts.iter().map(|(info, text)| format!("```{info}\n{text}\n```\n"));
        type_in("a document", &steps(&blocks(&fenced.collect::<String>())))
    }

    const DEMO: (&str, &str) = ("sh", "cargo run --release -- demo");

    #[test]
    fn a_command_that_fails_fails_its_document() {
        assert!(typed(&[("sh", "true"), ("sh", "x=1"), ("sh", "[ $x = 1 ]")]).works());
        for commands in [
            "false",
            "false | cat",
            "echo $never_set",
            "no-such-command",
            "servelink key revoke none",
            "scripts/no-such-script",
            "servelink serve\ncurl $SERVELINK/api/plans",
        ] {
            let typed = typed(&[("sh", commands), ("sh", "true")]);
            assert!(!typed.works(), "{commands} passed:\n{}", typed.said);
        }
    }

    #[test]
    fn answers_have_the_status_that_is_expected() {
        let plans = "curl $SERVELINK/api/plans";
        let nothing = "curl $SERVELINK/api/nothing";
        assert!(typed(&[DEMO, ("sh", plans), ("sh 404", nothing), ("sh", plans)]).works());
        let not_found = typed(&[DEMO, ("sh", nothing)]);
        assert!(!not_found.works() && not_found.said.contains("404"), "{}", not_found.said);
        assert!(!typed(&[DEMO, ("sh 404", plans)]).works());
    }

    #[test]
    fn answers_are_those_that_are_shown() {
        let ready = ("sh", "curl -s $SERVELINK/healthz | cat");
        let answer = ("json", r#"{"status": "ok"}"#);
        let right = typed(&[DEMO, ready, answer]);
        assert!(right.works(), "{:?}\n{}", right.other_answers, right.said);
        for wrong in [("json", r#"{"status": "fine"}"#), ("json", "{}"), ("json", "ok"), ("csv", "status")] {
            let typed = typed(&[DEMO, ready, wrong]);
            assert!(typed.status.success() && !typed.works(), "{wrong:?}");
        }
        // What was answered to an earlier step is no answer to this one.
        assert!(!typed(&[DEMO, ready, ("sh", "true"), answer]).works());
        // A block in between: the second is not about the commands.
        assert!(typed(&[("sh", "true"), ("text", "so"), ("json", "{}")]).works());
    }
}
