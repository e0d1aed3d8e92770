//! Given, when, then for a service key.

use chrono::{DateTime, Utc};

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn create(scopes: &[Scope], expires_at: Option<&str>) -> ServiceKeyCommand {
    ServiceKeyCommand::Create {
        name: "edge".into(),
        hash: "00".repeat(32),
        scopes: scopes.to_vec(),
        at: at("2026-11-01T00:00:00Z"),
        expires_at: expires_at.map(at),
    }
}

fn revoke() -> ServiceKeyCommand {
    ServiceKeyCommand::Revoke { at: at("2026-11-02T00:00:00Z") }
}

#[test]
fn a_key_is_created_once_and_revoked_for_ever() {
    let mut key = ServiceKey::default();
    assert_eq!(decide(&key, revoke()), Err(ServiceKeyRefusal::Unknown));
    decide(&key, create(&[Scope::UsageWrite], None)).unwrap().iter().for_each(|event| key.evolve(event));
    assert_eq!(decide(&key, create(&[Scope::UsageWrite], None)), Err(ServiceKeyRefusal::Exists));
    decide(&key, revoke()).unwrap().iter().for_each(|event| key.evolve(event));
    assert_eq!(key, ServiceKey::Revoked);
    assert_eq!(decide(&key, revoke()), Ok(vec![]), "revoking twice is harmless");
    assert_eq!(decide(&key, create(&[Scope::UsageWrite], None)), Err(ServiceKeyRefusal::Exists));
}

#[test]
fn keys_that_make_no_sense_are_refused() {
    let key = ServiceKey::default();
    assert_eq!(decide(&key, create(&[], None)), Err(ServiceKeyRefusal::NoScope));
    let expired = create(&[Scope::AuditRead], Some("2026-11-01T00:00:00Z"));
    assert_eq!(decide(&key, expired), Err(ServiceKeyRefusal::ExpiresAtOnce));
}

#[test]
fn scopes_keep_their_text() {
    for scope in Scope::ALL {
        assert_eq!(scope.as_str().parse(), Ok(scope));
        assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
    }
    assert_eq!("usage:read".parse::<Scope>(), Err(ScopeError));
}
