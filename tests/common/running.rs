//! A server that was started, and its ends: told to stop, or killed. It never outlives its test.

use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::{Home, PATIENCE};

/// A running server.
pub(crate) struct Servelink {
    /// Where it answers: `http://127.0.0.1:12345`. Empty when it does not.
    pub(crate) url: String,
    child: Child,
    /// Kept open: a server may print at any time.
    out: BufReader<ChildStdout>,
}

impl Servelink {
    /// Starts it and waits for the line that says where it listens.
    pub(crate) async fn start(home: &Home, args: &str) -> Self {
        let mut server = Self::start_silent(home, args);
        let line = server.says(home, "Servelink listens on http://").await;
        server.url = line.replace("Servelink listens on ", "");
        server
    }

    /// Waits for a line with this text on standard output.
    pub(crate) async fn says(&mut self, home: &Home, text: &str) -> String {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.out.read_line(&mut line)).await;
            said += &line;
            match read {
                Ok(Ok(1..)) if line.contains(text) => return line.trim_end().to_owned(),
                Ok(Ok(1..)) => {}
                other => panic!("{other:?}: no {text:?} in {said:?}; the log:\n{}", home.log()),
            }
        }
    }

    /// Starts one that answers no requests. What it does shows later.
    pub(crate) fn start_silent(home: &Home, args: &str) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(home.log_file()).unwrap();
        let mut child = home.command(args).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { url: String::new(), child, out }
    }

    /// SIGKILL: it ends in the middle of whatever it does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) async fn terminate(self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    pub(crate) async fn signal(&self, name: &str) {
        // Every POSIX shell has a `kill` of its own; the program of that name may not be installed.
        let kill = format!("kill -{name} {}", self.child.id().expect("it has ended already"));
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it does not end").unwrap()
    }
}
