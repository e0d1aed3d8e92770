//! `servelink serve`.

use crate::cli::{Failure, start_logging};
use crate::config::{ServeArgs, StoreArgs};
use crate::server::Server;

pub(super) async fn run(args: ServeArgs, store: StoreArgs) -> Result<(), Failure> {
    start_logging(&args.log, "info");
    let server = Server::start(&args, &store).await?;
    if let Some(address) = server.address() {
        println!("Servelink listens on http://{address}");
    }
    let stopped = server.until_told_to_stop().await;
    server.stop().await;
    stopped
}
