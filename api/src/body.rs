//! JSON bodies of the routes that are not hot: read with a limit, and every mistake named with its field.
//! `usage/traffic` reads its bodies by itself.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::app::App;
use crate::problem::{Item, Kind, Problem};

/// The largest body: a thousand storage measurements are a third of it.
pub(crate) const LIMIT: usize = 1 << 20;

/// Bytes of a body that is too large which are received all the same.
pub(crate) const MAX_DISCARDED: usize = 32 << 20;

/// Characters of what is wrong that are shown to whoever sent it.
const SHOWN: usize = 200;

/// A JSON body of this shape.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Problem> {
        let body = read(request).await?;
        parse(&body).map(Self)
    }
}

/// The text of a JSON body.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    check_content_type(request.headers())?;
    check_content_coding(request.headers())?;
    read_up_to(request.into_body(), LIMIT).await
}

/// The bytes of a body, at most this many.
pub(crate) async fn read_up_to(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(&mut body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body, limit).await;
            Err(Problem::new(Kind::TooLarge, format!("the body is over {limit} bytes")))
        }
        Err(_) => Err(Problem::new(Kind::MalformedBody, "the body ended before it was complete")),
    }
}

/// Receives the rest of a body that is too large, of which this many bytes were received already. A client that
/// writes first and reads afterwards would otherwise see a broken connection instead of the answer.
pub(crate) async fn discard(mut body: Body, mut length: usize) {
    while length < MAX_DISCARDED
        && let Some(Ok(frame)) = body.frame().await
    {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// `application/json`, or anything that says it is JSON (RFC 6839, section 3.1).
fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let stated = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    let Some(Ok(stated)) = stated else {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "the content type must be application/json; there is none",
        ));
    };
    let media_type = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    if is_json {
        Ok(())
    } else {
        Err(Problem::new(
            Kind::UnsupportedMediaType,
            format!("the content type must be application/json, not {media_type}"),
        ))
    }
}

/// These bodies are short: whoever compresses one is told so, instead of that his JSON is broken.
fn check_content_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Ok(());
    }
    Err(Problem::new(Kind::UnsupportedMediaType, "this takes no Content-Encoding: send the body as it is"))
}

/// What the text says. Broken JSON is 400; JSON of another shape is 422 and names the field.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Problem> {
    // All of it is read once before: what comes after a wrong field may be no JSON at all.
    let json: &RawValue = serde_json::from_slice(text).map_err(|error| wrong(".", &error))?;
    let mut deserializer = serde_json::Deserializer::from_str(json.get());
    serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| wrong(&error.path().to_string(), error.inner()))
}

fn wrong(path: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => {
            let item = describe(path, error);
            let field = item.field.as_deref().unwrap_or("body");
            Problem::new(Kind::Invalid, format!("{field}: {}", item.detail)).with(item)
        }
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::new(Kind::MalformedBody, format!("the body is not valid JSON: {error}"))
        }
    }
}

/// What is wrong with JSON of the wrong shape.
pub(crate) fn describe(path: &str, error: &serde_json::Error) -> Item {
    let message = error.to_string();
    // The place in the text says less than the field does.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    // These three are about a key, which serde names between backticks.
    let code = ["missing field", "unknown field", "duplicate field"]
        .into_iter()
        .find(|what| message.starts_with(what));
    let key = code.and_then(|_| message.split('`').nth(1));
    let parent = path.trim_matches('.');
    let field = match key {
        Some(key) if parent.is_empty() => key.to_owned(),
        Some(key) if parent == key || parent.ends_with(&format!(".{key}")) => parent.to_owned(),
        Some(key) => format!("{parent}.{key}"),
        None => parent.to_owned(),
    };
    Item {
        field: (!field.is_empty()).then(|| Cow::Owned(shortened(&field))),
        index: None,
        code: code.map_or(Cow::Borrowed("invalid"), |what| Cow::Owned(what.replace(' ', "_"))),
        detail: shortened(message),
    }
}

