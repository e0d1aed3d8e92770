//! Which scheme decides, and which secrets count; what is common to the tests of both schemes.

mod forms;
mod reference;

use http::HeaderValue;
use ring::hmac;

use super::*;
use crate::problem::{Kind, Problem};

const OLD: &[u8] = b"old-0123456789abcdef";
const NEW: &[u8] = b"new-0123456789abcdef";
const RETIRED: &[u8] = b"retired-0123456789ab";
const SECRETS: &str = "new:new-0123456789abcdef,old:old-0123456789abcdef";
const BODY: &[u8] = br#"{"external_payment_id":"ext_1","status":"completed"}"#;
const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00.5Z".parse().unwrap()
}

/// The seconds of now, as a header's value.
fn timestamp() -> String {
    now().timestamp().to_string()
}

fn policy(secrets: &str, unsigned_allowed: bool) -> CallbackPolicy {
    let secrets = parse_secrets(secrets).unwrap();
    CallbackPolicy::new(CallbackConfig { secrets, unsigned_allowed, ..CallbackConfig::default() }).unwrap()
}

fn verify(headers: &HeaderMap, body: &[u8]) -> Result<Proof, SignatureError> {
    policy(SECRETS, false).verify(headers, body, now())
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

/// One `v1` entry.
fn entry(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    use base64::Engine;
    let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(hmac(key, &message)))
}

/// The headers of Standard Webhooks with this signature.
fn standard_with(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
    headers(&[("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)])
}

/// The headers of Standard Webhooks for the usual message, signed now with this key.
fn standard(key: &[u8]) -> HeaderMap {
    standard_with(ID, &timestamp(), &entry(key, ID, &timestamp(), BODY))
}

fn legacy_value(key: &[u8], body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac(key, body)))
}

fn legacy(key: &[u8]) -> HeaderMap {
    headers(&[("x-payment-signature", &legacy_value(key, BODY))])
}

fn both(standard_key: &[u8], legacy_key: &[u8]) -> HeaderMap {
    let mut headers = standard(standard_key);
    headers.extend(legacy(legacy_key));
    headers
}

/// The proof of a message of this id.
fn proof_of(id: &str, kid: &str) -> Result<Proof, SignatureError> {
    Ok(Proof::Standard { id: WebhookId::parse(id).unwrap(), kid: kid.into() })
}

/// The proof of the usual message.
fn standard_proof(kid: &str) -> Result<Proof, SignatureError> {
    proof_of(ID, kid)
}

fn legacy_proof(kid: &str) -> Result<Proof, SignatureError> {
    Ok(Proof::Legacy { kid: kid.into() })
}

fn no_match<T>(header: &'static str) -> Result<T, SignatureError> {
    Err(SignatureError::NoMatch(header))
}

#[test]
fn the_new_and_the_old_secret_count_and_a_retired_one_does_not() {
    assert_eq!(verify(&standard(NEW), BODY), standard_proof("new"));
    assert_eq!(verify(&standard(OLD), BODY), standard_proof("old"));
    assert_eq!(verify(&standard(RETIRED), BODY), no_match("webhook-signature"));
    assert_eq!(verify(&legacy(NEW), BODY), legacy_proof("new"));
    assert_eq!(verify(&legacy(OLD), BODY), legacy_proof("old"));
    assert_eq!(verify(&legacy(RETIRED), BODY), no_match("x-payment-signature"));
}

#[test]
fn a_sender_that_changes_secrets_signs_with_both() {
    let entry = |key| entry(key, ID, &timestamp(), BODY);
    let signed = |entries: [String; 2]| verify(&standard_with(ID, &timestamp(), &entries.join(" ")), BODY);
    assert_eq!(signed([entry(RETIRED), entry(OLD)]), standard_proof("old"));
    assert_eq!(signed([entry(OLD), entry(RETIRED)]), standard_proof("old"));
    assert_eq!(signed([entry(OLD), entry(NEW)]), standard_proof("new"));
    assert_eq!(signed([entry(RETIRED), entry(RETIRED)]), no_match("webhook-signature"));
}

#[test]
fn where_both_schemes_sign_both_must_be_right() {
    assert_eq!(verify(&both(NEW, OLD), BODY), standard_proof("new"));
    assert_eq!(verify(&both(NEW, RETIRED), BODY), no_match("x-payment-signature"));
    assert_eq!(verify(&both(RETIRED, NEW), BODY), no_match("webhook-signature"));
}

#[test]
fn a_legacy_signature_never_stands_in_for_the_standard() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        // What is left of the standard decides.
        let mut headers = both(NEW, NEW);
        headers.remove(name);
        assert_eq!(verify(&headers, BODY), Err(SignatureError::Missing(name)));
        // Nothing of the standard is there but this.
        let mut headers = legacy(NEW);
        headers.insert(name, HeaderValue::from_static("x"));
        assert!(matches!(verify(&headers, BODY), Err(SignatureError::Missing(_))), "{name}");
    }
    let mut headers = standard(NEW);
    headers.insert("x-payment-signature", HeaderValue::from_static("nonsense"));
    assert!(matches!(verify(&headers, BODY), Err(SignatureError::Malformed { .. })));
}

