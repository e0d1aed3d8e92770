//! What the headers and the query say of the body.

use http::{HeaderMap, Uri};

use super::*;
use crate::usage::traffic::format::Coding;

fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn format(content_type: &str, uri: &'static str) -> Result<Format, Problem> {
    Format::of(&headers("content-type", &[content_type]), &Uri::from_static(uri))
}

#[test]
fn four_content_types_are_taken() {
    for (content_type, wanted) in [
        ("application/json", Format::Json),
        ("Application/JSON ; Charset=\"UTF-8\"", Format::Json),
        ("application/json;charset=utf-8;profile=x", Format::Json),
        ("application/cloudevents+json", Format::Event),
        ("application/cloudevents-batch+json; charset=utf-8", Format::Events),
    ] {
        assert_eq!(format(content_type, "/").unwrap(), wanted, "{content_type}");
    }
    assert_eq!(format("application/x-ndjson", "/?batch_id=b&source=s").unwrap(), lines());
}

#[test]
fn other_content_types_are_told_which_are() {
    for other in [
        "",
        "text/plain",
        "application/xml",
        "application",
        "application/jsonp",
        "application/json; charset=latin1",
        ";",
    ] {
        let problem = format(other, "/").unwrap_err();
        assert_eq!(problem.kind(), Kind::UnsupportedMediaType, "{other}");
        for known in [
            "application/json",
            "application/x-ndjson",
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
        ] {
            assert!(problem.to_string().contains(known), "{other}");
        }
    }
    assert_eq!(
        Format::of(&HeaderMap::new(), &Uri::from_static("/")).unwrap_err().kind(),
        Kind::UnsupportedMediaType
    );
}

#[test]
fn lines_have_their_names_in_the_query() {
    let named = Format::Lines { batch_id: "a:b".into(), source: "x/y".into() };
    assert_eq!(format("application/x-ndjson", "/?source=x%2Fy&batch_id=a%3Ab").unwrap(), named);
    for (uri, field, code) in [
        ("/", "batch_id", "missing_field"),
        ("/?batch_id=b", "source", "missing_field"),
        ("/?batch_id=b&source=", "source", "invalid"),
        ("/?batch_id=b+c&source=s", "batch_id", "invalid"),
        ("/?batch_id=b&batch_id=b&source=s", "batch_id", "duplicate_field"),
        ("/?batch_id=b&source=s&x=1", "x", "unknown_field"),
    ] {
        let problem = format("application/x-ndjson", uri).unwrap_err();
        let item = &problem.errors()[0];
        assert_eq!((item.field.as_deref().unwrap(), &*item.code), (field, code), "{uri}");
    }
    let elsewhere = format("application/json", "/?batch_id=b").unwrap_err();
    assert_eq!(elsewhere.errors()[0].field.as_deref(), Some("batch_id"));
}

#[test]
fn two_content_codings_are_taken() {
    let coding = |values: &[&str]| Coding::of(&headers("content-encoding", values));
    assert_eq!(coding(&[]).unwrap(), Coding::Identity);
    assert_eq!(coding(&["identity"]).unwrap(), Coding::Identity);
    assert_eq!(coding(&["GZIP"]).unwrap(), Coding::Gzip);
    assert_eq!(coding(&["x-gzip"]).unwrap(), Coding::Gzip);
    assert_eq!(coding(&["zstd"]).unwrap(), Coding::Zstd);
    for other in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["zstd;q=1"]] {
        assert_eq!(coding(other).unwrap_err().kind(), Kind::UnsupportedMediaType, "{other:?}");
    }
}
