//! Batches in JSON and in NDJSON.

use super::*;
use crate::usage::traffic::batch::MAX_SAMPLES;

#[test]
fn a_batch_is_read_whatever_the_order_of_its_fields() {
    let body = format!(
        r#" {{"samples" : [ {GOOD} , {GOOD} ] ,{}"source":"gw/1","batch_id":"a.B:c@1-_" }} "#,
        "\r\n\t"
    );
    let content = read(Format::Json, body.as_bytes()).unwrap();
    let [batch] = &content.batches[..] else { panic!() };
    assert_eq!((batch.source.as_str(), batch.batch_id.as_str(), batch.first_index), ("gw/1", "a.B:c@1-_", 0));
    assert_eq!(batch.samples.len(), 2);
    assert!(!content.each_its_own && content.rejected.is_empty());
}

#[test]
fn lines_are_the_same_batch() {
    let body = format!("\n{GOOD}\r\n \t\r\n{GOOD}\n7\n{GOOD}");
    let content = read(lines(), body.as_bytes()).unwrap();
    let indices: Vec<_> =
        samples(&content).into_iter().map(|sample| sample.map(|_| ()).map_err(|no| no.index)).collect();
    assert_eq!(indices, [Ok(()), Ok(()), Err(2), Ok(())]);
    let json = read(Format::Json, batch(&[GOOD, GOOD, "7", GOOD].join(",")).as_bytes()).unwrap();
    assert_eq!(samples(&content), samples(&json));
}

#[test]
fn what_a_batch_must_have() {
    let named =
        |id: &str, source: &str| format!(r#"{{"batch_id":{id},"source":{source},"samples":[{GOOD}]}}"#);
    let long = format!("\"{}\"", "x".repeat(129));
    for (body, field, code) in [
        ("{}".to_owned(), "batch_id", "missing_field"),
        (r#"{"batch_id":"b","source":"s"}"#.into(), "samples", "missing_field"),
        (r#"{"batch_id":"b","samples":[7]}"#.into(), "source", "missing_field"),
        (batch(""), "samples", "invalid"),
        (r#"{"samples":7}"#.into(), "samples", "invalid"),
        (r#"{"samples":{}}"#.into(), "samples", "invalid"),
        (named("7", "\"s\""), "batch_id", "invalid"),
        (named("null", "\"s\""), "batch_id", "invalid"),
        (named("\"\"", "\"s\""), "batch_id", "invalid"),
        (named("\"a b\"", "\"s\""), "batch_id", "invalid"),
        (named(r#""a\u0000""#, "\"s\""), "batch_id", "invalid"),
        (named("\"b\"", "\"é\""), "source", "invalid"),
        (named("\"b\"", &long), "source", "invalid"),
        (r#"{"batch_id":"b","batch_id":"b"}"#.into(), "batch_id", "duplicate_field"),
        (r#"{"samples":[7],"samples":[7]}"#.into(), "samples", "duplicate_field"),
        (r#"{"batchId":"b"}"#.into(), "batchId", "unknown_field"),
        ("[]".into(), "", ""),
        ("7".into(), "", ""),
        ("\"a\"".into(), "", ""),
        ("null".into(), "", ""),
    ] {
        let (kind, at, what, _) = refused(Format::Json, body.as_bytes());
        assert_eq!((kind, at.as_str(), what.as_str()), (Kind::Invalid, field, code), "{body}");
    }
    assert!(read(Format::Json, named(&format!("\"{}\"", "x".repeat(128)), "\"s\"").as_bytes()).is_ok());
}

#[test]
fn broken_json_is_refused_with_its_place() {
    let deep = "[".repeat(100_000);
    let after = format!("{} x", batch(GOOD));
    let its_end = format!("line 1, column {}", after.len());
    for (body, place) in [
        ("{", "line 1, column 2"),
        ("{\"batch_id\":\"b\",\n  \"source\" \"s\"}", "line 2, column 12"),
        ("{'a':1}", "line 1, column 2"),
        ("{\"batch_id\":\"b\",}", "line 1, column 17"),
        ("{\"batch_id\":\"é\u{7}\"}", "line 1, column 15"),
        ("{\"batch_id\":\"b\0\"}", "line 1, column 15"),
        (r#"{"batch_id":"\x"}"#, "line 1, column 14"),
        (r#"{"batch_id":"\u12g4"}"#, "line 1, column 14"),
        (r#"{"batch_id":"\u+123"}"#, "line 1, column 14"),
        (r#"{"batch_id":"\ud800"}"#, "line 1, column 14"),
        (r#"{"batch_id":"b"#, "line 1, column 15"),
        (r#"{"samples":[1,]}"#, "line 1, column 15"),
        (r#"{"samples":[01]}"#, "line 1, column 13"),
        (r#"{"samples":[-]}"#, "line 1, column 14"),
        (r#"{"samples":[1.]}"#, "line 1, column 15"),
        (r#"{"samples":[1e]}"#, "line 1, column 15"),
        (r#"{"samples":[.5]}"#, "line 1, column 13"),
        (r#"{"samples":[NaN]}"#, "line 1, column 13"),
        (r#"{"samples":[nul]}"#, "line 1, column 13"),
        (r#"{"samples":[1 2]}"#, "line 1, column 15"),
        (&after, &its_end),
        (&format!(r#"{{"samples":[{deep}"#), "line 1, column 45"),
    ] {
        let (kind, _, _, detail) = refused(Format::Json, body.as_bytes());
        assert_eq!(kind, Kind::MalformedBody, "{detail}");
        assert!(detail.contains(place), "{}: {detail}", &body[..body.len().min(99)]);
    }
}

#[test]
fn a_broken_line_fails_the_request() {
    for bad in ["{", "{} {}", "{\"at\":", "}"] {
        let (kind, field, _, detail) = refused(lines(), format!("{GOOD}\n\n{bad}\n{GOOD}").as_bytes());
        assert_eq!(kind, Kind::MalformedBody);
        assert!(detail.contains("line 3, ") && field.starts_with("samples"), "{bad}: {field}: {detail}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    for format in [Format::Json, lines(), Format::Event, Format::Events] {
        for (body, why) in [
            (&b""[..], "empty"),
            (b" \r\n\t", "empty"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (b"{\"a\":\"\xff\"}", "not UTF-8: byte 6"),
            (b"\xed\xa0\x80", "not UTF-8: byte 0"),
            (b"\0\0", "broken"),
        ] {
            let (kind, _, _, detail) = refused(format.clone(), body);
            assert_eq!(kind, Kind::MalformedBody);
            assert!(detail.contains(why), "{detail}");
        }
    }
}

#[test]
fn a_request_brings_so_many_samples_and_no_more() {
    let many = vec!["7"; MAX_SAMPLES].join(",");
    assert_eq!(samples(&read(Format::Json, batch(&many).as_bytes()).unwrap()).len(), MAX_SAMPLES);
    let (kind, field, ..) = refused(Format::Json, batch(&format!("{many},7")).as_bytes());
    assert_eq!((kind, field.as_str()), (Kind::Invalid, "samples"));
    let (kind, field, ..) = refused(lines(), format!("{many},7").replace(',', "\n").as_bytes());
    assert_eq!((kind, field.as_str()), (Kind::Invalid, "samples"));
    assert_eq!(refused(Format::Events, format!("[{many},7]").as_bytes()).0, Kind::Invalid);
}
