//! Service keys: `slk_<id>_<secret>`, how one is made and how one is checked.
//!
//! The id finds the key among the known facts, and is no secret. Of the secret (256 random bits) only the SHA-256 is
//! stored: it leads nowhere, and a slow password hash would protect nothing here but cost every request.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::service_key::Scope;
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::Clock;
use store::commands::Actor;
use store::known::{Facts, Known, KnownError};
use subtle::ConstantTimeEq;

/// What every key begins with, so that secret scanners know one when they see it.
const PREFIX: &str = "slk_";
/// Compared with when there is no such key, so that the answer takes as long. No text has it as its SHA-256 in hex.
const NO_HASH: &str = "----------------------------------------------------------------";
/// How often an unknown id may make us read on in the log.
const READ_ON_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// A key that was just made. Its text is shown once and kept nowhere.
pub struct NewServiceKey {
    /// Its id: 12 characters of `0-9a-f`.
    pub id: String,
    /// The key itself, `slk_<id>_<secret>`.
    pub key: SecretString,
    /// SHA-256 of the secret, in hex: what is stored.
    pub hash: String,
}

/// Makes a new key. It is valid once it is recorded (`Commands::create_service_key`).
#[must_use]
pub fn generate() -> NewServiceKey {
    let mut random = [0; 38];
    rand::rng().fill_bytes(&mut random);
    let (id, secret) = random.split_at(6);
    let (id, secret) = (hex::encode(id), hex::encode(secret));
    let hash = hash(&secret);
    NewServiceKey { key: SecretString::from(format!("{PREFIX}{id}_{secret}")), id, hash }
}

impl NewServiceKey {
    /// The key itself, for the one time it is shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.key.expose_secret()
    }
}

fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Why a key does not open a route.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a key, or unknown, expired or revoked: which of them is nobody's business.
    #[error("the service key is unknown, expired or revoked")]
    Invalid,
    /// Valid, for something else.
    #[error("the service key lacks the scope {0}")]
    MissingScope(Scope),
    /// The log cannot be read.
    #[error(transparent)]
    Unreadable(#[from] KnownError),
}

/// Tells who holds a service key.
pub struct KeyVerifier {
    known: Arc<Known>,
    clock: Arc<dyn Clock>,
    /// When an unknown id last made us read on.
    read_on: Mutex<Option<Instant>>,
}

impl KeyVerifier {
    /// A verifier over what is known.
    #[must_use]
    pub fn new(known: Arc<Known>, clock: Arc<dyn Clock>) -> Self {
        Self { known, clock, read_on: Mutex::new(None) }
    }

