//! The way into `axum::serve`: a listener whose connections are counted, and the handle as axum's connect info.

use std::io;

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};

use crate::io::{Connection, MeteredIo};

/// A listener whose connections are [`MeteredIo`]s. It goes outermost, around `tap_io` and TLS listeners.
///
/// Serve with `into_make_service_with_connect_info::<Connection>()`. [`MeterLayer`](crate::MeterLayer) finds the
/// handle there, and gives the services below it `ConnectInfo<SocketAddr>` as well when the address is one.
#[derive(Debug)]
pub struct MeteredListener<L> {
    inner: L,
}

impl<L: Listener> MeteredListener<L> {
    /// Wraps a listener.
    pub fn new(inner: L) -> Self {
        Self { inner }
    }
}

impl<L: Listener> Listener for MeteredListener<L> {
    type Io = MeteredIo<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (io, addr) = self.inner.accept().await;
        (MeteredIo::new(io), addr)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

impl<L> Connected<IncomingStream<'_, MeteredListener<L>>> for Connection
where
    L: Listener,
    L::Addr: Clone + Sync + 'static,
{
    fn connect_info(stream: IncomingStream<'_, MeteredListener<L>>) -> Self {
        stream.io().connection().clone().with_remote_addr(stream.remote_addr().clone())
    }
}
