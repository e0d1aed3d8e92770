//! A tower layer that counts what each project's requests and responses really carry.
//!
//! A gateway written in Rust meters itself with it: [`MeterLayer`] finds the project of a request and counts the
//! request, the bytes of both bodies as they pass, and everything on the connection after an upgrade to websocket;
//! [`Meter`] adds up per project; [`Meter::run`] hands the sums to a [`Sink`] every few seconds. What has passed
//! counts, no more and no less: a client that hangs up half-way has received half.
//!
//! # In a gateway
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, routing::get};
//! use servelink_meter::{
//!     Connection, Meter, MeterLayer, MeterOptions, MeteredBatch, MeteredListener, Sink, SinkError, by_host,
//! };
//! use tokio::net::TcpListener;
//! use tokio_util::sync::CancellationToken;
//!
//! struct Print;
//!
//! impl Sink for Print {
//!     async fn record(&self, batch: &MeteredBatch) -> Result<(), SinkError> {
//!         println!("{batch:?}");
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let stop_signal = async {};
//! let meter = Meter::new(MeterOptions::default());
//! let stop = CancellationToken::new();
//! let flusher = tokio::spawn(meter.clone().run(Print, Duration::from_secs(10), stop.clone()));
//!
//! let project = by_host([("shop.example.org", "shop"), ("blog.example.org", "blog")]);
//! let app = Router::new().route("/", get(async || "hello")).layer(MeterLayer::new(project, meter));
//!
//! let listener = MeteredListener::new(TcpListener::bind("127.0.0.1:0").await?);
//! axum::serve(listener, app.into_make_service_with_connect_info::<Connection>())
//!     .with_graceful_shutdown(stop_signal)
//!     .await?;
//! stop.cancel(); // after the server, so that the last requests are in the last batch
//! flusher.await?;
//! # Ok(())
//! # }
//! ```
//!
//! The listener and the `Connection` are only there for upgrades; a service that has none needs only the layer.
//! With hyper, and no axum (`default-features = false`), wrap each accepted socket in [`MeteredIo`] and insert a
//! clone of its [`Connection`] into the extensions of each request.
//!
//! # Into a Servelink of the same process
//!
//! With the feature `ingest`, `ingest::IngestSink` takes the sums straight into the event log. The keys are then
//! project ids, and the projects registered ones. A process that has an `Ingest` already goes on with that.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use axum::{Router, routing::get};
//! # use servelink_meter::{Meter, MeterLayer, MeterOptions, by_host, ingest::IngestSink};
//! # use store::{EventLog, SystemClock, ingest::Ingest, known::Known, sqlite::SqliteLog};
//! # use tokio::net::TcpListener;
//! # use tokio_util::sync::CancellationToken;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (data, stop_signal) = (folder.path(), async {});
//! # let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let log: Arc<dyn EventLog> = Arc::new(SqliteLog::open(&data.join("log.sqlite")).await?);
//! let known = Known::open(Arc::clone(&log)).await?;
//! let ingest = Ingest::start(Arc::clone(&log), known, Arc::new(SystemClock));
//!
//! let (meter, stop) = (Meter::new(MeterOptions::default()), CancellationToken::new());
//! let sink = IngestSink::new(Arc::clone(&ingest), "gateway");
//! let flusher = tokio::spawn(meter.clone().run(sink, Duration::from_secs(10), stop.clone()));
//!
//! let project = by_host([("shop.example.org", "0123456789abcdef0123456789abcdef")]);
//! let app = Router::new().route("/", get(async || "hello")).layer(MeterLayer::new(project, meter));
//! axum::serve(listener, app).with_graceful_shutdown(stop_signal).await?;
//!
//! stop.cancel(); // each after what feeds it: the server, the meter, the ingestion, the log
//! flusher.await?;
//! ingest.close().await;
//! log.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What counts
//!
//! | | ingress | egress | requests |
//! |---|---|---|---|
//! | a request with a key, whatever becomes of it | | | 1 |
//! | data frames of its body, as the service takes them | bytes | | |
//! | data frames of the response's body, as the server takes them to send | | bytes | |
//! | heads, trailers, chunk sizes, HTTP/2 framing, TLS | | | |
//! | after a 101, or a 2xx to CONNECT (HTTP/1.1): all that is read and written | bytes | bytes | |
//!
//! What the server has taken and could not deliver when the client left is in its own buffer and in the kernel's;
//! it is counted, and no more than those hold. An upgrade that cannot be counted (over HTTP/2, or not over a
//! [`MeteredIo`]) is told by [`Meter::unmetered_upgrades`] and the log.
//!
//! # Nothing lost, nothing twice
//!
//! A batch that the sink could not take is tried again with the same id and the same content, and nothing new is
//! drained before it is through; a sink that remembers the ids of batches counts each once. The sample's time is
//! when its counters were drained, so around midnight of a month's end up to one interval falls into the next month.
//! Counts live in memory: what a crash takes with it is at most the batch in hand and one interval.
//!
//! # Where to find what
//!
//! `layer` (the way of a request), `body` (frames), `io` and `wire` (upgraded connections), `listener` (axum),
//! `key` (whose request it is), `meter` and `counters` (sums), `flush` and `sink` (batches),
//! `ingest` (into a Servelink of the same process).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod body;
mod counters;
mod flush;
#[cfg(feature = "ingest")]
pub mod ingest;
mod io;
mod key;
mod layer;
#[cfg(feature = "axum")]
mod listener;
mod meter;
mod sink;
mod wire;

pub use body::MeteredBody;
pub use io::{Connection, MeteredIo};
pub use key::{by_header, by_host, host};
pub use layer::{MeterLayer, MeterService, ResponseFuture};
#[cfg(feature = "axum")]
pub use listener::MeteredListener;
pub use meter::{MAX_KEY_BYTES, Meter, MeterOptions};
pub use sink::{MeteredBatch, MeteredSample, Sink, SinkError};
