//! An axum server on a free port with the layer around it, keyed by the header `x-project`.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use axum::Router;
use http::HeaderName;
use servelink_meter::{Connection, Meter, MeterLayer, MeterOptions, MeteredListener, by_header};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{LIMIT, Recorder, Total};

/// The server alone, whatever becomes of the counts.
pub(crate) struct Server {
    addr: SocketAddr,
    serving: JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
}

impl Server {
    pub(crate) async fn start(app: Router, meter: &Meter) -> Self {
        let layer = MeterLayer::new(by_header(HeaderName::from_static("x-project")), meter.clone());
        let app = app.layer(layer).into_make_service_with_connect_info::<Connection>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = axum::serve(MeteredListener::new(listener), app)
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        Self { addr, serving: tokio::spawn(serving.into_future()), stop }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// One request on a connection of its own.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Vec<u8> {
        super::exchange(&mut self.connect().await, request).await
    }

    /// Stops when every connection has ended.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        timeout(LIMIT, self.serving).await.expect("a connection stays open").unwrap().unwrap();
    }
}

/// The server, and a flusher into a sink that remembers.
pub(crate) struct Gateway {
    pub(crate) meter: Meter,
    pub(crate) recorder: Recorder,
    server: Server,
    flusher: JoinHandle<()>,
    stop_flusher: CancellationToken,
}

impl Gateway {
    pub(crate) async fn start(app: Router) -> Self {
        Self::start_with(MeterOptions::default(), app).await
    }

    pub(crate) async fn start_with(options: MeterOptions, app: Router) -> Self {
        let meter = Meter::new(options);
        let recorder = Recorder::default();
        let stop_flusher = CancellationToken::new();
        let interval = Duration::from_millis(5);
        let flusher = tokio::spawn(meter.clone().run(recorder.clone(), interval, stop_flusher.clone()));
        Self { server: Server::start(app, &meter).await, meter, recorder, flusher, stop_flusher }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        self.server.connect().await
    }

    /// One request on a connection of its own.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Vec<u8> {
        self.server.exchange(request).await
    }

    /// Waits until the sink has taken this for a key.
    pub(crate) async fn counted(&self, key: &str, total: Total) {
        let what = format!("{total:?} for {key}");
        self.recorder.wait_until(&what, |recorder| recorder.totals().get(key) == Some(&total)).await;
    }

    /// Stops when every connection has ended; what the sink got in all.
    pub(crate) async fn finish(self) -> BTreeMap<String, Total> {
        self.server.finish().await;
        self.stop_flusher.cancel();
        timeout(LIMIT, self.flusher).await.expect("the flusher goes on").unwrap();
        self.recorder.totals()
    }
}
