//! `POST /api/usage/traffic` as a producer sees it: every content type, every kind of bad input, and a real
//! connection. How each field is read is tested beside the code.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "api/support.rs"]
#[allow(dead_code)]
mod support;

use std::net::SocketAddr;

use async_compression::Level;
use async_compression::tokio::bufread::{GzipEncoder, ZstdEncoder};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use support::{Answer, NO_PROJECT, OTHER_PROJECT, PROJECT, Server, errors};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ROUTE: &str = "/api/usage/traffic";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const EVENTS: &str = "application/cloudevents-batch+json";

fn sample(ingress: i64) -> Value {
    json!({ "project_id": PROJECT, "ingress_bytes": ingress, "egress_bytes": 10, "requests": 1, "at": "2026-11-23T11:00:00Z" })
}

fn batch(id: &str, samples: &[Value]) -> String {
    json!({ "batch_id": id, "source": "gateway", "samples": samples }).to_string()
}

async fn send(server: &Server, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::post(uri).header("authorization", format!("Bearer {}", server.key));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body.into()).unwrap()).await
}

/// Ingress of the project in this month, once everything so far is seen.
async fn ingress(server: &Server) -> u64 {
    let head = server.app.log.head().await.unwrap();
    let usage = server.get(&format!("/api/usage/projects/{PROJECT}?min_position={head}")).await.ok();
    usage["ingress_bytes"].as_u64().unwrap()
}

#[tokio::test]
async fn every_content_type_and_coding_counts() {
    let server = Server::with_two_teams().await;
    let json_body = batch("json", &[sample(1), sample(2)]);
    let answer =
        send(&server, ROUTE, &[("content-type", "application/json; charset=utf-8")], json_body.clone())
            .await
            .ok();
    let position = answer["position"].clone();
    assert_eq!(answer, json!({ "accepted": 2, "duplicates": 0, "rejected": [], "position": position }));

    let lines = format!("{}\n{}\n", sample(4), sample(8));
    let uri = format!("{ROUTE}?batch_id=lines&source=gateway");
    assert_eq!(send(&server, &uri, &[("content-type", LINES)], lines).await.ok()["accepted"], 2);

    let event = |id: &str, data: Value| json!({ "specversion": "1.0", "type": "servelink.traffic", "source": "/gateway", "id": id, "data": data, "region": "tg" });
    let events = json!([event("1", sample(16)), event("2", sample(32))]).to_string();
    assert_eq!(send(&server, ROUTE, &[("content-type", EVENTS)], events).await.ok()["accepted"], 2);
    let one = event("3", sample(64)).to_string();
    let headers = [("content-type", "application/cloudevents+json")];
    assert_eq!(send(&server, ROUTE, &headers, one).await.ok()["accepted"], 1);

    let mut gzip = Vec::new();
    let text = batch("gzip", &[sample(128)]);
    GzipEncoder::with_quality(text.as_bytes(), Level::Best).read_to_end(&mut gzip).await.unwrap();
    let headers = [("content-type", JSON), ("content-encoding", "gzip")];
    assert_eq!(send(&server, ROUTE, &headers, gzip).await.ok()["accepted"], 1);
    let mut zstd = Vec::new();
    let text = batch("zstd", &[sample(256)]);
    ZstdEncoder::new(text.as_bytes()).read_to_end(&mut zstd).await.unwrap();
    let headers = [("content-type", JSON), ("content-encoding", "zstd")];
    assert_eq!(send(&server, ROUTE, &headers, zstd).await.ok()["accepted"], 1);

    let again = send(&server, ROUTE, &[("content-type", JSON)], json_body).await.ok();
    assert_eq!(again, json!({ "accepted": 0, "duplicates": 2, "rejected": [], "position": position }));
    assert_eq!(ingress(&server).await, 511);
}

#[tokio::test]
async fn the_good_samples_of_a_batch_count() {
    let server = Server::with_two_teams().await;
    let mut unknown = sample(1);
    unknown["project_id"] = NO_PROJECT.into();
    let mut other = sample(1);
    other["project_id"] = OTHER_PROJECT.into();
    let mut soon = sample(1);
    soon["at"] = "2026-11-23T12:06:00Z".into();
    let body = batch("b", &[sample(5), unknown, sample(-1), other, soon]);
    let answer = send(&server, ROUTE, &[("content-type", JSON)], body).await.ok();
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(2), &json!(0)));
    let rejected: Vec<_> =
        answer["rejected"].as_array().unwrap().iter().map(|one| (&one["index"], &one["code"])).collect();
    let wanted = [
        (json!(1), json!("unknown_project")),
        (json!(2), json!("invalid")),
        (json!(4), json!("in_the_future")),
    ];
    assert_eq!(rejected, wanted.iter().map(|(index, code)| (index, code)).collect::<Vec<_>>());
    assert_eq!(answer["rejected"][1]["detail"], "ingress_bytes: must be from 0 to 9223372036854775807");
    assert_eq!(ingress(&server).await, 5);
}

/// A request, and what is answered: its headers and body, the status, the type, the first field and its code.
type Case = (
    &'static [(&'static str, &'static str)],
    Vec<u8>,
    u16,
    &'static str,
    Option<(Option<&'static str>, &'static str)>,
);

