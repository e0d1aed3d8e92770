//! The same answers as the standard's own implementation, the `standardwebhooks` crate, and its published vectors; and
//! no answer but no to anything that was changed on the way.

use proptest::prelude::*;
use standardwebhooks::Webhook;

use super::*;

/// Published with the standard's libraries: secret, id, timestamp, body, signature.
const VECTORS: [[&str; 5]; 2] = [
    [
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        "1649367553",
        r#"{"email":"test@example.com","username":"test_user"}"#,
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ],
    [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ],
];

fn at(timestamp: &str) -> DateTime<Utc> {
    DateTime::from_timestamp(timestamp.parse().unwrap(), 0).unwrap()
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// Whether a message is refused once this bit of it is turned round: of the body, or of the header of this name.
/// A header that HTTP cannot carry never arrives.
fn refuses_flipped(
    policy: &CallbackPolicy,
    now: DateTime<Utc>,
    (headers, body): (&HeaderMap, &[u8]),
    name: Option<&'static str>,
    bit: usize,
) -> bool {
    let Some(name) = name else { return policy.verify(headers, &flipped(body, bit), now).is_err() };
    let Ok(value) = HeaderValue::from_bytes(&flipped(headers[name].as_bytes(), bit)) else { return true };
    let mut headers = headers.clone();
    headers.insert(name, value);
    policy.verify(&headers, body, now).is_err()
}

#[test]
fn the_published_vectors_are_right() {
    for [secret, id, timestamp, body, signature] in VECTORS {
        let policy = policy(&format!("a:{secret}"), false);
        let proof = policy.verify(&standard_with(id, timestamp, signature), body.as_bytes(), at(timestamp));
        assert_eq!(proof, proof_of(id, "a"));
    }
}

#[test]
fn the_published_vectors_are_wrong_with_any_bit_turned_round() {
    for [secret, id, timestamp, body, signature] in VECTORS {
        let policy = policy(&format!("a:{secret}"), false);
        let headers = standard_with(id, timestamp, signature);
        let message = (&headers, body.as_bytes());
        for (name, length) in [
            (None, body.len()),
            (Some("webhook-id"), id.len()),
            (Some("webhook-timestamp"), timestamp.len()),
            (Some("webhook-signature"), signature.len()),
        ] {
            for bit in 0..length * 8 {
                assert!(refuses_flipped(&policy, at(timestamp), message, name, bit), "{name:?} bit {bit}");
            }
        }
    }
}

/// That crate's clock is the machine's.
#[test]
fn the_reference_takes_what_is_taken_here() {
    let reference = Webhook::from_bytes(NEW.to_vec()).unwrap();
    let now = Utc::now();
    let answers = |timestamp: &str, signature: &str, body: &[u8]| {
        let headers = standard_with(ID, timestamp, signature);
        let here = policy(SECRETS, false).verify(&headers, body, now).is_ok();
        (here, reference.verify(body, &headers).is_ok())
    };
    let timestamp = now.timestamp().to_string();
    let right = entry(NEW, ID, &timestamp, BODY);
    let wrong = entry(RETIRED, ID, &timestamp, BODY);
    for signature in [&right, &format!("{wrong} {right}"), &format!("v1a,x {right} v2,y")] {
        assert_eq!(answers(&timestamp, signature, BODY), (true, true), "{signature}");
    }
    for signature in ["", "v1,", &wrong, &right[..right.len() - 4], &right[3..], &right.replace("v1", "v2")] {
        assert_eq!(answers(&timestamp, signature, BODY), (false, false), "{signature}");
    }
    assert_eq!(answers(&timestamp, &right, b"{}"), (false, false));
    // Far enough from the limit that a slow machine does not matter.
    for offset in [-900, 900] {
        let timestamp = (now.timestamp() + offset).to_string();
        assert_eq!(answers(&timestamp, &entry(NEW, ID, &timestamp, BODY), BODY), (false, false), "{offset}");
    }
}

proptest! {
    #[test]
    fn what_the_reference_signs_is_taken_here(
        key in prop::collection::vec(any::<u8>(), 16..80),
        id in "[A-Za-z0-9_-]{1,64}",
        offset in -300..=300_i64,
        body in ".{0,200}",
    ) {
        use base64::Engine;
        let secret = format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(&key));
        let timestamp = now().timestamp() + offset;
        let signature = Webhook::new(&secret).unwrap().sign(&id, timestamp, body.as_bytes()).unwrap();
        prop_assert_eq!(&signature, &entry(&key, &id, &timestamp.to_string(), body.as_bytes()));
        let headers = standard_with(&id, &timestamp.to_string(), &signature);
        let proof = policy(&format!("a:{secret}"), false).verify(&headers, body.as_bytes(), now());
        prop_assert_eq!(proof, proof_of(&id, "a"));
    }

    #[test]
    fn one_bit_turned_round_is_refused(
        id in "[A-Za-z0-9_-]{1,64}",
        offset in -300..=300_i64,
        body in prop::collection::vec(any::<u8>(), 1..200),
        place in any::<prop::sample::Index>(),
    ) {
        let policy = policy(SECRETS, false);
        let timestamp = (now().timestamp() + offset).to_string();
        let signature = entry(OLD, &id, &timestamp, &body);
        let standard = standard_with(&id, &timestamp, &signature);
        let legacy = headers(&[("x-payment-signature", &legacy_value(OLD, &body))]);
        prop_assert!(policy.verify(&standard, &body, now()).is_ok());
        prop_assert!(policy.verify(&legacy, &body, now()).is_ok());
        for (headers, name) in [
            (&standard, None),
            (&standard, Some("webhook-id")),
            (&standard, Some("webhook-timestamp")),
            (&standard, Some("webhook-signature")),
            (&legacy, None),
        ] {
            let length = name.map_or(body.len(), |name| headers[name].len());
            let bit = place.index(length * 8);
            prop_assert!(refuses_flipped(&policy, now(), (headers, &body), name, bit), "{:?} bit {}", name, bit);
        }
    }

    #[test]
    fn a_legacy_signature_with_another_digit_is_refused(place in 0..64_usize, digit in "[0-9a-f]") {
        let mut value = legacy_value(NEW, BODY);
        let place = "sha256=".len() + place;
        prop_assume!(value[place..=place] != digit);
        value.replace_range(place..=place, &digit);
        prop_assert_eq!(verify(&headers(&[("x-payment-signature", &value)]), BODY), no_match("x-payment-signature"));
    }

    #[test]
    fn headers_that_nobody_signed_are_refused_without_a_panic(
        id in "[ -~]{0,80}", timestamp in "[ -~]{0,30}", signature in "(v1,|[ -~]){0,200}",
    ) {
        prop_assert!(verify(&standard_with(&id, &timestamp, &signature), BODY).is_err());
        prop_assert!(verify(&headers(&[("x-payment-signature", &signature)]), BODY).is_err());
    }
}
