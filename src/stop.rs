//! Hearing that the process is to stop. What stopping means is [`crate::server::Server::stop`]'s.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, heard from the moment this is made: one that comes while the server still starts counts too.
pub(crate) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    pub(crate) fn listen() -> Result<Self, std::io::Error> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns when the process is told to stop.
    pub(crate) async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("told to stop"),
            _ = self.interrupt.recv() => tracing::info!("interrupted"),
        }
    }
}
