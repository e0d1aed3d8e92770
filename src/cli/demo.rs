//! `servelink demo`: everything at once, with something to look at.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::cli::{Failure, start_logging};
use crate::config::LogArgs;
use crate::demo;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Address and port of the HTTP interface; port 0 picks a free one and prints it
    #[arg(long, env = "SERVELINK_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep the demo's data in this folder [default: a temporary one, removed at the end]
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) async fn run(args: DemoArgs) -> Result<(), Failure> {
    start_logging(&args.log, "warn")?;
    demo::run(args.listen, args.keep).await
}
