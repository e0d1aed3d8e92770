//! What is taken for a user token, and above all what is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use ring::{hmac, signature};
use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-23T12:00:00Z";
/// An RSA key's modulus and a token that its private half, which was thrown away, has signed for user 7.
const RSA_MODULUS: &str = "z5WcNDFFB7LXE9LuV9M4EHc03_k4siB1tFJajhhGK39FThkTNaYqAVuE_S_CHZUa8hKgje8MXXEzwIJPIseIlqbnwf7KNIM6mMVsL4EpmYs4W9_Ivnkms-YRfxYjfrcJlfduzWpkPV3PZbG5WxDKsujulbYV7RmgVcTiIe-6Hv_e790O7v4lG3UpUXOy1rd5twRlOxt0NJNtVKkMip0KpzU6ZyL4L914X3USkDPI3Qplk8o7UZCRmumj3pqDjWJ4pIoollOeaGGtm2Ro-H0RH0nJXb48qrfBN7v9HT8-N_hloOQvvzU_JRdhlsfo8pmsGd_T0NbEM2IkGm1nP-OIow";
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzYS0xIn0.eyJzdWIiOiI3IiwiaXNzIjoiZGV2cHVzaC1hcHAiLCJhdWQiOlsiZGV2cHVzaC13ZWIiLCJvdGhlciJdLCJleHAiOjQxMDI0NDQ4MDB9.G1g_bPdUjMwwSd7NE06VejxHfBIdtW7-sT64Ri6w2TXoqtmd9AhSUj968c-qi7dcL_Wg4JQPydzOD3ckeWy89rFHPa4BsdpMpYL-NcVe-SJlaahak7kWYxqGGHU434SM7GCaysjoR0oqNUY4RpyOSissfzJ09sRbV_jwfWkX2LvtCll_Pqm5D99BTLOtI8tkEe1_eIYhKaS3-2TYd5rE2TxhuGEE2Dp_tO9i5rJ9JgP6cM7akdBXq9tmNYNlzfrNzJTf4WcUjlQWC6ZEkkKKdboz3gslmYNgPMiS-DtrsMz1uBqS5044nQhFw-_RwDzmXGLf5OJgFDae9BG_hZEjdA";

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn secret() -> SecretString {
    SecretString::from("a secret of the PaaS")
}

fn by_secret() -> TokenVerifier {
    TokenVerifier::new(TokenConfig::default(), Some(&secret()), None, Arc::new(now))
}

fn invalid(verified: Result<UserId, TokenError>) -> &'static str {
    match verified {
        Err(TokenError::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn claims() -> Value {
    json!({
        "sub": 1, "type": "auth_token", "iss": "devpush-app", "aud": "devpush-web",
        "iat": now().timestamp(), "exp": now().timestamp() + 3600,
    })
}

/// The claims, with one of them replaced; null takes it away.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    all.remove(name);
    if !value.is_null() {
        all.insert(name.into(), value);
    }
    claims
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn hs256_by(key: &[u8], header: &Value, claims: &Value) -> String {
    token(header, claims, |message| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
    })
}

fn hs256(claims: &Value) -> String {
    hs256_by(secret().expose_secret().as_bytes(), &json!({ "alg": "HS256", "typ": "JWT" }), claims)
}

#[tokio::test]
async fn a_minted_token_is_its_user_s() {
    let ttl = Duration::from_secs(3600);
    let token = mint(&TokenConfig::default(), &secret(), UserId(42), ttl, now()).unwrap();
    assert_eq!(by_secret().verify(&token).await, Ok(UserId(42)));
}

#[tokio::test]
async fn the_paas_s_own_token_is_taken() {
    assert_eq!(by_secret().verify(&hs256(&claims())).await, Ok(UserId(1)));
    assert_eq!(by_secret().verify(&hs256(&with("sub", json!("12")))).await, Ok(UserId(12)));
    assert_eq!(by_secret().verify(&hs256(&with("aud", json!(["x", "devpush-web"])))).await, Ok(UserId(1)));
    assert_eq!(by_secret().verify(&hs256(&with("exp", json!(4_102_444_800.5)))).await, Ok(UserId(1)));
}

#[tokio::test]
async fn wrong_claims_are_refused() {
    let cases = [
        ("exp", json!(null)),
        ("exp", json!("4102444800")),
        ("exp", json!(true)),
        ("exp", json!(-1)),
        ("nbf", json!(now().timestamp() + 61)),
        ("iss", json!("somebody")),
        ("iss", json!(null)),
        ("aud", json!("somebody")),
        ("aud", json!([])),
        ("aud", json!(null)),
        ("type", json!("email_change")),
        ("type", json!(null)),
        ("sub", json!(null)),
        ("sub", json!("")),
        ("sub", json!("01")),
        ("sub", json!("+1")),
        ("sub", json!("alice")),
        ("sub", json!(1.5)),
        ("sub", json!("9223372036854775808")),
    ];
    for (name, value) in cases {
        invalid(by_secret().verify(&hs256(&with(name, value.clone()))).await);
    }
    let twice = claims().to_string().replacen('{', "{\"sub\":2,", 1);
    let message = format!("{}.{}", part(&json!({ "alg": "HS256" })), URL_SAFE_NO_PAD.encode(twice));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret().expose_secret().as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes())));
    invalid(by_secret().verify(&token).await);
}

