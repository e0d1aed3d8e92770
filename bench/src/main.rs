//! How fast Servelink is on this machine: the numbers of the design, their yardsticks, and one table.
//!
//! | module | holds |
//! |---|---|
//! | [`site`], [`server`] | the real binary: its commands on one store, and its server as a child process |
//! | [`directory`], [`load`], [`verify`] | teams and projects, the loads over HTTP, and whether every byte is there |
//! | [`log`] | what needs no server: appending in-process, rebuilding, and the databases' own speed |
//! | [`http`], [`latency`], [`ledger`] | what the loads are made of |
//! | [`machine`], [`process`] | the machine, and what a process uses of it |
//! | [`report`] | the table |
//!
//! `scripts/bench` builds everything, starts Postgres and runs this.

mod directory;
mod http;
mod latency;
mod ledger;
mod load;
mod log;
mod machine;
mod plan;
mod process;
mod report;
mod rounds;
mod served;
mod server;
mod site;
mod verify;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use plan::{Load, Plan, StoreKind};
use report::Report;
use site::Sites;

/// Whatever went wrong. The program ends with it, and the one who started it reads it.
type Failure = Box<dyn Error + Send + Sync>;

/// Measures Servelink on this machine.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The servelink binary
    #[arg(long)]
    server: PathBuf,
    /// An empty folder for everything that is written, on the file system that is to be measured
    #[arg(long)]
    folder: PathBuf,
    /// A superuser's address of a Postgres that is thrown away afterwards
    #[arg(long, env = "SERVELINK_BENCH_POSTGRES_URL", hide_env_values = true)]
    postgres_url: String,
    /// Two seconds for each load and small logs: shows that everything works, and roughly how fast
    #[arg(long)]
    quick: bool,
    /// Only these stores
    #[arg(long, value_delimiter = ',', default_value = "embedded,postgres")]
    stores: Vec<StoreKind>,
    /// Only these loads
    #[arg(long, value_delimiter = ',', default_value = "start,single,visible,batch,reads,events,rebuild")]
    loads: Vec<Load>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = tokio::select! {
        outcome = run(&args) => outcome,
        () = told_to_stop() => Err("told to stop".into()),
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            match report.faults() {
                [] => ExitCode::SUCCESS,
                faults => {
                    faults.iter().for_each(|fault| eprintln!("bench: {fault}"));
                    ExitCode::FAILURE
                }
            }
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn told_to_stop() {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    if let (Ok(mut interrupt), Ok(mut terminate)) = signals {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    }
}

async fn run(args: &Args) -> Result<Report, Failure> {
    let plan = Plan::of(args);
    let sites = Sites::of(args);
    let mut report = Report::default();
    machine::describe(&mut report, args).await?;
    for store in &args.stores {
        served::measure(&plan, &sites, *store, &mut report).await?;
        if plan.has(Load::Events) {
            log::append::measure(&plan, &sites, *store, &mut report).await?;
        }
        if plan.has(Load::Rebuild) {
            log::rebuild::measure(&plan, &sites, *store, &mut report).await?;
        }
    }
    Ok(report)
}

/// Says what is being done: it takes minutes. The table alone goes to standard output.
fn say(what: impl std::fmt::Display) {
    eprintln!("bench: {what}");
}