    /// The holder of this key, when it is valid for this.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn verify(&self, key: &str, scope: Scope) -> Result<Actor, KeyError> {
        let (id, secret) =
            key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(KeyError::Invalid)?;
        if !self.known.facts().keys.contains_key(id) && self.may_read_on() {
            // Another process may have made it a moment ago.
            self.known.catch_up().await?;
        }
        check(&self.known.facts(), id, secret, scope, self.clock.now())?;
        Ok(Actor(format!("service_key:{id}")))
    }

    /// Whether it is time again; if so, it is not for a while.
    fn may_read_on(&self) -> bool {
        let Ok(mut last) = self.read_on.lock() else { return false };
        let due = last.is_none_or(|last| last.elapsed() >= READ_ON_AT_MOST_EVERY);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

fn check(facts: &Facts, id: &str, secret: &str, scope: Scope, now: DateTime<Utc>) -> Result<(), KeyError> {
    let known = facts.keys.get(id);
    let stored = known.map_or(NO_HASH, |key| key.hash.as_str());
    let same: bool = hash(secret).as_bytes().ct_eq(stored.as_bytes()).into();
    let key = known.filter(|_| same).ok_or(KeyError::Invalid)?;
    let expired = key.expires_at.is_some_and(|expires_at| expires_at <= now);
    if expired || key.revoked_at.is_some() {
        return Err(KeyError::Invalid);
    }
    if key.scopes.contains(&scope) { Ok(()) } else { Err(KeyError::MissingScope(scope)) }
}

#[cfg(test)]
mod tests {
    use store::memory::{MemoryDisk, MemoryLog};
    use store::subjects::Subjects;
    use store::{EventLog, commands::Commands};

    use super::*;

    const SCOPES: &[Scope] = &[Scope::UsageWrite];

    struct Setup {
        commands: Commands,
        verifier: KeyVerifier,
        now: Arc<Mutex<DateTime<Utc>>>,
    }

    /// Commands and verifier do not share what they know, like two processes over one log.
    async fn setup() -> Setup {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::open(&MemoryDisk::default()));
        let now = Arc::new(Mutex::new("2026-11-23T12:00:00Z".parse().unwrap()));
        let shown = Arc::clone(&now);
        let clock: Arc<dyn Clock> = Arc::new(move || *shown.lock().unwrap());
        let elsewhere = Known::open(Arc::clone(&log)).await.unwrap();
        let here = Known::open(Arc::clone(&log)).await.unwrap();
        let subjects = Subjects::in_memory().await.unwrap();
        let commands = Commands::new(log, elsewhere, Arc::default(), Arc::clone(&clock), subjects);
        Setup { commands, verifier: KeyVerifier::new(here, clock), now }
    }

    impl Setup {
        async fn key(&self, expires_at: Option<DateTime<Utc>>) -> NewServiceKey {
            let key = generate();
            let actor = Actor("cli".into());
            self.commands
                .create_service_key(&actor, &key.id, &key.hash, "test", SCOPES, expires_at)
                .await
                .unwrap();
            key
        }
    }

    #[test]
    fn keys_are_of_the_form_and_never_the_same() {
        let (one, other) = (generate(), generate());
        assert_ne!(one.expose(), other.expose());
        let (id, secret) = one.expose().strip_prefix("slk_").unwrap().split_once('_').unwrap();
        assert_eq!((id, id.len(), secret.len()), (one.id.as_str(), 12, 64));
        assert_eq!(hash(secret), one.hash);
    }

    #[tokio::test]
    async fn a_key_made_by_another_process_is_valid_at_once() {
        let setup = setup().await;
        let key = setup.key(None).await;
        let actor = setup.verifier.verify(key.expose(), Scope::UsageWrite).await.unwrap();
        assert_eq!(actor.0, format!("service_key:{}", key.id));
    }

    #[tokio::test]
    async fn unknown_ids_make_us_read_on_once_a_second_at_most() {
        let setup = setup().await;
        assert!(matches!(setup.verifier.verify("slk_0_0", Scope::UsageWrite).await, Err(KeyError::Invalid)));
        let key = setup.key(None).await;
        assert!(matches!(
            setup.verifier.verify(key.expose(), Scope::UsageWrite).await,
            Err(KeyError::Invalid)
        ));
        *setup.verifier.read_on.lock().unwrap() = None;
        assert!(setup.verifier.verify(key.expose(), Scope::UsageWrite).await.is_ok());
    }

    #[tokio::test]
    async fn wrong_secrets_and_other_scopes_are_refused() {
        let setup = setup().await;
        let key = setup.key(None).await;
        let other = generate();
        let secret = other.expose().rsplit('_').next().unwrap();
        for wrong in
            [format!("slk_{}_{secret}", key.id), format!("slk_{}_", key.id), key.id.clone(), String::new()]
        {
            let refused = setup.verifier.verify(&wrong, Scope::UsageWrite).await;
            assert!(matches!(refused, Err(KeyError::Invalid)), "{wrong}");
        }
        let refused = setup.verifier.verify(key.expose(), Scope::DirectoryWrite).await;
        assert!(matches!(refused, Err(KeyError::MissingScope(Scope::DirectoryWrite))));
    }

    #[tokio::test]
    async fn an_expired_key_is_refused_from_its_last_instant_on() {
        let setup = setup().await;
        let expires_at: DateTime<Utc> = "2026-11-23T13:00:00Z".parse().unwrap();
        let key = setup.key(Some(expires_at)).await;
        assert!(setup.verifier.verify(key.expose(), Scope::UsageWrite).await.is_ok());
        *setup.now.lock().unwrap() = expires_at;
        assert!(matches!(
            setup.verifier.verify(key.expose(), Scope::UsageWrite).await,
            Err(KeyError::Invalid)
        ));
    }

    #[tokio::test]
    async fn a_revoked_key_is_refused() {
        let setup = setup().await;
        let key = setup.key(None).await;
        assert!(setup.verifier.verify(key.expose(), Scope::UsageWrite).await.is_ok());
        setup.commands.revoke_service_key(&Actor("cli".into()), &key.id).await.unwrap();
        setup.verifier.known.catch_up().await.unwrap();
        assert!(matches!(
            setup.verifier.verify(key.expose(), Scope::UsageWrite).await,
            Err(KeyError::Invalid)
        ));
    }
}
