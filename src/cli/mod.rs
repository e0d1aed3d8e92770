//! What can be typed. A bare `servelink` is `servelink serve`.

mod demo;
mod jobs;
mod key;
mod mail;
mod payments;
mod projections;
mod sandbox;
mod serve;
mod token;

use std::error::Error;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::io::Write;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{LogArgs, LogFormat, ServeArgs, SettingError, StoreArgs};

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
    /// Run a stand-in payment backend, to try payments with
    Sandbox(sandbox::SandboxArgs),
    /// Service keys, for the PaaS and for auditors
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make a user's token, for trying things
    Token(token::TokenCommand),
    /// What is done by the clock: seeing how it went, and having it done at once
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// The letters that teams are sent
    #[command(subcommand)]
    Mail(mail::MailCommand),
    /// Payments: money that a person has to decide about
    #[command(subcommand)]
    Payments(payments::PaymentsCommand),
    /// The read models: how far they are, and building them anew
    #[command(subcommand)]
    Projections(projections::ProjectionsCommand),
}

/// Where these are empty by mistake, a server would keep its events elsewhere, or trust another secret, than it was meant
/// to: that is told instead.
const NEVER_EMPTY: [&str; 2] = ["DATABASE_URL", "SECRET_KEY"];

/// A variable that is set to nothing, as files of settings leave it, is not set.
fn without_empty_settings(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| {
        arg.get_env()
            .filter(|name| NEVER_EMPTY.iter().all(|never| *never != *name))
            .and_then(std::env::var_os)
            .is_some_and(|value| value.to_string_lossy().trim().is_empty())
    };
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(without_empty_settings)
}

/// Whatever went wrong, with its causes.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

impl Cli {
    /// What was typed. Mistakes and requests for help are answered here, and end the process.
    pub(crate) fn typed() -> Self {
        let mut args: Vec<OsString> = std::env::args_os().collect();
        if !Self::names_a_command(&args) {
            args.insert(1.min(args.len()), "serve".into());
        }
        let typed = Self::from_arg_matches(&without_empty_settings(Self::command()).get_matches_from(args));
        let typed = typed.unwrap_or_else(|error| error.format(&mut Self::command()).exit());
        if let Err(error) = typed.check() {
            Self::command().error(ErrorKind::ValueValidation, error).exit();
        }
        typed
    }

    fn check(&self) -> Result<(), SettingError> {
        self.store.check()?;
        match &self.command {
            Command::Serve(args) => args.token.check(),
            Command::Token(command) => command.token.check(),
            Command::Demo(_)
            | Command::Sandbox(_)
            | Command::Key(_)
            | Command::Jobs(_)
            | Command::Mail(_)
            | Command::Payments(_)
            | Command::Projections(_) => Ok(()),
        }
    }

    /// Whether the first word that is no option is there, or the command's own help is asked for.
    fn names_a_command(args: &[OsString]) -> bool {
        let shared: Vec<String> = Self::command()
            .get_arguments()
            .filter(|arg| arg.get_action().takes_values())
            .filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
            .collect();
        let mut words = args.iter().skip(1).map(|word| word.to_string_lossy());
        while let Some(word) = words.next() {
            match word.split_once('=') {
                Some((option, _)) if shared.iter().any(|shared| shared == option) => {}
                // What follows is its value, whatever it looks like.
                None if shared.iter().any(|shared| *shared == word) => drop(words.next()),
                Some(_) | None => {
                    let general = ["-h", "--help", "-V", "--version"].contains(&&*word);
                    return general || !word.starts_with('-');
                }
            }
        }
        false
    }

    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(args) => serve::run(*args, self.store).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Sandbox(args) => sandbox::run(args).await,
            Command::Key(command) => key::run(command, &self.store).await,
            Command::Jobs(command) => jobs::run(command, &self.store).await,
            Command::Token(command) => token::run(&command, &self.store),
            Command::Mail(command) => mail::run(&command),
            Command::Payments(command) => payments::run(command, &self.store).await,
            Command::Projections(command) => projections::run(command, &self.store).await,
        }
    }
}

/// Prints a line of what a command has to say on standard output. A reader that has gone away (`| head`) has read
/// enough: that is no reason to panic, as `println!` does.
macro_rules! out {
    ($($line:tt)*) => { $crate::cli::write_line(format_args!($($line)*)) };
}
pub(crate) use out;

pub(crate) fn write_line(line: std::fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = writeln!(stdout, "{line}").and_then(|()| stdout.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        eprintln!("error: cannot write to standard output: {error}");
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
pub(crate) fn start_logging(args: &LogArgs, default: &str) -> Result<(), Failure> {
    use tracing_subscriber::EnvFilter;
    let filter = match std::env::var("RUST_LOG") {
        Ok(chosen) if !chosen.is_empty() => {
            EnvFilter::try_new(chosen).map_err(|error| format!("invalid value for RUST_LOG: {error}"))?
        }
        Ok(_) | Err(_) => EnvFilter::new(default),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        // Colours are for people; whoever keeps a log in a file wants none (nor do those who set https://no-color.org).
        LogFormat::Text => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
            log.with_ansi(std::io::stderr().is_terminal() && !plain).init();
        }
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_a_command(line: &str) -> bool {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        Cli::names_a_command(&args)
    }

    #[test]
    fn without_a_command_it_is_serve() {
        for line in [
            "servelink",
            "servelink --listen [::]:1",
            "servelink --data-dir demo",
            "servelink --data-dir=key",
        ] {
            assert!(!names_a_command(line), "{line}");
        }
        for line in
            ["servelink key list", "servelink --data-dir x key list", "servelink keys", "servelink --version"]
        {
            assert!(names_a_command(line), "{line}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
