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

pub(crate) struct Gateway {
    pub(crate) meter: Meter,
    pub(crate) recorder: Recorder,
    addr: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
    flusher: JoinHandle<()>,
    stop_server: CancellationToken,
    stop_flusher: CancellationToken,
}

impl Gateway {
    pub(crate) async fn start(app: Router) -> Self {
        Self::start_with(MeterOptions::default(), app).await
    }

    pub(crate) async fn start_with(options: MeterOptions, app: Router) -> Self {
        let meter = Meter::new(options);
        let recorder = Recorder::default();
        let (stop_server, stop_flusher) = (CancellationToken::new(), CancellationToken::new());
        let interval = Duration::from_millis(5);
        let flusher = tokio::spawn(
            meter
                .clone()
                .run(recorder.clone(), interval, stop_flusher.clone()),
        );

        let layer = MeterLayer::new(by_header(HeaderName::from_static("x-project")), meter.clone());
        let app = app
            .layer(layer)
            .into_make_service_with_connect_info::<Connection>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = axum::serve(MeteredListener::new(listener), app)
            .with_graceful_shutdown(stop_server.clone().cancelled_owned());
        let server = tokio::spawn(server.into_future());
        Self {
            meter,
            recorder,
            addr,
            server,
            flusher,
            stop_server,
            stop_flusher,
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// One request on a connection of its own.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Vec<u8> {
        super::exchange(&mut self.connect().await, request).await
    }

    /// Waits until the sink has taken this for a key.
    pub(crate) async fn counted(&self, key: &str, total: Total) {
        let what = format!("{total:?} for {key}");
        self.recorder
            .wait_until(&what, |recorder| recorder.totals().get(key) == Some(&total))
            .await;
    }

    /// Stops when every connection has ended; what the sink got in all.
    pub(crate) async fn finish(self) -> BTreeMap<String, Total> {
        self.stop_server.cancel();
        timeout(LIMIT, self.server)
            .await
            .expect("a connection stays open")
            .unwrap()
            .unwrap();
        self.stop_flusher.cancel();
        timeout(LIMIT, self.flusher)
            .await
            .expect("the flusher goes on")
            .unwrap();
        self.recorder.totals()
    }
}
