//! A place of its own for a Servelink: a folder, a database if wanted, and commands typed there.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::postgres::Database;
use super::{PATIENCE, Servelink, use_ring};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_servelink");

/// Where mails say that Servelink's pages are.
pub(crate) const PAGES: &str = "https://usage.example";

/// Where a Servelink lives. Whatever is typed here keeps its data here, and inherits nothing of the environment.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) database: Option<Database>,
    env: Vec<(String, String)>,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    /// On the embedded store.
    pub(crate) fn embedded() -> Self {
        use_ring();
        Self { folder: tempfile::tempdir().unwrap(), database: None, env: vec![] }
    }

    /// On a Postgres database.
    pub(crate) async fn postgres() -> Self {
        let mut home = Self::embedded();
        home.database = Some(Database::create().await);
        home
    }

    /// Also sets this variable for everything that is started here.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Also sends mail by the SMTP server at this port, with links to [`PAGES`].
    pub(crate) fn with_mail(self, port: u16) -> Self {
        self.with("MAIL_URL", &format!("smtp://127.0.0.1:{port}?starttls=never"))
            .with("MAIL_FROM", "Servelink <no-reply@example.org>")
            .with("BASE_URL", PAGES)
    }

    /// Sets this variable for everything that is started here from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.into(), value.into()));
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The log of every server that ran here.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The program with these arguments (separated by blanks), ready to be changed and started.
    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = bare(self.folder.path());
        command
            .args(args.split_whitespace())
            .env("SERVELINK_DATA_DIR", self.data())
            // Whoever is killed in a test comes back soon.
            .env("SERVELINK_JOB_LEASE", "1s");
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", &database.url);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Types a command and waits for its end.
    pub(crate) async fn run(&self, args: &str) -> Finished {
        finish(self.command(args)).await
    }

    /// Types a command that must succeed and print JSON.
    pub(crate) async fn json(&self, args: &str) -> Value {
        let done = self.run(args).await;
        assert_eq!(done.code, Some(0), "servelink {args}: {done:?}");
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("servelink {args}: {error}: {done:?}"))
    }

    /// A new service key with these scopes.
    pub(crate) async fn key(&self, scopes: &[&str]) -> String {
        let scopes: String = scopes.iter().map(|scope| format!(" --scope {scope}")).collect();
        text(&self.json(&format!("key create --json{scopes}")).await["key"])
    }

    /// A token of this user.
    pub(crate) async fn token(&self, user: i64) -> String {
        text(&self.json(&format!("token --user {user} --json")).await["token"])
    }

    /// Starts a server that answers requests, on a free port.
    pub(crate) async fn serve(&self, args: &str) -> Servelink {
        Servelink::start(self, &format!("serve --listen 127.0.0.1:0 {args}")).await
    }
}

impl Drop for Home {
    /// Leaves the log to whoever looks through all of them: `scripts/test`.
    fn drop(&mut self) {
        if let Some(folder) = std::env::var_os("SERVELINK_TEST_LOGS") {
            let kept = PathBuf::from(folder).join(format!("{}.log", uuid::Uuid::new_v4().simple()));
            let _ = std::fs::copy(self.log_file(), kept);
        }
    }
}

/// The program in this folder, with nothing around it.
pub(crate) fn bare(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(folder)
        .env_clear()
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs it to its end, which must not take for ever.
pub(crate) async fn finish(mut command: Command) -> Finished {
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{command:?} does not end")).unwrap();
    Finished {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A text in JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
