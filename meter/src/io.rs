//! The connection's bytes: a wrapper for the socket, and the handle by which the layer reaches it from a request.

use std::{
    any::Any,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::{Tunnel, Wire};

/// A handle to a [`MeteredIo`], to be put in the extensions of every request that comes over it.
///
/// With axum, [`MeteredListener`](crate::MeteredListener) does that; with hyper, insert a clone by hand before the
/// layer is called.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Set once, at the upgrade: no connection comes back from one.
    tunnel: Arc<OnceLock<Tunnel>>,
    remote_addr: Option<Arc<dyn Any + Send + Sync>>,
}

impl Connection {
    /// The same handle, which also tells the client's address.
    #[must_use]
    pub fn with_remote_addr<A: Send + Sync + 'static>(mut self, remote_addr: A) -> Self {
        self.remote_addr = Some(Arc::new(remote_addr));
        self
    }

    /// The client's address, if it is known and of this type (`std::net::SocketAddr` for TCP).
    #[must_use]
    pub fn remote_addr<A: 'static>(&self) -> Option<&A> {
        self.remote_addr.as_deref()?.downcast_ref()
    }

    /// From the end of the upgrading response on, what passes is counted.
    pub(crate) fn arm(&self, tunnel: Tunnel) {
        // An upgrade that is seen twice went through two layers: the inner one was first.
        let _ = self.tunnel.set(tunnel);
    }
}

pin_project! {
    /// A socket that counts what passes after an upgrade (websocket or other), by [`MeterLayer`](crate::MeterLayer)'s
    /// key for the upgrading request. Wrap it around TLS, not inside: it has to see plain HTTP.
    #[derive(Debug)]
    pub struct MeteredIo<T> {
        #[pin]
        io: T,
        connection: Connection,
        wire: Wire,
    }
}

impl<T> MeteredIo<T> {
    /// Wraps a connection that has just been accepted.
    pub fn new(io: T) -> Self {
        Self {
            io,
            connection: Connection { tunnel: Arc::default(), remote_addr: None },
            wire: Wire::default(),
        }
    }

    /// The handle for the requests of this connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The wrapped connection, whose address or certificates may be of interest.
    pub fn get_ref(&self) -> &T {
        &self.io
    }
}

impl<T: AsyncRead> AsyncRead for MeteredIo<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buf.filled().len();
        let polled = this.io.poll_read(cx, buf);
        let read = buf.filled().get(before..).unwrap_or_default();
        this.wire.read(this.connection.tunnel.get(), read);
        polled
    }
}

impl<T: AsyncWrite> AsyncWrite for MeteredIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        let polled = this.io.poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = polled {
            this.wire.written(this.connection.tunnel.get(), &buf[..count.min(buf.len())]);
        }
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let polled = this.io.poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(mut left)) = polled {
            for buf in bufs {
                let written = &buf[..left.min(buf.len())];
                this.wire.written(this.connection.tunnel.get(), written);
                left -= written.len();
            }
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Cursor};

    use super::*;
    use crate::counters::Counters;

    #[tokio::test]
    async fn a_write_of_several_buffers_counts_what_of_them_was_taken() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";
        let room = vec![0; head.len() + 5].into_boxed_slice();
        let mut io = MeteredIo::new(Cursor::new(room));
        let counters = Arc::<Counters>::default();
        io.connection().arm(Tunnel {
            counters: Arc::clone(&counters),
            status_line: b"HTTP/1.1 101".to_vec(),
            bodiless: true,
        });

        let (begin, end) = head.split_at(20);
        let bufs = [begin, end, b"abc", b"defgh"].map(IoSlice::new);
        let written = poll_fn(|cx| Pin::new(&mut io).poll_write_vectored(cx, &bufs)).await.unwrap();

        assert_eq!(written, head.len() + 5);
        assert_eq!(counters.take().egress_bytes, 5);
    }
}
