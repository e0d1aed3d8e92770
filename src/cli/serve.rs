//! `servelink serve`.

use crate::cli::{Failure, start_logging};
use crate::config::{ServeArgs, StoreArgs};
use crate::server::Server;
use crate::stop::StopSignal;

pub(super) async fn run(args: ServeArgs, store: StoreArgs) -> Result<(), Failure> {
    start_logging(&args.log, "info")?;
    let mut stop = StopSignal::listen()?;
    let server = tokio::select! {
        server = Server::start(&args, &store) => server?,
        // Nothing was acknowledged yet: there is nothing to finish.
        () = stop.told() => return Ok(()),
    };
    if let Some(address) = server.address() {
        println!("Servelink listens on http://{address}");
    }
    stop.told().await;
    server.stop().await;
    Ok(())
}