#[tokio::test]
async fn a_token_ends_a_minute_after_its_time() {
    let shown = Arc::new(Mutex::new(now()));
    let clock = Arc::clone(&shown);
    let verifier = TokenVerifier::new(
        TokenConfig::default(),
        Some(&secret()),
        None,
        Arc::new(move || *clock.lock().unwrap()),
    );
    let token = hs256(&with("exp", json!(now().timestamp())));
    *shown.lock().unwrap() = now() + TimeDelta::seconds(59);
    assert_eq!(verifier.verify(&token).await, Ok(UserId(1)));
    *shown.lock().unwrap() = now() + TimeDelta::seconds(60);
    assert_eq!(invalid(verifier.verify(&token).await), "it has expired");
}

#[tokio::test]
async fn wrong_signatures_and_algorithms_are_refused() {
    let verifier = by_secret();
    let good = hs256(&claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let other = hs256_by(b"another secret", &json!({ "alg": "HS256" }), &claims());
    assert_eq!(invalid(verifier.verify(&other).await), "its signature is wrong");
    for forged in [
        format!("{message}."),
        message.to_owned(),
        format!("{good}.x"),
        String::new(),
        "x".into(),
        token(&json!({ "alg": "none" }), &claims(), |_| vec![]),
        token(&json!({ "alg": "None" }), &claims(), |_| vec![]),
        hs256_by(secret().expose_secret().as_bytes(), &json!({ "alg": "HS512" }), &claims()),
        hs256_by(secret().expose_secret().as_bytes(), &json!({ "alg": "HS256", "crit": ["exp"] }), &claims()),
    ] {
        invalid(verifier.verify(&forged).await);
    }
}

/// An identity provider whose key set can be changed, and which counts how often it is asked.
struct Provider {
    set: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
    verifier: TokenVerifier,
}

async fn provider(set: Value) -> Provider {
    // As the binary does at its start.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (set, asked) = (Arc::new(Mutex::new(set)), Arc::new(AtomicUsize::new(0)));
    let (served, counted) = (Arc::clone(&set), Arc::clone(&asked));
    let answer = move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        served.lock().unwrap().to_string()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/jwks.json", get(answer))).await });
    let jwks = Jwks::new(url).unwrap();
    let verifier = TokenVerifier::new(TokenConfig::default(), Some(&secret()), Some(jwks), Arc::new(now));
    Provider { set, asked, verifier }
}

fn rsa_key() -> Value {
    json!({ "kty": "RSA", "kid": "rsa-1", "use": "sig", "alg": "RS256", "n": RSA_MODULUS, "e": "AQAB" })
}

fn ed_pair() -> (Ed25519KeyPair, Value) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    (pair, json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed-1", "x": x }))
}

fn ed_token(pair: &Ed25519KeyPair, header: &Value) -> String {
    token(header, &with("type", json!(null)), |message| pair.sign(message).as_ref().to_vec())
}

#[tokio::test]
async fn an_identity_provider_s_keys_check_their_own_algorithms() {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let ec_key = json!({ "kty": "EC", "crv": "P-256", "kid": "ec-1", "x": x, "y": y });
    let (ed, ed_key) = ed_pair();
    let unknown = json!({ "kty": "EC", "crv": "secp256k1", "kid": "k", "x": "AA", "y": "AA" });
    let provider = provider(json!({ "keys": [unknown, rsa_key(), ec_key, ed_key] })).await;

    assert_eq!(provider.verifier.verify(RSA_TOKEN).await, Ok(UserId(7)));
    let es256 = |message: &[u8]| -> Vec<u8> {
        let signed: signature::Signature = ec.sign(&random, message).unwrap();
        signed.as_ref().to_vec()
    };
    let good = token(&json!({ "alg": "ES256", "kid": "ec-1" }), &claims(), es256);
    assert_eq!(provider.verifier.verify(&good).await, Ok(UserId(1)));
    let good = ed_token(&ed, &json!({ "alg": "EdDSA", "kid": "ed-1" }));
    assert_eq!(provider.verifier.verify(&good).await, Ok(UserId(1)));
    let good = ed_token(&ed, &json!({ "alg": "EdDSA" }));
    assert_eq!(provider.verifier.verify(&good).await, Ok(UserId(1)), "one key fits: it needs no id");
    assert_eq!(provider.verifier.verify(&hs256(&claims())).await, Ok(UserId(1)), "the secret goes on");
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);

    let typed = token(&json!({ "alg": "EdDSA", "kid": "ed-1" }), &with("type", json!("invite")), |message| {
        ed.sign(message).as_ref().to_vec()
    });
    assert_eq!(invalid(provider.verifier.verify(&typed).await), "it is of another type");
    let forged = RSA_TOKEN.replacen("eyJzdWIiOiI3", "eyJzdWIiOiI4", 1);
    assert_ne!(forged, RSA_TOKEN);
    assert_eq!(invalid(provider.verifier.verify(&forged).await), "its signature is wrong");
}

