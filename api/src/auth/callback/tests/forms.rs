//! What each header must look like, and how far a clock may be off.

use super::*;

/// What is said to a message of this id, signed for it.
fn id(id: &str) -> Result<Proof, SignatureError> {
    verify(&standard_with(id, &timestamp(), &entry(NEW, id, &timestamp(), BODY)), BODY)
}

/// What is said to a message of this timestamp, signed for it.
fn time(timestamp: &str) -> Result<Proof, SignatureError> {
    verify(&standard_with(ID, timestamp, &entry(NEW, ID, timestamp, BODY)), BODY)
}

/// What is said to the usual message with this signature header.
fn signature(signature: &str) -> Result<Proof, SignatureError> {
    verify(&standard_with(ID, &timestamp(), signature), BODY)
}

/// The right entry of the usual message.
fn right() -> String {
    entry(NEW, ID, &timestamp(), BODY)
}

fn malformed(result: Result<Proof, SignatureError>) -> &'static str {
    match result {
        Err(SignatureError::Malformed { header, .. }) => header,
        other => panic!("not malformed: {other:?}"),
    }
}

#[test]
fn an_id_is_1_to_64_of_its_characters() {
    for good in ["a", "AZaz09_-", &"i".repeat(64)] {
        assert_eq!(id(good), proof_of(good, "new"));
    }
    for bad in ["", "a.b", "a b", " a", "a,b", "a/b", "a%20", "é", &"i".repeat(65)] {
        assert_eq!(malformed(id(bad)), "webhook-id", "{bad:?}");
    }
}

#[test]
fn a_clock_may_be_off_by_300_seconds_either_way() {
    let at = |offset: i64| time(&(now().timestamp() + offset).to_string());
    for good in [-300, -1, 0, 1, 300] {
        assert_eq!(at(good), standard_proof("new"), "{good}");
    }
    assert_eq!(at(-301), Err(SignatureError::TooOld { age: 301 }));
    assert_eq!(at(301), Err(SignatureError::TooFarAhead { ahead: 301 }));
    assert_eq!(time("0"), Err(SignatureError::TooOld { age: now().timestamp().into() }));
}

#[test]
fn numbers_of_any_length_are_a_time() {
    // The last is now in milliseconds, a usual mistake.
    for far in [
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        &"9".repeat(4000),
        "1795435200000",
    ] {
        assert!(matches!(time(far), Err(SignatureError::TooFarAhead { .. })), "{far}");
    }
    // A clock of ours that is as wrong as can be is no reason to panic either.
    for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for timestamp in ["0", &"9".repeat(30)] {
            let headers = standard_with(ID, timestamp, &entry(NEW, ID, timestamp, BODY));
            assert!(policy(SECRETS, false).verify(&headers, BODY, now).is_err());
        }
    }
}

#[test]
fn a_timestamp_is_digits_only() {
    let now = timestamp();
    let like_now = [
        format!("+{now}"),
        format!("-{now}"),
        format!(" {now}"),
        format!("{now} "),
        format!("{now}.0"),
        format!("{now}e0"),
        format!("0x{now}"),
        now.replace('1', "١"),
    ];
    for bad in
        like_now.iter().map(String::as_str).chain(["", "+5", " 5", "5.0", "-9223372036854775808", "now"])
    {
        assert_eq!(malformed(time(bad)), "webhook-timestamp", "{bad:?}");
    }
}

#[test]
fn entries_of_other_versions_do_not_count() {
    let right = right();
    let bare = right.trim_start_matches("v1,");
    assert_eq!(signature(&format!("v1a,{bare} {right} v2 v3,x,y")), standard_proof("new"));
    for other in [format!("v1a,{bare}"), format!("V1,{bare}"), format!("v2,{bare}"), bare.into(), "v1".into()]
    {
        assert_eq!(malformed(signature(&other)), "webhook-signature", "{other}");
    }
}

#[test]
fn entries_are_32_bytes_of_padded_base64_between_single_spaces() {
    let right = right();
    let bad = [
        String::new(),
        " ".into(),
        format!(" {right}"),
        format!("{right} "),
        format!("{right}  {right}"),
        format!("{right}\t{right}"),
        format!("{right},{right}"),
        right.trim_end_matches('=').into(),
        format!("{right}="),
        right.replace('=', "A"),
        "v1,".into(),
        "v1,AAAA".into(),
        format!("v1,{}", hex::encode([0; 32])),
        format!("v1,{}_-A=", "A".repeat(40)),
        // One that is malformed is not made good by one that is right.
        format!("v1,AAAA {right}"),
        format!("{right} v1,é"),
    ];
    for bad in bad {
        assert_eq!(malformed(signature(&bad)), "webhook-signature", "{bad:?}");
    }
}

#[test]
fn a_signature_header_has_its_limits() {
    let right = right();
    let wrong = entry(RETIRED, ID, &timestamp(), BODY);
    let of = |wrong: &str, count: usize| format!("{}{right}", format!("{wrong} ").repeat(count - 1));
    assert_eq!(signature(&of(&wrong, 16)), standard_proof("new"));
    assert_eq!(malformed(signature(&of(&wrong, 17))), "webhook-signature");
    assert_eq!(malformed(signature(&of("v2,x", 17))), "webhook-signature");
    let padded = |bytes: usize| format!("{right} {}", "x".repeat(bytes - right.len() - 1));
    assert_eq!(signature(&padded(4096)), standard_proof("new"));
    assert_eq!(malformed(signature(&padded(4097))), "webhook-signature");
}

#[test]
fn a_legacy_signature_is_sha256_and_64_hexadecimal_digits() {
    let right = legacy_value(NEW, BODY);
    let digits = right.trim_start_matches("sha256=");
    let of = |value: &str| verify(&headers(&[("x-payment-signature", value)]), BODY);
    assert_eq!(of(&right), legacy_proof("new"));
    assert_eq!(of(&format!("sha256={}", digits.to_ascii_uppercase())), legacy_proof("new"));
    for bad in [
        "",
        "sha256=",
        digits,
        &format!("sha1={digits}"),
        &format!("SHA256={digits}"),
        &format!("sha256= {digits}"),
        &format!(" {right}"),
        &format!("{right} "),
        &format!("{right}00"),
        &format!("{right},{right}"),
        &right[..70],
        &right[..69],
        &format!("sha256={}", "g".repeat(64)),
        &format!("sha256={}é", &digits[..62]),
    ] {
        assert_eq!(malformed(of(bad)), "x-payment-signature", "{bad:?}");
    }
    assert_eq!(of(&format!("sha256={}", "0".repeat(64))), no_match("x-payment-signature"));
}
