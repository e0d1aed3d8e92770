//! Upgraded connections: every byte after the upgrading response, and none before, by sizes reckoned by hand.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::{convert::Infallible, future::ready, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, Extension},
    routing::{any, get, post},
};
use futures::{SinkExt, StreamExt};
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use servelink_meter::{Connection, Meter, MeterLayer, MeterOptions, MeteredIo, by_header};
use support::{LIMIT, Recorder, gateway::Gateway, read_until, totals};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, handshake::derive_accept_key, protocol::Role},
};
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt, service_fn};

/// The length of a websocket frame (RFC 6455, section 5.2): two bytes, a longer length, a mask from the client.
fn frame(payload: u64, masked: bool) -> u64 {
    let length = match payload {
        0..=125 => 0,
        126..=65_535 => 2,
        _ => 8,
    };
    2 + length + if masked { 4 } else { 0 } + payload
}

/// A websocket that sends text and binary messages back.
fn websocket_response<B>(request: Request<B>) -> Response<Empty<Bytes>> {
    let accept = derive_accept_key(request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes());
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let io = TokioIo::new(upgrade.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                socket.send(message).await.unwrap();
            }
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .body(Empty::new())
        .unwrap()
}

fn echo() -> Router {
    let chat =
        any(async |request: axum::extract::Request| websocket_response(request).map(axum::body::Body::new));
    Router::new().route("/chat", chat).route("/double", post(async |sent: Bytes| [&*sent, &*sent].concat()))
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> WebSocketStream<S> {
    let mut request = "ws://a/chat".into_client_request().unwrap();
    request.headers_mut().insert("x-project", "p".parse().unwrap());
    client_async(request, stream).await.unwrap().0
}

/// Sends messages of many lengths, a ping and the closing frame; the ingress and egress they come to.
async fn converse(mut socket: WebSocketStream<TcpStream>) -> (u64, u64) {
    let lengths = [0_u64, 5, 125, 126, 65_535, 65_536, 1_000_000];
    for length in lengths {
        let message = Message::binary(vec![7; usize::try_from(length).unwrap()]);
        socket.send(message.clone()).await.unwrap();
        assert_eq!(timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap(), message);
    }
    socket.send(Message::Ping(Bytes::from_static(b"ping"))).await.unwrap();
    assert!(timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap().is_pong());
    socket.close(None).await.unwrap();
    let until_closed = async { while let Some(Ok(_)) = socket.next().await {} };
    timeout(LIMIT, until_closed).await.expect("the server did not close");

    let both = |masked| lengths.iter().map(|length| frame(*length, masked)).sum::<u64>();
    let [ping, close] = [4, 0];
    (
        both(true) + frame(ping, true) + frame(close, true),
        both(false) + frame(ping, false) + frame(close, false),
    )
}

#[tokio::test]
async fn a_websocket_counts_every_byte_of_its_frames() {
    let gateway = Gateway::start(echo()).await;
    let (ingress, egress) = converse(open(gateway.connect().await).await).await;
    assert_eq!(gateway.finish().await, totals([("p", (ingress, egress, 1))]));
}

#[tokio::test]
async fn a_websocket_counts_while_it_is_open() {
    let gateway = Gateway::start(echo()).await;
    let mut socket = open(gateway.connect().await).await;
    gateway.counted("p", (0, 0, 1)).await;
    for round in 1..=3 {
        socket.send(Message::text("hello")).await.unwrap();
        timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
        gateway.counted("p", (round * frame(5, true), round * frame(5, false), 1)).await;
    }
}

#[tokio::test]
async fn bodies_before_the_upgrade_on_the_same_connection_count_once() {
    let gateway = Gateway::start(echo()).await;
    let mut stream = gateway.connect().await;
    for _ in 0..2 {
        stream
            .write_all(
                b"POST /double HTTP/1.1\r\nHost: a\r\nX-Project: p\r\nContent-Length: 8\r\n\r\n\r\n\r\n1234",
            )
            .await
            .unwrap();
        read_until(&mut stream, b"\r\n\r\n1234\r\n\r\n1234").await;
    }
    let (ingress, egress) = converse(open(stream).await).await;
    assert_eq!(gateway.finish().await, totals([("p", (16 + ingress, 32 + egress, 3))]));
}

const HANDSHAKE: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: a\r\nX-Project: p\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn a_frame_that_did_not_wait_for_the_answer_counts() {
    let gateway = Gateway::start(echo()).await;
    let mut stream = gateway.connect().await;
    let hi = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
    stream.write_all(&[HANDSHAKE, &hi].concat()).await.unwrap();
    read_until(&mut stream, &[0x81, 0x02, b'h', b'i']).await;
    gateway.counted("p", (8, 4, 1)).await;
}

#[tokio::test]
async fn an_answer_that_waits_before_the_upgrade_is_not_counted_again() {
    let gateway = Gateway::start(echo()).await;
    let mut stream = gateway.connect().await;
    let first = b"POST /double HTTP/1.1\r\nHost: a\r\nX-Project: p\r\nContent-Length: 4\r\n\r\n1234";
    let hi = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
    stream.write_all(&[first, HANDSHAKE].concat()).await.unwrap();
    read_until(&mut stream, b"12341234").await;
    read_until(&mut stream, b"\r\n\r\n").await;
    stream.write_all(&hi).await.unwrap();
    read_until(&mut stream, &[0x81, 0x02, b'h', b'i']).await;
    gateway.counted("p", (4 + 8, 8 + 4, 2)).await;
}

#[tokio::test]
async fn a_tunnel_by_connect_counts() {
    let tunnel = async |request: axum::extract::Request| {
        assert_eq!(request.method(), Method::CONNECT);
        let upgrade = hyper::upgrade::on(request);
        tokio::spawn(async move {
            let mut io = TokioIo::new(upgrade.await.unwrap());
            let mut sent = [0; 4];
            io.read_exact(&mut sent).await.unwrap();
            io.write_all(b"tunnelled").await.unwrap();
        });
    };
    let gateway = Gateway::start(Router::new().fallback(tunnel)).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\nX-Project: p\r\n\r\n").await.unwrap();
    read_until(&mut stream, b"\r\n\r\n").await;
    assert_eq!(support::exchange(&mut stream, b"1234").await, b"tunnelled");
    assert_eq!(gateway.finish().await, totals([("p", (4, 9, 1))]));
}

#[tokio::test]
async fn handlers_still_learn_the_client_s_address() {
    let whoami = async |ConnectInfo(usual): ConnectInfo<SocketAddr>,
                        Extension(ConnectInfo(ours)): Extension<ConnectInfo<Connection>>| {
        assert_eq!(ours.remote_addr::<SocketAddr>(), Some(&usual));
        usual.to_string()
    };
    let gateway = Gateway::start(Router::new().route("/", get(whoami))).await;
    let mut stream = gateway.connect().await;
    let local = stream.local_addr().unwrap().to_string();
    let answer =
        support::exchange(&mut stream, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(support::body(&answer), local.as_bytes());
}

/// A server of hyper's alone, for one connection.
async fn serve_one(meter: Meter, metered_io: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let io = MeteredIo::new(listener.accept().await.unwrap().0);
        let connection = io.connection().clone();
        let layer = MeterLayer::new(by_header(HeaderName::from_static("x-project")), meter);
        let service =
            layer.layer(service_fn(|request| ready(Ok::<_, Infallible>(websocket_response(request)))));
        let service = service.map_request(move |mut request: Request<Incoming>| {
            if metered_io {
                request.extensions_mut().insert(connection.clone());
            }
            request
        });
        let service = TowerToHyperService::new(service);
        http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades().await.unwrap();
    });
    addr
}

async fn converse_with_hyper(meter: &Meter, metered_io: bool) -> ((u64, u64), Recorder) {
    let addr = serve_one(meter.clone(), metered_io).await;
    let expected = converse(open(TcpStream::connect(addr).await.unwrap()).await).await;
    let (recorder, stop) = (Recorder::default(), CancellationToken::new());
    stop.cancel();
    timeout(LIMIT, meter.clone().run(recorder.clone(), Duration::from_secs(60), stop)).await.unwrap();
    (expected, recorder)
}

#[tokio::test]
async fn hyper_without_axum_counts_the_same() {
    let meter = Meter::new(MeterOptions::default());
    let ((ingress, egress), recorder) = converse_with_hyper(&meter, true).await;
    assert_eq!(recorder.totals(), totals([("p", (ingress, egress, 1))]));
    assert_eq!(meter.unmetered_upgrades(), 0);
}

#[tokio::test]
async fn an_upgrade_out_of_sight_is_told() {
    let meter = Meter::new(MeterOptions::default());
    let (_, recorder) = converse_with_hyper(&meter, false).await;
    assert_eq!(recorder.totals(), totals([("p", (0, 0, 1))]));
    assert_eq!(meter.unmetered_upgrades(), 1);
}
