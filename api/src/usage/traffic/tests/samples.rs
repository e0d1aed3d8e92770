//! One sample, and whether what is wrong with it fails it alone or the request.

use store::ingest::RejectCode;

use super::*;

fn with(field: &str, value: &str) -> String {
    let fields = [
        ("project_id", r#""0123456789abcdef0123456789abcdef""#),
        ("ingress_bytes", "1"),
        ("egress_bytes", "2"),
        ("requests", "3"),
        ("at", r#""2026-11-23T12:00:00Z""#),
    ];
    let shown =
        fields.map(|(name, good)| format!(r#""{name}":{}"#, if name == field { value } else { good }));
    format!("{{{}}}", shown.join(","))
}

/// The rejection of a sample between two good ones.
fn rejected(sample: &str) -> String {
    let content = read(Format::Json, batch(&[GOOD, sample, GOOD].join(",")).as_bytes()).unwrap();
    let [Ok(_), Err(rejection), Ok(_)] = &samples(&content)[..] else {
        panic!("{sample}: {:?}", samples(&content))
    };
    assert_eq!((rejection.index, rejection.code), (1, RejectCode::Invalid));
    rejection.detail.clone()
}

#[test]
fn a_wrong_value_rejects_its_sample_alone() {
    const RANGE: &str = "must be from 0 to 9223372036854775807";
    const ID: &str = "must be 32 lower-case hexadecimal characters";
    for (field, value, reason) in [
        ("ingress_bytes", "-1", RANGE),
        ("ingress_bytes", "9223372036854775808", RANGE),
        ("egress_bytes", "18446744073709551616", RANGE),
        ("egress_bytes", "-99999999999999999999999999", RANGE),
        ("requests", "9223372036854775808", RANGE),
        ("requests", "3.0", "must be an integer, written without a fraction or an exponent"),
        ("requests", "1e3", "must be an integer, written without a fraction or an exponent"),
        ("requests", "1E+999", "must be an integer, written without a fraction or an exponent"),
        ("requests", "null", "must be an integer"),
        ("ingress_bytes", r#""1""#, "must be an integer"),
        ("ingress_bytes", "true", "must be an integer"),
        ("ingress_bytes", "[1]", "must be an integer"),
        ("ingress_bytes", r#"{"a":{"b":[]}}"#, "must be an integer"),
        ("project_id", "7", "must be a string"),
        ("project_id", r#""0123456789ABCDEF0123456789abcdef""#, ID),
        ("project_id", r#""0123456789abcdef0123456789abcde""#, ID),
        ("project_id", r#""0123456789abcdef0123456789abcde\u0000""#, ID),
        ("project_id", r#""""#, ID),
        ("at", "1764000000", "must be a string"),
        ("at", r#""2026-13-23T12:00:00Z""#, "the month must be from 01 to 12"),
    ] {
        assert_eq!(rejected(&with(field, value)), format!("{field}: {reason}"), "{value}");
    }
}

#[test]
fn missing_fields_are_all_named() {
    let missing =
        "project_id: is missing; ingress_bytes: is missing; egress_bytes: is missing; at: is missing";
    assert_eq!(rejected("{}"), missing);
    assert_eq!(
        rejected(r#"{"ingress_bytes":-1,"egress_bytes":1,"at":"2026-11-23T12:00:00Z"}"#),
        "ingress_bytes: must be from 0 to 9223372036854775807; project_id: is missing"
    );
}

#[test]
fn what_is_no_object_is_no_sample() {
    for sample in ["null", "7", r#""a""#, "true", "[]", r#"[{"a":1}]"#] {
        assert_eq!(rejected(sample), "must be an object");
    }
}

#[test]
fn the_largest_and_the_smallest_are_taken() {
    let sample = r#" { "at" : "2026-11-23T13:00:00.1234567+01:00" , "egress_bytes" : 9223372036854775807 ,
        "project_id" : "0123456789abcdef0123456789abcdef" , "ingress_bytes" : -0 } "#;
    let content = read(Format::Json, batch(sample).as_bytes()).unwrap();
    let [Ok(sample)] = samples(&content)[..] else { panic!("{:?}", samples(&content)) };
    assert_eq!((sample.ingress.get(), sample.egress.to_sql(), sample.requests), (0, i64::MAX, 0));
    assert_eq!(sample.at.to_rfc3339(), "2026-11-23T12:00:00.123456+00:00");
    assert_eq!(sample.project.to_string(), "0123456789abcdef0123456789abcdef");
}

#[test]
fn the_order_and_the_spacing_of_fields_make_no_difference() {
    let fields: Vec<&str> = GOOD.trim_matches(['{', '}']).split(',').collect();
    let wanted = samples(&read(lines(), GOOD.as_bytes()).unwrap());
    for turn in 0..fields.len() {
        for (comma, colon) in [(",", ":"), (", ", ": "), ("\t,", "\t:")] {
            let mut turned = fields.clone();
            turned.rotate_left(turn);
            let turned: Vec<String> =
                turned.iter().map(|field| field.replacen("\":", &format!("\"{colon}"), 1)).collect();
            let body = format!("{{{}}}", turned.join(comma));
            assert_eq!(samples(&read(lines(), body.as_bytes()).unwrap()), wanted, "{body}");
        }
    }
    for left_out in 0..fields.len() {
        let mut some = fields.clone();
        let name = some.remove(left_out).split('"').nth(1).unwrap();
        match &samples(&read(lines(), format!("{{{}}}", some.join(",")).as_bytes()).unwrap())[0] {
            Ok(sample) => assert_eq!((name, sample.requests), ("requests", 0)),
            Err(rejection) => assert_eq!(rejection.detail, format!("{name}: is missing")),
        }
        let twice = format!("{GOOD},{}}}", fields[left_out]).replacen('}', "", 1);
        let (_, field, code, _) = refused(lines(), twice.as_bytes());
        assert_eq!(
            (field.as_str(), code.as_str()),
            (format!("samples[0].{name}").as_str(), "duplicate_field")
        );
    }
}

#[test]
fn escapes_are_understood_in_keys_and_values() {
    let escaped = GOOD
        .replace("\"at\"", r#""\u0061t""#)
        .replace("2026-11", r"202\u0036-11")
        .replace("requests", r"\u0072equests");
    let content = read(Format::Json, batch(&escaped).as_bytes()).unwrap();
    assert_eq!(samples(&content), samples(&read(Format::Json, batch(GOOD).as_bytes()).unwrap()));
}

#[test]
fn unknown_and_repeated_fields_fail_the_request() {
    for (format, prefix) in [(Format::Json, "samples[1]"), (lines(), "samples[1]")] {
        for (sample, field, code) in [
            (r#"{"projectid":1}"#, ".projectid", "unknown_field"),
            (r#"{"":1}"#, "", "unknown_field"),
            (r#"{"requests":1,"requests":1}"#, ".requests", "duplicate_field"),
            (r#"{"requests":1,"r\u0065quests":1}"#, ".requests", "duplicate_field"),
            (r#"{"at":{"a":1,"\u0061":2}}"#, ".at.a", "duplicate_field"),
            (r#"[{"a":{"b":1,"b":2}}]"#, ".a.b", "duplicate_field"),
        ] {
            let body = if format == Format::Json {
                batch(&format!("{GOOD},{sample}"))
            } else {
                format!("{GOOD}\n{sample}")
            };
            let (kind, at, what, _) = refused(format.clone(), body.as_bytes());
            assert_eq!(
                (kind, at, what.as_str()),
                (Kind::Invalid, format!("{prefix}{field}"), code),
                "{body}"
            );
        }
    }
}

#[test]
fn a_field_as_long_as_the_body_is_not_told_back() {
    let (_, field, ..) = refused(Format::Json, format!(r#"{{"{}":1}}"#, "ü".repeat(10_000)).as_bytes());
    assert_eq!(field, "ü".repeat(64));
}
