//! A place where Servelink keeps its data, and its commands there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use sqlx::{Connection, Executor, PgConnection};
use store::EventLog;
use store::postgres::{PostgresLog, parse_url};
use store::sqlite::SqliteLog;
use tokio::process::Command;

use crate::plan::StoreKind;
use crate::{Args, Failure};

/// Makes sites.
pub(crate) struct Sites {
    server: PathBuf,
    folder: PathBuf,
    postgres_url: String,
}

impl Sites {
    pub(crate) fn of(args: &Args) -> Self {
        let (server, folder) = (args.server.clone(), args.folder.clone());
        Self { server, folder, postgres_url: args.postgres_url.clone() }
    }

    /// A new, empty one. The name is used once for each store.
    pub(crate) async fn make(&self, name: &str, kind: StoreKind) -> Result<Site, Failure> {
        let folder = self.folder.join(format!("{name}-{kind}"));
        std::fs::create_dir_all(&folder)?;
        let database_url = match kind {
            StoreKind::Embedded => None,
            StoreKind::Postgres => Some(self.make_database(name).await?),
        };
        Ok(Site { server: self.server.clone(), folder, database_url })
    }

    async fn make_database(&self, name: &str) -> Result<String, Failure> {
        let mut postgres = PgConnection::connect(&self.postgres_url).await?;
        let name = name.replace('-', "_");
        postgres.execute(format!("CREATE DATABASE bench_{name}").as_str()).await?;
        let (server, _) =
            self.postgres_url.rsplit_once('/').ok_or("the Postgres address names no database")?;
        Ok(format!("{server}/bench_{name}"))
    }
}

/// A data folder, and a database if that is where the data is.
pub(crate) struct Site {
    server: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) database_url: Option<String>,
}

impl Site {
    /// This command on this store, with nothing of the settings around us.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.server);
        command.args(args).arg("--data-dir").arg(&self.folder);
        command.env_clear().current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(url) = &self.database_url {
            command.env("DATABASE_URL", url);
        }
        command
    }

    /// Runs a command that prints JSON.
    pub(crate) async fn ask(&self, args: &[&str]) -> Result<serde_json::Value, Failure> {
        let output = self.command(args).arg("--json").stderr(Stdio::piped()).output().await?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("servelink {} failed: {}", args.join(" "), text.trim()).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// One text of what a command prints.
    pub(crate) async fn ask_text(&self, args: &[&str], field: &str) -> Result<String, Failure> {
        let answer = self.ask(args).await?;
        let text = answer.get(field).and_then(serde_json::Value::as_str);
        Ok(text.ok_or_else(|| format!("servelink {} names no {field}", args.join(" ")))?.to_owned())
    }

    /// Its event log, for this process alone.
    pub(crate) async fn log(&self) -> Result<Arc<dyn EventLog>, Failure> {
        Ok(match &self.database_url {
            Some(url) => Arc::new(PostgresLog::open(parse_url(url)?).await?),
            None => Arc::new(SqliteLog::open(&self.log_file()).await?),
        })
    }

    /// Where the embedded store has its events.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.join("log.db")
    }

    /// Where the embedded store has its read models.
    pub(crate) fn read_file(&self) -> PathBuf {
        self.folder.join("read.db")
    }
}

/// An address of this machine with a free port.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// The address in the line that the server prints once it listens.
pub(crate) fn address_in(line: &str) -> Option<SocketAddr> {
    line.rsplit_once("http://")?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_line() {
        let line = "Servelink listens on http://127.0.0.1:4711";
        assert_eq!(address_in(line), Some(SocketAddr::from(([127, 0, 0, 1], 4711))));
        assert_eq!(address_in("something else"), None);
    }
}
