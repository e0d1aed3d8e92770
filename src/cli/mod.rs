//! What can be typed. A bare `servelink` is `servelink serve`.

mod demo;
mod key;
mod projections;
mod serve;
mod token;

use std::error::Error;
use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{LogArgs, LogFormat, ServeArgs, StoreArgs};

/// Meters what the projects of a self-hosted PaaS use, and holds it against their team's plan.
#[derive(Debug, Parser)]
#[command(name = "servelink", version, after_help = "A bare `servelink` is `servelink serve`.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (what a bare `servelink` does)
    Serve(Box<ServeArgs>),
    /// Run everything with a few teams, projects and simulated live traffic, and say what to try
    Demo(demo::DemoArgs),
    /// Service keys, for the PaaS and for auditors
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make a user's token, for trying things
    Token(token::TokenCommand),
    /// The read models: how far they are, and building them anew
    #[command(subcommand)]
    Projections(projections::ProjectionsCommand),
}

/// Whatever went wrong, with its causes.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

impl Cli {
    /// What was typed. Mistakes and requests for help are answered here, and end the process.
    pub(crate) fn typed() -> Self {
        let mut args: Vec<OsString> = std::env::args_os().collect();
        let subcommands: Vec<_> =
            Self::command().get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        let elsewhere = ["help", "-h", "--help", "-V", "--version"];
        let named = |arg: &OsString| {
            arg.to_str()
                .is_some_and(|arg| elsewhere.contains(&arg) || subcommands.iter().any(|name| name == arg))
        };
        if !args.iter().skip(1).any(named) {
            args.insert(1.min(args.len()), "serve".into());
        }
        Self::parse_from(args)
    }

    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(args) => serve::run(*args, self.store).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Key(command) => key::run(command, &self.store).await,
            Command::Token(command) => token::run(&command, &self.store),
            Command::Projections(command) => projections::run(command, &self.store).await,
        }
    }
}

/// The error and its causes, for the person who typed the command.
pub(crate) fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        // A transparent error repeats its cause's words.
        if !text.ends_with(&error.to_string()) {
            text.push_str(&format!("\n  because: {error}"));
        }
        cause = error.source();
    }
    text
}

/// The same on one line, for a log or an answer.
pub(crate) fn in_one_line(error: &(dyn Error + 'static)) -> String {
    explain(error).trim_start_matches("error: ").replace("\n  because: ", ": ")
}

/// Logs go to standard error: standard output is for what a command prints.
pub(crate) fn start_logging(args: &LogArgs, default: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