/// What a caller wrote may be as long as a body, and an answer must not.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Team {
        name: String,
        slug: domain::Slug,
        #[serde(default)]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        bytes: domain::ByteCount,
    }

    fn problem(text: &str) -> (Kind, Option<(String, String)>) {
        let problem = parse::<Team>(text.as_bytes()).unwrap_err();
        let item = problem.errors().first();
        (
            problem.kind(),
            item.map(|item| (item.code.to_string(), item.field.as_deref().unwrap_or("").to_owned())),
        )
    }

    #[test]
    fn every_mistake_names_its_field() {
        let cases = [
            (r#"{"name":"a"}"#, "missing_field", "slug"),
            (r#"{"name":"a","slug":"a","x":1}"#, "unknown_field", "x"),
            (r#"{"name":"a","name":"b","slug":"a"}"#, "duplicate_field", "name"),
            (r#"{"name":1,"slug":"a"}"#, "invalid", "name"),
            (r#"{"name":"a","slug":"A B"}"#, "invalid", "slug"),
            (r#"{"name":"a","slug":"a","inner":[{"bytes":1},{"bytes":-1}]}"#, "invalid", "inner[1].bytes"),
            (
                r#"{"name":"a","slug":"a","inner":[{"bytes":9223372036854775808}]}"#,
                "invalid",
                "inner[0].bytes",
            ),
            (r#"{"name":"a","slug":"a","inner":[{}]}"#, "missing_field", "inner[0].bytes"),
            (r#"{"name":"a","slug":"a","inner":[{"bytes":1,"y":2}]}"#, "unknown_field", "inner[0].y"),
            ("7", "invalid", ""),
        ];
        for (text, code, field) in cases {
            assert_eq!(problem(text), (Kind::Invalid, Some((code.into(), field.into()))), "{text}");
        }
    }

    #[test]
    fn what_is_shown_of_a_mistake_is_short() {
        for text in
            [format!("{{\"{}\":1}}", "é".repeat(5_000)), format!("{{\"name\":[\"{}\"]}}", "x".repeat(5_000))]
        {
            let problem = parse::<Team>(text.as_bytes()).unwrap_err();
            let item = problem.errors().first().unwrap();
            assert!(item.detail.chars().count() <= SHOWN + 1, "{}", item.detail);
            assert!(item.field.as_ref().unwrap().chars().count() <= SHOWN + 1);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(text: Vec<u8>, name in ".*", slug in ".*", other in ".*") {
            let _ = parse::<Team>(&text);
            for body in [serde_json::json!({ "name": name, "slug": slug }), serde_json::json!({ &other: name })] {
                let _ = parse::<Team>(body.to_string().as_bytes());
            }
        }
    }

    #[test]
    fn broken_json_is_malformed() {
        for text in
            ["", "{", r#"{"name":"a","slug":"a"} x"#, "{}}", "\u{feff}{}", r#"{"name":"\ud800","slug":"a"}"#]
        {
            assert_eq!(problem(text).0, Kind::MalformedBody, "{text}");
        }
    }

    #[test]
    fn only_json_is_taken_for_json() {
        let check = |value: &'static str| {
            let headers = [(CONTENT_TYPE, HeaderValue::from_static(value))].into_iter().collect();
            check_content_type(&headers).is_ok()
        };
        assert!(
            check("application/json; charset=utf-8")
                && check("Application/JSON")
                && check("application/x+json")
        );
        assert!(!check("text/plain") && !check("application/x-www-form-urlencoded") && !check(""));
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn compressed_bodies_are_told_so() {
        let check = |value: &'static str| {
            let headers = [(CONTENT_ENCODING, HeaderValue::from_static(value))].into_iter().collect();
            check_content_coding(&headers).map_err(|problem| problem.kind())
        };
        assert_eq!(check("Identity"), Ok(()));
        assert_eq!(check_content_coding(&HeaderMap::new()).map_err(|problem| problem.kind()), Ok(()));
        assert_eq!(check("gzip"), Err(Kind::UnsupportedMediaType));
    }
}
