//! Holds real answers against the OpenAPI document: status, content type and schema. [`Server`](super::Server) does so
//! with every answer of every test. Stricter than JSON Schema itself: a member that the document does not name is
//! wrong (but in problems, whose kinds add members of their own), and so is a keyword that is not known here.

use chrono::{DateTime, NaiveDate};
use http::Method;
use serde_json::Value;

use super::Answer;

/// Panics when the document does not promise this answer. Of addresses that are not in it, it promises nothing.
#[track_caller]
pub(crate) fn check(document: &Value, method: &Method, path: &str, answer: &Answer) {
    let paths = document["paths"].as_object().unwrap();
    let Some((_, item)) = paths.iter().find(|(template, _)| matches(template, path)) else { return };
    let Some(operation) = item.get(method.as_str().to_lowercase()) else { return };
    let (status, name) = (answer.status.as_str(), &operation["operationId"]);
    let response = &operation["responses"][status];
    assert!(response.is_object(), "{name} answers {status}, which is not documented: {}", answer.body);
    let media_type = answer.headers["content-type"].to_str().unwrap();
    let media_type = media_type.split(';').next().unwrap();
    let content = &response["content"][media_type];
    assert!(content.is_object(), "{name} answers {status} with {media_type}, which is not documented");
    let mut faults = Vec::new();
    compare(document, &content["schema"], &answer.body, "answer", &mut faults);
    assert!(faults.is_empty(), "{name} answers {status}: {faults:#?}\n{}", answer.body);
}

fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == found || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}

fn compare(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "description" | "example" | "default" => true,
            "$ref" => {
                let target = document.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap();
                compare(document, target, value, at, faults);
                true
            }
            "oneOf" => {
                let fits = |schema: &&Value| {
                    let mut faults = Vec::new();
                    compare(document, schema, value, at, &mut faults);
                    faults.is_empty()
                };
                rule.as_array().unwrap().iter().filter(fits).count() == 1
            }
            "type" => match rule.as_array() {
                Some(types) => types.iter().any(|one| is(one, value)),
                None => is(rule, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "format" => value.is_null() || formatted(rule.as_str().unwrap(), value),
            "required" => {
                rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                let own = rule.as_object().unwrap();
                for (name, member) in value.as_object().into_iter().flatten() {
                    match own.get(name) {
                        Some(schema) => compare(document, schema, member, &format!("{at}.{name}"), faults),
                        None if value["type"].as_str().is_some_and(|kind| kind.starts_with("/problems/")) => {
                        }
                        None => faults.push(format!("{at}.{name} is not documented")),
                    }
                }
                true
            }
            "items" => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    compare(document, rule, item, &format!("{at}[{place}]"), faults);
                }
                true
            }
            unknown => panic!("{at}: the keyword {unknown} is not known here"),
        };
        if !holds {
            faults.push(format!("{at}: {keyword} {rule} does not hold for {value}"));
        }
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("the type {unknown} is not known here"),
    }
}

fn formatted(format: &str, value: &Value) -> bool {
    match format {
        "int32" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "int64" => value.is_i64() || value.is_u64(),
        "double" => value.is_number(),
        "date-time" => value.as_str().is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok()),
        "date" => value.as_str().is_some_and(|text| text.parse::<NaiveDate>().is_ok()),
        unknown => panic!("the format {unknown} is not known here"),
    }
}