#[tokio::test]
async fn a_public_key_is_never_taken_for_a_secret() {
    let (ed, ed_key) = ed_pair();
    let secret =
        json!({ "kty": "oct", "kid": "oct-1", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode("known to all") });
    let provider = provider(json!({ "keys": [rsa_key(), ed_key, secret] })).await;
    let modulus = URL_SAFE_NO_PAD.decode(RSA_MODULUS).unwrap();
    for (key, id) in [
        (b"known to all".as_slice(), "oct-1"),
        (&modulus, "rsa-1"),
        (RSA_MODULUS.as_bytes(), "rsa-1"),
        (ed.public_key().as_ref(), "ed-1"),
    ] {
        let forged = hs256_by(key, &json!({ "alg": "HS256", "kid": id }), &claims());
        assert_eq!(invalid(provider.verifier.verify(&forged).await), "its signature is wrong");
    }
    // A good signature under another algorithm's name.
    for alg in ["RS256", "ES256"] {
        invalid(provider.verifier.verify(&ed_token(&ed, &json!({ "alg": alg, "kid": "ed-1" }))).await);
    }
}

#[tokio::test]
async fn keys_for_other_uses_check_nothing() {
    for change in [json!({ "use": "enc" }), json!({ "alg": "RS512" }), json!({ "alg": "HS256" })] {
        let mut key = rsa_key();
        key.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let provider = provider(json!({ "keys": [key] })).await;
        assert_eq!(
            invalid(provider.verifier.verify(RSA_TOKEN).await),
            "it is signed by a key that is not known"
        );
    }
}

#[tokio::test]
async fn an_unknown_key_makes_us_ask_again_but_not_at_will() {
    let provider = provider(json!({ "keys": [] })).await;
    for _ in 0..5 {
        assert_eq!(
            invalid(provider.verifier.verify(RSA_TOKEN).await),
            "it is signed by a key that is not known"
        );
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    *provider.set.lock().unwrap() = json!({ "keys": [rsa_key()] });
    provider.verifier.jwks.as_ref().unwrap().let_a_minute_pass().await;
    assert_eq!(provider.verifier.verify(RSA_TOKEN).await, Ok(UserId(7)));
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn who_hangs_up_takes_the_keys_from_nobody() {
    let provider = provider(json!({ "keys": [rsa_key()] })).await;
    assert_eq!(provider.verifier.verify(RSA_TOKEN).now_or_never(), None);
    assert_eq!(provider.verifier.verify(RSA_TOKEN).await, Ok(UserId(7)));
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_was_fetched_outlives_a_provider_that_fails() {
    let provider = provider(json!({ "keys": [rsa_key()] })).await;
    assert_eq!(provider.verifier.verify(RSA_TOKEN).await, Ok(UserId(7)));
    *provider.set.lock().unwrap() = json!("no key set");
    provider.verifier.jwks.as_ref().unwrap().let_a_minute_pass().await;
    let (_, other) = ed_pair();
    let header = json!({ "alg": "EdDSA", "kid": other["kid"] });
    invalid(provider.verifier.verify(&ed_token(&ed_pair().0, &header)).await);
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    assert_eq!(provider.verifier.verify(RSA_TOKEN).await, Ok(UserId(7)));
}

#[tokio::test]
async fn a_key_that_was_withdrawn_ends() {
    let provider = provider(json!({ "keys": [rsa_key()] })).await;
    assert_eq!(provider.verifier.verify(RSA_TOKEN).await, Ok(UserId(7)));
    *provider.set.lock().unwrap() = json!({ "keys": [] });
    assert_eq!(provider.verifier.verify(RSA_TOKEN).await, Ok(UserId(7)), "it is not asked for every token");
    provider.verifier.jwks.as_ref().unwrap().let_them_age().await;
    let why = invalid(provider.verifier.verify(RSA_TOKEN).await);
    assert_eq!(why, "it is signed by a key that is not known");
}

#[tokio::test]
async fn without_a_key_set_nobody_is_refused_for_good() {
    let provider = provider(json!("no key set")).await;
    assert_eq!(provider.verifier.verify(RSA_TOKEN).await, Err(TokenError::KeysUnavailable));
}
