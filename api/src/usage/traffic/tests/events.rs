//! CloudEvents.

use store::ingest::RejectCode;

use super::*;

/// A good event, with some of its attributes replaced, added or (when the value is empty) left out.
fn event(changes: &[(&str, &str)]) -> String {
    let mut attributes = vec![
        ("specversion", r#""1.0""#),
        ("type", r#""servelink.traffic""#),
        ("source", r#""https://gw.example/1?x=~a#b""#),
        ("id", r#""e-1""#),
        ("data", GOOD),
    ];
    for (name, value) in changes {
        attributes.retain(|(known, _)| known != name);
        if !value.is_empty() {
            attributes.push((name, value));
        }
    }
    let attributes: Vec<String> =
        attributes.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    format!("{{{}}}", attributes.join(","))
}

fn rejected(event: &str) -> String {
    let content = read(Format::Events, format!("[{},{event}]", self::event(&[])).as_bytes()).unwrap();
    assert_eq!(content.batches.len(), 1, "{event}");
    let [rejection] = &content.rejected[..] else { panic!("{event}") };
    assert_eq!((rejection.index, rejection.code), (1, RejectCode::Invalid));
    rejection.detail.clone()
}

#[test]
fn each_event_is_a_batch_of_its_own() {
    let body = format!("[{},7,{}]", event(&[]), event(&[("id", "\"e-2\"")]));
    let content = read(Format::Events, body.as_bytes()).unwrap();
    let keys: Vec<_> =
        content.batches.iter().map(|batch| (batch.batch_id.as_str(), batch.first_index)).collect();
    assert_eq!(keys, [("e-1", 0), ("e-2", 2)]);
    assert_eq!(content.batches[0].source, "https://gw.example/1?x=~a#b");
    assert!(content.each_its_own);
    assert_eq!(samples(&content), [samples(&content)[0].clone(), samples(&content)[0].clone()]);
}

#[test]
fn one_event_stands_alone() {
    let content = read(Format::Event, event(&[]).as_bytes()).unwrap();
    assert_eq!(samples(&content), samples(&read(lines(), GOOD.as_bytes()).unwrap()));
    assert_eq!(refused(Format::Event, format!("[{}]", event(&[])).as_bytes()).0, Kind::Invalid);
    assert_eq!(refused(Format::Events, event(&[]).as_bytes()).0, Kind::Invalid);
    assert_eq!(refused(Format::Events, b"[]").0, Kind::Invalid);
}

#[test]
fn other_attributes_are_taken() {
    for (name, value) in [
        ("subject", r#""a""#),
        ("dataschema", r#""https://a/b""#),
        ("datacontenttype", r#""Application/JSON; charset=utf-8""#),
        ("datacontenttype", r#""application/vnd.x+json""#),
        ("traceparent", r#""00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01""#),
        ("sampledrate", "7"),
        ("flag", "true"),
        ("unset", "null"),
        ("time", "null"),
    ] {
        let content = read(Format::Event, event(&[(name, value)]).as_bytes()).unwrap();
        assert_eq!(content.batches.len(), 1, "{name}: {:?}", content.rejected);
    }
}

#[test]
fn the_event_s_time_stands_in_for_the_sample_s() {
    let timeless = GOOD.replace(r#","at":"2026-11-23T12:00:00Z""#, "");
    let at = |body: String| {
        samples(&read(Format::Event, body.as_bytes()).unwrap())[0].clone().unwrap().at.to_rfc3339()
    };
    let time = ("time", r#""2026-01-02T03:04:05Z""#);
    assert_eq!(at(event(&[("data", &timeless), time])), "2026-01-02T03:04:05+00:00");
    assert_eq!(at(event(&[time, ("data", GOOD)])), "2026-11-23T12:00:00+00:00");
    assert_eq!(rejected(&event(&[("data", &timeless)])), "data: at: is missing");
    let wrong = GOOD.replace("2026-11-23", "2026-02-30");
    assert_eq!(rejected(&event(&[("data", &wrong), time])), "data: at: there is no such day in that month");
}

#[test]
fn whatever_is_wrong_with_an_event_rejects_it_alone() {
    let name = "must be 1 to 128 printable ASCII characters without spaces";
    let long = format!("\"{}\"", "x".repeat(129));
    for (attribute, value, reason) in [
        ("specversion", r#""0.3""#, "must be 1.0"),
        ("specversion", "1.0", "must be a string"),
        ("specversion", "", "is missing"),
        ("type", r#""other""#, "must be servelink.traffic"),
        ("type", "", "is missing"),
        ("id", r#""""#, name),
        ("id", "7", "must be a string"),
        ("id", "null", "must be a string"),
        ("id", &long, name),
        ("id", "", "is missing"),
        ("source", r#""a b""#, name),
        ("source", r#""é""#, name),
        ("source", "", "is missing"),
        ("time", r#""yesterday""#, "must be an RFC 3339 time such as 2026-11-23T18:30:00Z"),
        ("datacontenttype", r#""text/xml""#, "must be application/json"),
        ("data", "", "is missing"),
        ("data", "null", "must be an object"),
        ("data", "7", "must be an object"),
        ("data_base64", r#""e30=""#, "is not taken: the sample stands in data"),
        ("extension", "{}", "must be a string, a number or a boolean"),
        ("extension", "[]", "must be a string, a number or a boolean"),
    ] {
        assert_eq!(rejected(&event(&[(attribute, value)])), format!("{attribute}: {reason}"), "{value}");
    }
    assert_eq!(rejected("7"), "must be an object");
    assert_eq!(
        rejected(&event(&[("specversion", ""), ("type", "7")])),
        "type: must be a string; specversion: is missing"
    );
    assert_eq!(rejected(&event(&[("data", "{}"), ("time", "7")])), "time: must be a string");
}

#[test]
fn what_cannot_be_understood_fails_the_request() {
    for (body, field, code) in [
        (event(&[]).replacen('{', r#"{"id":"e-0","#, 1), "[0].id", "duplicate_field"),
        (event(&[("ext", "1")]).replacen('{', r#"{"ext":1,"#, 1), "[0].ext", "duplicate_field"),
        (event(&[("batchId", "1")]), "[0].batchId", "unknown_field"),
        (event(&[("", "1")]), "[0]", "unknown_field"),
        (event(&[("data", r#"{"bytes":1}"#)]), "[0].data.bytes", "unknown_field"),
        (event(&[("data", r#"{"at":1,"at":2}"#)]), "[0].data.at", "duplicate_field"),
    ] {
        let (kind, at, what, _) = refused(Format::Events, format!("[{body}]").as_bytes());
        assert_eq!((kind, at.as_str(), what.as_str()), (Kind::Invalid, field, code), "{body}");
    }
    let many: Vec<String> = (0..64).map(|n| format!(r#""x{n}":1"#)).collect();
    let (kind, ..) = refused(Format::Event, format!("{{{},{}", many.join(","), &event(&[])[1..]).as_bytes());
    assert_eq!(kind, Kind::MalformedBody);
}
