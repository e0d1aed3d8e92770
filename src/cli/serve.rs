//! `servelink serve`.

use crate::cli::{Failure, out, start_logging};
use crate::config::{ServeArgs, StoreArgs};
use crate::server::Server;
use crate::stop::StopSignal;

pub(super) async fn run(args: ServeArgs, store: StoreArgs) -> Result<(), Failure> {
    start_logging(&args.log, "info")?;
    let mut stop = StopSignal::listen()?;
    let mut server = tokio::select! {
        server = Server::start(&args, &store) => server?,
        // Nothing was acknowledged yet: there is nothing to finish.
        () = stop.told() => return Ok(()),
    };
    if let Some(address) = server.address() {
        out!("Servelink listens on http://{address}");
    } else {
        out!("Servelink runs without an HTTP interface.");
    }
    let ended = tokio::select! {
        () = stop.told() => Ok(()),
        failure = server.ended() => Err(failure),
    };
    server.stop().await;
    ended
}
