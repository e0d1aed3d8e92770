//! The tests' Docker engine, asked by Docker's own command line.

use std::io::Write;
use std::process::{Command, Stdio};

/// A real one, which all tests share: they keep apart by their projects' ids.
#[derive(Clone)]
pub(crate) struct Engine {
    /// As `DOCKER_HOST` takes it.
    pub(crate) host: String,
}

impl Engine {
    pub(crate) fn of_the_tests() -> Self {
        let host = std::env::var("SERVELINK_TEST_DOCKER").unwrap_or_default();
        assert!(
            !host.is_empty(),
            "SERVELINK_TEST_DOCKER must be an engine's address: run this with scripts/test as root"
        );
        Self { host }
    }

    /// What the command prints, which must succeed.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        self.docker_given(args, &[])
    }

    /// The same of a command that is given this on its standard input.
    pub(crate) fn docker_given(&self, args: &[&str], input: &[u8]) -> String {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "docker {args:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// For the end of a test, which may have failed: what is not there need not be removed.
    pub(crate) fn clean_up(&self, args: &[&str]) {
        let _ = self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["--host", &self.host]).args(args);
        command
    }
}
