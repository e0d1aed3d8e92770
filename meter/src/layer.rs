//! The layer: finds a request's key, counts the request, wraps both bodies, and arms upgraded connections.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Extensions, Method, Request, Response, StatusCode, Version, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::{
    body::MeteredBody,
    counters::{Counters, Direction},
    io::Connection,
    meter::Meter,
    wire::Tunnel,
};

/// Counts the requests of a service by key. It goes outermost, outside of compression and of everything else that
/// changes bodies: it counts what passes at its own place.
///
/// Counted are a request when it arrives, and the data of the two bodies while they pass; a body that nobody takes
/// counts nothing. Heads, trailers and transfer encodings are not counted, except after an upgrade, where everything
/// on the connection is (see [`MeteredIo`](crate::MeteredIo)).
pub struct MeterLayer<F> {
    key_fn: Arc<F>,
    meter: Meter,
}

impl<F> MeterLayer<F>
where
    F: Fn(&Parts) -> Option<String>,
{
    /// Counts into `meter` by the key that `key_fn` finds in a request's head; `None` is not metered.
    pub fn new(key_fn: F, meter: Meter) -> Self {
        Self { key_fn: Arc::new(key_fn), meter }
    }
}

impl<F> Clone for MeterLayer<F> {
    fn clone(&self) -> Self {
        Self { key_fn: Arc::clone(&self.key_fn), meter: self.meter.clone() }
    }
}

impl<F> fmt::Debug for MeterLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeterLayer").field("meter", &self.meter).finish_non_exhaustive()
    }
}

impl<S, F> Layer<S> for MeterLayer<F> {
    type Service = MeterService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        MeterService { inner, layer: self.clone() }
    }
}

/// The service that [`MeterLayer`] makes of another.
pub struct MeterService<S, F> {
    inner: S,
    layer: MeterLayer<F>,
}

impl<S: Clone, F> Clone for MeterService<S, F> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for MeterService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeterService").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

impl<S, F, ReqB, ResB> Service<Request<ReqB>> for MeterService<S, F>
where
    S: Service<Request<MeteredBody<ReqB>>, Response = Response<ResB>>,
    F: Fn(&Parts) -> Option<String>,
    ReqB: Body,
{
    type Response = Response<MeteredBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let connection = connection(&mut parts.extensions);
        let key = (self.layer.key_fn)(&parts);
        let counters = key.and_then(|key| self.layer.meter.counters(&key));
        let metering = counters.clone().map(|counters| {
            counters.add_request();
            Metering {
                counters,
                connection,
                connect: parts.method == Method::CONNECT,
                version: parts.version,
                bodiless: body.is_end_stream(),
                meter: self.layer.meter.clone(),
            }
        });
        let body = MeteredBody::new(body, Direction::Ingress, counters);
        ResponseFuture { inner: self.inner.call(Request::from_parts(parts, body)), metering }
    }
}

/// The connection a request came over, wherever the server has put its handle.
#[cfg(feature = "axum")]
fn connection(extensions: &mut Extensions) -> Option<Connection> {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;

    let Some(ConnectInfo(connection)) = extensions.get::<ConnectInfo<Connection>>().cloned() else {
        return extensions.get::<Connection>().cloned();
    };
    // Handlers and layers that ask for the client's address in the usual way go on finding it.
    if let Some(addr) = connection.remote_addr::<SocketAddr>()
        && extensions.get::<ConnectInfo<SocketAddr>>().is_none()
    {
        extensions.insert(ConnectInfo(*addr));
    }
    Some(connection)
}

#[cfg(not(feature = "axum"))]
fn connection(extensions: &mut Extensions) -> Option<Connection> {
    extensions.get::<Connection>().cloned()
}

/// What a metered request leaves for its response.
#[derive(Debug)]
struct Metering {
    counters: Arc<Counters>,
    connection: Option<Connection>,
    /// Whether the method is CONNECT, where any 2xx answer turns the connection into a tunnel.
    connect: bool,
    version: Version,
    bodiless: bool,
    meter: Meter,
}

impl Metering {
    fn answered(self, status: StatusCode) -> Arc<Counters> {
        if status == StatusCode::SWITCHING_PROTOCOLS || self.connect && status.is_success() {
            match self.connection {
                // Over HTTP/2 the upgrade is one stream among others, which cannot be told apart at the socket.
                Some(connection) if self.version == Version::HTTP_11 => connection.arm(Tunnel {
                    counters: Arc::clone(&self.counters),
                    status_line: format!("HTTP/1.1 {}", status.as_u16()).into_bytes(),
                    bodiless: self.bodiless,
                }),
                _ => self.meter.miss_upgrade(),
            }
        }
        self.counters
    }
}

pin_project! {
    /// The future of [`MeterService`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        metering: Option<Metering>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<MeteredBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let counters = this.metering.take().map(|metering| metering.answered(response.status()));
        Poll::Ready(Ok(response.map(|body| MeteredBody::new(body, Direction::Egress, counters))))
    }
}
