//! Any bytes whatever: nothing panics, what serde writes is read as it was, and what is JSON is decided as serde_json
//! decides it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::usage::traffic::json::Reader;

type Fields = ([u8; 16], i64, u32, (u64, u64), Option<u64>);

fn fields() -> impl Strategy<Value = Fields> {
    let count = 0..=i64::MAX.unsigned_abs();
    let seconds = 946_684_800_i64..253_370_764_800;
    (
        any::<[u8; 16]>(),
        seconds,
        0..1_000_000_u32,
        (count.clone(), count.clone()),
        proptest::option::of(count),
    )
}

fn sample((project, seconds, micros, (ingress, egress), requests): &Fields) -> (Value, Sample) {
    let sample = Sample {
        project: domain::ProjectId::from_bytes(*project),
        at: chrono::DateTime::from_timestamp(*seconds, micros * 1_000).unwrap(),
        ingress: (*ingress).try_into().unwrap(),
        egress: (*egress).try_into().unwrap(),
        requests: requests.unwrap_or(0),
    };
    let mut value = json!({ "project_id": sample.project, "at": sample.at, "ingress_bytes": ingress, "egress_bytes": egress });
    if let Some(requests) = requests {
        value["requests"] = json!(requests);
    }
    (value, sample)
}

/// A JSON text of any kind, objects without repeated keys and not too deep.
fn value() -> impl Strategy<Value = Value> {
    let text = "(\\PC|[\u{0}-\u{1f}\"\\\\/\u{10000}-\u{10ffff}]){0,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(text, inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn is_json(text: &str) -> bool {
    let reader = &mut Reader::new(text);
    reader.skip().and_then(|()| reader.end()).is_ok()
}

/// Bytes of a text with a few of them changed, so that most of it is still what it was.
fn spoil(text: &str, changes: &[(prop::sample::Index, u8, bool)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, byte, insert) in changes {
        let place = place.index(bytes.len());
        if *insert { bytes.insert(place, *byte) } else { bytes[place] = *byte }
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, bool)>> {
    let byte =
        prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\":,\\u0123456789-+.eEtfn \n\r\0".to_vec()),];
    proptest::collection::vec((any::<prop::sample::Index>(), byte, any::<bool>()), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_serde_writes_is_read(all in proptest::collection::vec(fields(), 1..8), pretty in any::<bool>()) {
        let (values, wanted): (Vec<_>, Vec<_>) = all.iter().map(sample).unzip();
        let body = json!({ "batch_id": "b", "source": "s", "samples": values });
        let body = if pretty { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) }.unwrap();
        let wanted: Vec<_> = wanted.into_iter().map(Ok).collect();
        prop_assert_eq!(samples(&read(Format::Json, &body).unwrap()), wanted.clone());

        let body: Vec<String> = values.iter().map(Value::to_string).collect();
        prop_assert_eq!(samples(&read(lines(), body.join("\n").as_bytes()).unwrap()), wanted.clone());

        let event = |(id, data)| json!({ "specversion": "1.0", "type": "servelink.traffic", "id": format!("{id}"), "source": "s", "data": data });
        let body = Value::from(values.iter().enumerate().map(event).collect::<Vec<_>>());
        prop_assert_eq!(samples(&read(Format::Events, body.to_string().as_bytes()).unwrap()), wanted);
    }

    #[test]
    fn nothing_panics(all in proptest::collection::vec(fields(), 1..4), changes in changes()) {
        let values: Vec<_> = all.iter().map(|fields| sample(fields).0).collect();
        let body = spoil(&json!({ "batch_id": "b", "source": "s", "samples": values }).to_string(), &changes);
        for format in [Format::Json, lines(), Format::Event, Format::Events] {
            let _ = read(format, &body);
        }
    }

    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        for format in [Format::Json, lines(), Format::Event, Format::Events] {
            let _ = read(format, &body);
        }
    }

    #[test]
    fn what_is_json_is_taken(value in value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert!(is_json(&text), "{}", text);
    }

    #[test]
    fn texts_are_read_as_serde_reads_them(value in "(\\PC|[\u{0}-\u{1f}\"\\\\\u{10000}-\u{10ffff}]){0,40}", ascii in any::<bool>()) {
        let mut text = serde_json::to_string(&value).unwrap();
        if ascii {
            text = text.encode_utf16().map(|unit| match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
                _ => format!("\\u{unit:04x}"),
            }).collect();
        }
        prop_assert_eq!(Reader::new(&text).text().unwrap(), value);
    }

    #[test]
    fn what_is_not_json_is_refused(value in value(), changes in changes()) {
        if let Ok(text) = String::from_utf8(spoil(&value.to_string(), &changes)) {
            // Stricter in repeated keys, laxer in numbers that no double can hold.
            let theirs = serde_json::from_str::<Value>(&text);
            if is_json(&text) {
                let out_of_range = theirs.as_ref().is_err_and(|error| error.to_string().contains("number out of range"));
                prop_assert!(theirs.is_ok() || out_of_range, "{} {:?}", text, theirs);
            } else if let Ok(theirs) = theirs {
                let keys = |value: &Value| value.to_string().matches("\":").count();
                prop_assert!(keys(&theirs) < text.matches(':').count(), "{}", text);
            }
        }
    }
}