#[tokio::test]
async fn bad_input_is_named_and_changes_nothing() {
    const IS_JSON: &[(&str, &str)] = &[("content-type", JSON)];
    const IS_GZIP: &[(&str, &str)] = &[("content-type", JSON), ("content-encoding", "gzip")];
    let good = || sample(1).to_string();
    let bare =
        |samples: &str| format!(r#"{{"batch_id":"b","source":"s","samples":[{samples}]}}"#).into_bytes();
    let changed = |field: &str, value: &str| {
        let mut sample = sample(1);
        sample[field] = serde_json::from_str(value).unwrap();
        batch("b", &[sample]).into_bytes()
    };
    let cases: Vec<Case> = vec![
        (IS_JSON, changed("ingress_bytes", "\"1\""), 422, "invalid", Some((None, "invalid"))),
        (
            IS_JSON,
            changed("project_id", &format!("\"{NO_PROJECT}\"")),
            422,
            "invalid",
            Some((None, "unknown_project")),
        ),
        (IS_JSON, changed("egress_bytes", "-1"), 422, "invalid", Some((None, "invalid"))),
        (IS_JSON, changed("egress_bytes", "9223372036854775808"), 422, "invalid", Some((None, "invalid"))),
        (IS_JSON, changed("at", "\"2026-13-01T00:00:00Z\""), 422, "invalid", Some((None, "invalid"))),
        (IS_JSON, changed("bytes", "1"), 422, "invalid", Some((Some("samples[0].bytes"), "unknown_field"))),
        (IS_JSON, vec![b' '; 10 << 20], 413, "too-large", None),
        (IS_GZIP, b"\x1f\x8b\x08\x00 this is no gzip".to_vec(), 400, "malformed-body", None),
        (IS_GZIP, batch("b", &[sample(1)]).into_bytes(), 400, "malformed-body", None),
        (
            IS_JSON,
            bare(&good().replacen('{', r#"{"requests":9,"#, 1)),
            422,
            "invalid",
            Some((Some("samples[0].requests"), "duplicate_field")),
        ),
        (IS_JSON, bare(&good())[1..].to_vec(), 422, "invalid", None),
        (IS_JSON, bare(&good()).repeat(2), 400, "malformed-body", None),
        (IS_JSON, bare(""), 422, "invalid", Some((Some("samples"), "invalid"))),
        (IS_JSON, b"{}".to_vec(), 422, "invalid", Some((Some("batch_id"), "missing_field"))),
        (IS_JSON, vec![], 400, "malformed-body", None),
        (IS_JSON, b"\xff\xfe".to_vec(), 400, "malformed-body", None),
        (IS_JSON, "\u{feff}{}".into(), 400, "malformed-body", None),
        (IS_JSON, "[".repeat(1 << 20).into(), 422, "invalid", None),
        (&[("content-type", "text/csv")], bare(&good()), 415, "unsupported-media-type", None),
        (&[], bare(&good()), 415, "unsupported-media-type", None),
        (
            &[("content-type", JSON), ("content-encoding", "br")],
            bare(&good()),
            415,
            "unsupported-media-type",
            None,
        ),
        (
            &[("content-type", LINES)],
            good().into(),
            422,
            "invalid",
            Some((Some("batch_id"), "missing_field")),
        ),
        (&[("content-type", EVENTS)], b"[{}]".to_vec(), 422, "invalid", Some((None, "invalid"))),
    ];
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap();
    for (place, (headers, body, status, slug, first)) in cases.into_iter().enumerate() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        println!("case {place}: {headers:?} {shown}");
        let problem = send(&server, ROUTE, headers, body).await.problem(status, slug);
        assert_eq!(errors(&problem).first().copied(), first, "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
    }
    assert_eq!(server.app.log.head().await.unwrap(), head);
}

#[tokio::test]
async fn a_batch_id_used_for_other_samples_is_a_conflict() {
    let server = Server::with_two_teams().await;
    send(&server, ROUTE, &[("content-type", JSON)], batch("b", &[sample(1)])).await.ok();
    let problem = send(&server, ROUTE, &[("content-type", JSON)], batch("b", &[sample(2)]))
        .await
        .problem(409, "id-reused");
    assert_eq!(errors(&problem), [(Some("batch_id"), "id_reused")]);
    assert_eq!(ingress(&server).await, 1);
}

/// The router on a socket of its own.
async fn serve(server: &Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = servelink_api::router(std::sync::Arc::clone(&server.app));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Writes all of it first and only then reads, as simple clients do.
async fn raw(address: SocketAddr, head: String, body: &[u8]) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(body).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_simple_client_that_sends_too_much_gets_the_answer() {
    let server = Server::with_two_teams().await;
    let address = serve(&server).await;
    let head = |length: &str| {
        format!(
            "POST {ROUTE} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: {JSON}\r\n{length}\r\n\r\n",
            server.key
        )
    };
    let body = vec![b' '; 10 << 20];
    let answer = raw(address, head(&format!("content-length: {}", body.len())), &body).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("/problems/too-large"), "{answer}");

    let chunks = [b"100000\r\n".as_slice(), &body[..1 << 20], b"\r\n"].concat().repeat(10);
    let answer =
        raw(address, head("transfer-encoding: chunked"), &[chunks, b"0\r\n\r\n".to_vec()].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let good = batch("b", &[sample(1)]);
    let answer = raw(address, head(&format!("content-length: {}", good.len())), good.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
