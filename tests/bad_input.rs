//! Bad input through real HTTP: a clear 4xx that names field and reason, and nothing is changed.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use async_compression::tokio::bufread::GzipEncoder;
use bytes::Bytes;
use common::client::{batch, sample, start};
use common::{Answer, Client, Home, project, team};
use http_body::Frame;
use http_body_util::StreamBody;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

const TRAFFIC: &str = "/api/usage/traffic";
const STORAGE: &str = "/api/usage/storage";
const AT: &str = "2024-05-01T00:00:00Z";
/// 2^63: one more than is taken.
const TOO_MANY: u64 = 1 << 63;

/// What a case is expected to be answered with.
struct Expected {
    status: u16,
    /// The end of the problem's `type`.
    kind: &'static str,
    /// Texts that its details must have: the field and the reason.
    names: &'static [&'static str],
}

const fn expect(status: u16, kind: &'static str, names: &'static [&'static str]) -> Expected {
    Expected { status, kind, names }
}

/// A problem as RFC 9457 has it, in the shape that this service promises.
fn check(case: &str, answer: &Answer, expected: &Expected) {
    let Expected { status, kind, names } = expected;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (*status, "application/problem+json"),
        "{case}: {answer:?}"
    );
    let problem = answer.json();
    assert_eq!(problem["type"], json!(format!("/problems/{kind}")), "{case}: {problem}");
    assert_eq!(problem["status"], json!(status), "{case}: {problem}");
    for member in ["title", "detail", "instance"] {
        assert!(
            problem[member].as_str().is_some_and(|text| !text.is_empty()),
            "{case} has no {member}: {problem}"
        );
    }
    // The whole of what a person reads.
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let said = format!("{} {}", problem["detail"], Value::from(errors.clone()));
    for name in *names {
        assert!(said.contains(name), "{case} does not say {name}: {problem}");
    }
    for error in errors {
        assert!(error["code"].is_string() && error["detail"].is_string(), "{case}: {error}");
        assert!(error["field"].is_string() || error["index"].is_u64(), "{case} names no place: {error}");
    }
}

/// What must not change.
async fn state(client: &Client) -> (u64, [u64; 3], Value) {
    let used = client.used(&project(1), "2024-05").await;
    (client.head().await, used, client.get("/api/usage/teams/team-one?month=2024-05").await.ok())
}

struct Bench {
    client: Client,
    before: (u64, [u64; 3], Value),
}

impl Bench {
    async fn new(client: Client) -> Self {
        let before = state(&client).await;
        Self { client, before }
    }

    /// Sends it; the answer must be as expected, and the log where it was.
    async fn refuses(&self, case: &str, request: RequestBuilder, expected: Expected) {
        check(case, &self.client.send(request).await, &expected);
        assert_eq!(self.client.head().await, self.before.0, "{case} was recorded");
    }

    fn post(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client.request(Method::POST, path).header("content-type", content_type).body(body)
    }

    fn traffic(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.post(TRAFFIC, "application/json", body)
    }

    async fn nothing_changed(&self) {
        assert_eq!(state(&self.client).await, self.before);
    }
}

/// A project, one batch of traffic and one measurement.
async fn something(client: &Client) {
    client.register(&[1]).await;
    client.post(TRAFFIC, &batch("first", &[sample(1, AT, [10, 20, 1])])).await.ok();
}

