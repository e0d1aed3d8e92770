//! The `servelink` command: command line, configuration and wiring. No logic of the service lives here.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | what can be typed, one file a command |
//! | [`config`] | settings by flag, environment and `.env` |
//! | [`stores`] | opening the event log and the read models, embedded or on Postgres |
//! | [`http`] | serving HTTP within limits |
//! | [`metrics`] | what Prometheus is told, on a listener of its own |
//! | [`server`] | everything that `servelink serve` starts, and stopping it |
//! | [`jobs`] | what the server does by itself, as the settings turn it on |
//! | [`payments`] | the payment backend as the settings name it, and who may send its callbacks |
//! | [`stop`] | hearing that it is to stop |
//! | [`secret_key`] | the secret that signs user tokens, and files that only their owner may read |
//! | [`admin`], [`control`] | what the command line does to a store: itself, or through the server that owns it |
//! | [`demo`] | teams, projects and traffic to try things with |
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admin;
mod cli;
mod config;
mod control;
mod demo;
mod http;
mod jobs;
mod metrics;
mod payments;
mod secret_key;
mod server;
mod stop;
mod stores;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything reads the environment. A `.env` that is not there is none; one that is broken is named.
    match dotenvy::from_path(".env") {
        Ok(()) => {}
        Err(error) if error.not_found() => {}
        // Not the line itself: it may hold a secret.
        Err(dotenvy::Error::LineParse(_, at)) => {
            eprintln!(
                "error: the file .env has a line that cannot be read, at its character {at}; quote values with spaces"
            );
            return ExitCode::from(2);
        }
        Err(error) => {
            eprintln!("error: the file .env cannot be read: {error}");
            return ExitCode::from(2);
        }
    }
    // Two libraries bring a TLS provider each: one of them is chosen here, once.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = cli::Cli::typed();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", cli::explain(&*error));
            ExitCode::FAILURE
        }
    }
}