#[test]
fn a_message_of_one_scheme_is_none_of_the_other() {
    use base64::Engine;
    // What was signed by one scheme, sent by the other as if it were that one's: the signature is right, but then the
    // body is no JSON object.
    let message = [ID.as_bytes(), b".", timestamp().as_bytes(), b".", BODY].concat();
    let replayed = headers(&[("x-payment-signature", &legacy_value(NEW, &message))]);
    assert_eq!(verify(&replayed, &message), legacy_proof("new"));
    assert!(serde_json::from_slice::<serde_json::Value>(&message).is_err());
    let signature = format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(hmac(NEW, BODY)));
    let replayed = standard_with(ID, &timestamp(), &signature);
    assert_eq!(verify(&replayed, BODY), no_match("webhook-signature"));
}

#[test]
fn unsigned_callbacks_come_in_by_name_only() {
    let open = policy("", true);
    assert_eq!(open.verify(&HeaderMap::new(), BODY, now()), Ok(Proof::Unsigned));
    assert_eq!(verify(&HeaderMap::new(), BODY), Err(SignatureError::Unsigned));
    assert_eq!(CallbackPolicy::new(CallbackConfig::default()).unwrap_err(), PolicyError::NoSecret);
}

#[test]
fn a_wrong_signature_is_refused_even_where_none_is_needed() {
    for open in [policy("", true), policy(SECRETS, true)] {
        assert_eq!(open.verify(&standard(RETIRED), BODY, now()), no_match("webhook-signature"));
        assert_eq!(open.verify(&legacy(RETIRED), BODY, now()), no_match("x-payment-signature"));
        let id_only = headers(&[("webhook-id", ID)]);
        let refused = open.verify(&id_only, BODY, now());
        assert_eq!(refused, Err(SignatureError::Missing("webhook-timestamp")));
    }
    // A right one is worth more than none.
    assert_eq!(policy(SECRETS, true).verify(&standard(NEW), BODY, now()), standard_proof("new"));
}

#[test]
fn exactly_one_header_of_each_is_taken() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "x-payment-signature"] {
        let mut headers = both(NEW, NEW);
        // Even the same again.
        headers.append(name, headers[name].clone());
        assert_eq!(verify(&headers, BODY), Err(SignatureError::Repeated(name)));
    }
    let mut headers = legacy(NEW);
    headers.append("x-payment-signature", HeaderValue::from_static("sha256=00"));
    assert_eq!(verify(&headers, BODY), Err(SignatureError::Repeated("x-payment-signature")));
}

#[test]
fn the_policy_asks_for_addresses_too() {
    let config = CallbackConfig {
        unsigned_allowed: true,
        allowed: vec!["198.51.100.0/24".parse().unwrap()],
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..CallbackConfig::default()
    };
    let policy = CallbackPolicy::new(config).unwrap();
    let forwarded = headers(&[("x-forwarded-for", "198.51.100.7")]);
    assert_eq!(policy.check_address(Some("10.0.0.1".parse().unwrap()), &forwarded), Ok(()));
    let refused = policy.check_address(Some("203.0.113.9".parse().unwrap()), &forwarded);
    assert_eq!(refused, Err(AddressRefused::NotAllowed("203.0.113.9".parse().unwrap())));
}

#[test]
fn a_refusal_is_a_problem_that_says_what_is_wrong_and_shows_no_secret() {
    let problem = Problem::from(verify(&standard(RETIRED), BODY).unwrap_err());
    assert_eq!(problem.kind(), Kind::BadSignature);
    assert!(problem.to_string().contains("`webhook-signature`"), "{problem}");
    let problem = Problem::from(AddressRefused::NotAllowed("203.0.113.9".parse().unwrap()));
    assert_eq!(problem.kind(), Kind::AddressRefused);
    assert!(problem.to_string().contains("203.0.113.9"), "{problem}");
    assert!(!format!("{:?}", policy(SECRETS, false)).contains("0123456789abcdef"));
}