/// The text of a batch of one sample, which is good but for what replaces a part of it.
fn one_sample(part: &str, replacement: &str) -> String {
    let good = format!(
        r#"{{"batch_id":"b","source":"s","samples":[{{"project_id":"{}","ingress_bytes":1,"egress_bytes":2,"requests":3,"at":"{AT}"}}]}}"#,
        project(1)
    );
    assert!(good.contains(part), "{part}");
    good.replace(part, replacement)
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_traffic_is_refused_and_changes_nothing() {
    let home = Home::embedded();
    let (_server, client) = start(&home, "").await;
    something(&client).await;
    let bench = Bench::new(client).await;

    // One bad sample among others is named; here it is the only one, and nothing is left to record.
    let invalid = |names| expect(422, "invalid", names);
    let two_to_63 = TOO_MANY.to_string();
    for (part, replacement, names) in [
        ("\"ingress_bytes\":1", "\"ingress_bytes\":\"1\"", &["ingress_bytes", "must be an integer"][..]),
        ("\"ingress_bytes\":1", "\"ingress_bytes\":1.5", &["ingress_bytes", "must be an integer"]),
        ("\"ingress_bytes\":1", "\"ingress_bytes\":null", &["ingress_bytes", "must be an integer"]),
        ("\"ingress_bytes\":1", "\"ingress_bytes\":-1", &["ingress_bytes", "must be from 0"]),
        (
            "\"egress_bytes\":2",
            &format!("\"egress_bytes\":{two_to_63}"),
            &["egress_bytes", "9223372036854775807"],
        ),
        ("\"requests\":3", &format!("\"requests\":{two_to_63}"), &["requests", "9223372036854775807"]),
        ("\"egress_bytes\":2", "\"egress_bytes\":1e400", &["egress_bytes", "integer"]),
        ("\"egress_bytes\":2,", "", &["egress_bytes", "is missing"]),
        ("\"2024-05-01T", "\"2024-13-01T", &["at", "month must be from 01 to 12"]),
        ("\"2024-05-01T", "\"2024-02-30T", &["at", "no such day"]),
        ("\"2024-05-01T", "\"9024-05-01T", &["at", "ahead of this server's clock"]),
        ("\"2024-05-01T", "\"1924-05-01T", &["at", "2000"]),
        (":00Z\"", ":00\"", &["at", "offset from UTC"]),
        (&project(1), &project(9), &["project_id", "no project", "is registered"]),
        (&project(1), "none", &["project_id", "32 lower-case hexadecimal"]),
        (&format!("\"{}\"", project(1)), "7", &["project_id", "must be a string"]),
        ("\"s\"", "7", &["source", "must be a string"]),
        ("\"b\"", "\"\"", &["batch_id", "1 to 128 characters"]),
        ("\"batch_id\":\"b\",", "", &["batch_id", "is missing"]),
        ("\"b\"", "\"b\",\"batch\":1", &["batch", "no such field"]),
        ("\"requests\":3", "\"request\":3", &["samples[0].request", "no such field"]),
        // Duplicate keys, at both depths.
        ("\"b\"", "\"b\",\"batch_id\":\"c\"", &["batch_id", "comes twice"]),
        (
            "\"requests\":3",
            "\"requests\":3,\"ingress_bytes\":1",
            &["samples[0].ingress_bytes", "comes twice"],
        ),
    ] {
        let text = one_sample(part, replacement);
        bench.refuses(replacement, bench.traffic(text), invalid(names)).await;
    }
    let samples = r#"{"batch_id":"b","source":"s","samples":[]}"#;
    bench.refuses("no samples", bench.traffic(samples), invalid(&["samples", "there are none"])).await;
    bench.refuses("a list", bench.traffic("[]"), invalid(&["must be an object"])).await;
    for broken in ["", "{", "{nonsense}", "{\"batch_id\":\"b\"", "\u{feff}{}"] {
        bench.refuses(broken, bench.traffic(broken), expect(400, "malformed-body", &["body"])).await;
    }
    let not_utf8 = bench.traffic(vec![b'"', 0xff, b'"']);
    bench.refuses("Latin-1", not_utf8, expect(400, "malformed-body", &["UTF-8"])).await;

    for content_type in ["text/plain", "application/xml", "application/json;charset=latin1"] {
        let request = bench.post(TRAFFIC, content_type, one_sample("\"b\"", "\"b\""));
        let expected = expect(415, "unsupported-media-type", &["application/json", "application/x-ndjson"]);
        bench.refuses(content_type, request, expected).await;
    }
    let nameless = bench.client.request(Method::POST, TRAFFIC).body(one_sample("\"b\"", "\"b\""));
    bench.refuses("no type", nameless, expect(415, "unsupported-media-type", &["Content-Type"])).await;

    let lines = bench.post(TRAFFIC, "application/x-ndjson", sample(1, AT, [1, 1, 1]).to_string());
    bench.refuses("lines without names", lines, invalid(&["batch_id", "missing"])).await;
    let event =
        json!([{ "specversion": "1.0", "type": "servelink.invoice", "source": "s", "id": "1", "data": {} }]);
    let event = bench.post(TRAFFIC, "application/cloudevents-batch+json", event.to_string());
    bench.refuses("another event", event, invalid(&["type", "servelink.traffic"])).await;

    bench.nothing_changed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large_or_broken_on_the_way_change_nothing() {
    let home = Home::embedded();
    let (_server, client) = start(&home, "").await;
    something(&client).await;
    let bench = Bench::new(client).await;

    let ten_megabytes = || one_sample("\"b\"", &format!("\"{}\"", "b".repeat(10 << 20)));
    bench.refuses("10 MB", bench.traffic(ten_megabytes()), expect(413, "too-large", &["8 MiB"])).await;
    let pieces = ten_megabytes().into_bytes();
    let pieces: Vec<_> =
        pieces.chunks(64 << 10).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    let stream = StreamBody::new(futures::stream::iter::<Vec<Result<_, std::io::Error>>>(pieces));
    let unannounced = reqwest::Body::wrap(stream);
    bench.refuses("10 MB in chunks", bench.traffic(unannounced), expect(413, "too-large", &["8 MiB"])).await;
    for (path, method) in [
        (STORAGE.to_owned(), Method::POST),
        (format!("/api/teams/{}", team(1)), Method::PUT),
        (format!("/api/projects/{}", project(1)), Method::PUT),
    ] {
        let request = bench.client.request(method, &path).header("content-type", "application/json");
        bench
            .refuses(&path, request.body(ten_megabytes()), expect(413, "too-large", &["body", "bytes"]))
            .await;
    }

    let gzip = zipped(one_sample("\"b\"", "\"b\"").as_bytes()).await;
    let mut wrong = gzip.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    let bomb = zipped(&vec![b' '; 40 << 20]).await;
    assert!(bomb.len() < 1 << 20);
    for (case, coding, body, expected) in [
        ("text as gzip", "gzip", b"{}".to_vec(), expect(400, "malformed-body", &["gzip"])),
        ("half a gzip", "gzip", gzip[..gzip.len() / 2].to_vec(), expect(400, "malformed-body", &["gzip"])),
        ("a wrong checksum", "gzip", wrong, expect(400, "malformed-body", &["gzip"])),
        ("gzip as zstd", "zstd", gzip.clone(), expect(400, "malformed-body", &["zstd"])),
        ("another coding", "br", gzip, expect(415, "unsupported-media-type", &["gzip", "zstd"])),
        ("a bomb", "gzip", bomb, expect(413, "too-large", &["32 MiB"])),
    ] {
        let request = bench.traffic(body).header("content-encoding", coding);
        bench.refuses(case, request, expected).await;
    }
    bench.nothing_changed().await;
}

async fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut zipped = Vec::new();
    GzipEncoder::new(bytes).read_to_end(&mut zipped).await.unwrap();
    zipped
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_id_used_for_something_else_is_refused() {
    let home = Home::embedded();
    let (_server, client) = start(&home, "").await;
    something(&client).await;
    let bench = Bench::new(client).await;
    let reused = || expect(409, "id-reused", &["batch_id", "other samples"]);
    for (case, other) in [
        ("another number", sample(1, AT, [10, 21, 1])),
        ("another time", sample(1, "2024-05-01T00:00:01Z", [10, 20, 1])),
    ] {
        let text = batch("first", &[other]).to_string();
        bench.refuses(case, bench.traffic(text), reused()).await;
    }
    let longer = batch("first", &[sample(1, AT, [10, 20, 1]), sample(1, AT, [1, 1, 1])]);
    bench.refuses("one sample more", bench.traffic(longer.to_string()), reused()).await;
    // The same again is no mistake.
    let same = batch("first", &[sample(1, AT, [10, 20, 1])]);
    assert_eq!(bench.client.post(TRAFFIC, &same).await.ok()["duplicates"], json!(1));
    bench.nothing_changed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_sample_among_good_ones_is_named_and_the_others_count() {
    let home = Home::embedded();
    let (_server, client) = start(&home, "").await;
    something(&client).await;
    let mut bad = sample(1, AT, [0, 0, 0]);
    bad["egress_bytes"] = json!(TOO_MANY);
    let samples = [sample(1, AT, [1, 1, 1]), bad, sample(9, AT, [1, 1, 1]), sample(1, AT, [2, 2, 2])];
    let answer = client.post(TRAFFIC, &batch("mixed", &samples)).await.ok();
    assert_eq!(answer["accepted"], json!(2));
    let rejected = answer["rejected"].as_array().unwrap();
    let codes: Vec<_> = rejected.iter().map(|one| (one["index"].clone(), one["code"].clone())).collect();
    assert_eq!(codes, [(json!(1), json!("invalid")), (json!(2), json!("unknown_project"))]);
    assert!(rejected[0]["detail"].as_str().unwrap().contains("egress_bytes"), "{answer}");
    assert_eq!(client.used(&project(1), "2024-05").await, [13, 23, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_that_cannot_be_held_stays_at_the_most_embedded() {
    sums_end_at_the_most(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_that_cannot_be_held_stays_at_the_most_on_postgres() {
    sums_end_at_the_most(Home::postgres().await).await;
}

async fn sums_end_at_the_most(home: Home) {
    let (_server, client) = start(&home, "").await;
    something(&client).await;
    let most = TOO_MANY - 1;
    // Each is allowed by itself, and nobody can stop the read models with them.
    for number in 0..3 {
        let samples = [sample(1, AT, [most, most, most]), sample(1, AT, [most, 1, 1])];
        let answer = client.post(TRAFFIC, &batch(&format!("most-{number}"), &samples)).await.ok();
        assert_eq!(answer["accepted"], json!(2));
    }
    assert_eq!(client.used(&project(1), "2024-05").await, [most; 3]);
    let team = client.get("/api/usage/teams/team-one?month=2024-05").await.ok();
    assert_eq!(team["usage"]["traffic_bytes"], json!(most));
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, 200, "{ready:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_directories_measurements_and_questions_change_nothing() {
    let home = Home::embedded();
    let (_server, client) = start(&home, "").await;
    something(&client).await;
    let bench = Bench::new(client).await;
    let (team_path, project_path) =
        (format!("/api/teams/{}", team(1)), format!("/api/projects/{}", project(1)));
    let member = format!("{team_path}/members/2");
    let not_found = |names| expect(404, "not-found", names);
    let invalid = |names| expect(422, "invalid", names);

    for (path, body, expected) in [
        (&team_path, r#"{"name":"T","slug":"Not A Slug"}"#.to_owned(), invalid(&["slug", "a-z"])),
        (&team_path, r#"{"name":7,"slug":"t"}"#.into(), invalid(&["name", "string"])),
        (&team_path, r#"{"name":"T"}"#.into(), invalid(&["slug", "missing"])),
        (&team_path, r#"{"name":"T","slug":"t","plan":"pro"}"#.into(), invalid(&["plan", "unknown"])),
        (&team_path, r#"{"name":"T","name":"U","slug":"t"}"#.into(), invalid(&["name", "duplicate"])),
        (&team_path, r#"{"name":"T","slug":"t"} "#.repeat(2), expect(400, "malformed-body", &["JSON"])),
        (
            &"/api/teams/xyz".to_owned(),
            r#"{"name":"T","slug":"t"}"#.into(),
            invalid(&["team_id", "32 lower-case"]),
        ),
        (&member, r#"{"role":"king"}"#.into(), invalid(&["role", "king"])),
        (
            &format!("{team_path}/members/1.5"),
            r#"{"role":"member"}"#.into(),
            invalid(&["user_id", "integer"]),
        ),
        (&format!("/api/teams/{}/members/1", team(9)), r#"{"role":"member"}"#.into(), not_found(&["team"])),
        (&project_path, format!(r#"{{"team_id":"{}","name":"x"}}"#, team(9)), not_found(&["team"])),
        (
            &project_path,
            format!(r#"{{"team_id":"{}","name":"\u0007"}}"#, team(1)),
            invalid(&["name", "control"]),
        ),
    ] {
        let request = bench.client.request(Method::PUT, path).header("content-type", "application/json");
        bench.refuses(&format!("PUT {path} {body}"), request.body(body), expected).await;
    }

    let sizes = |size: &str| {
        format!(
            r#"{{"project_id":"{}","volumes_bytes":{size},"images_bytes":0,"layers_bytes":0}}"#,
            project(1)
        )
    };
    for (body, names) in [
        (sizes("-1"), &["volumes_bytes"][..]),
        (sizes(&TOO_MANY.to_string()), &["volumes_bytes"]),
        (sizes("\"1\""), &["volumes_bytes"]),
        (sizes("1").replace(&project(1), &project(9)), &["project_id", "not registered"]),
        (sizes("1,\"volumes_bytes\":2"), &["volumes_bytes", "duplicate"]),
        ("[]".into(), &["no measurement"]),
    ] {
        bench.refuses(&body.clone(), bench.post(STORAGE, "application/json", body), invalid(names)).await;
    }

    let usage = format!("/api/usage/projects/{}", project(1));
    for (path, expected) in [
        (format!("{usage}?month=2024-13"), invalid(&["month", "written YYYY-MM"])),
        (format!("{usage}?month=2024"), invalid(&["month"])),
        (format!("{usage}/days?month=2024-00"), invalid(&["month"])),
        (format!("{usage}?mont=2024-05"), invalid(&["mont", "no such parameter"])),
        (format!("{usage}?min_position=-1"), invalid(&["min_position"])),
        (format!("{usage}?min_position=999999"), invalid(&["min_position", "ends at"])),
        ("/api/usage/teams/team-one?month=13-2024".into(), invalid(&["month"])),
        (format!("/api/usage/projects/{}", project(9)), not_found(&["nothing"])),
        ("/api/usage/projects/xyz".into(), not_found(&["nothing"])),
        ("/api/usage/teams/no-such-team".into(), not_found(&["nothing"])),
        ("/api/nowhere".into(), not_found(&[])),
    ] {
        check(&path, &bench.client.get(&path).await, &expected);
    }
    let wrong_method = bench.client.request(Method::DELETE, TRAFFIC);
    bench.refuses("DELETE", wrong_method, expect(405, "method-not-allowed", &[])).await;
    bench.nothing_changed().await;
}
