//! The keys of what is sealed in events: one for each person, made when it is first needed, destroyed when the person is
//! to be forgotten. What is done with a key is [`seal`](crate::seal); who asks for one is [`subjects`](crate::subjects).

use domain::UserId;
use rand::RngCore;
use secrecy::{ExposeSecret, SecretBox};
use sqlx::SqlitePool;

use super::{Pool, State, StateError, on};

/// The key of one person: 256 random bits. It is never shown, and wiped from memory when it is dropped.
#[derive(Debug)]
pub(crate) struct SubjectKey(SecretBox<[u8; 32]>);

impl SubjectKey {
    /// A new one.
    pub(crate) fn random() -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; 32]| rand::rng().fill_bytes(bytes)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// The key in this text.
    pub(crate) fn read(hex: &str) -> Result<Self, StateError> {
        let mut bytes = Box::new([0; 32]);
        // What stands there instead is not repeated: it may be most of a key.
        hex::decode_to_slice(hex, &mut bytes[..])
            .map_err(|_| StateError::Corrupt("a key that is not 32 bytes in hex".into()))?;
        Ok(Self(SecretBox::new(bytes)))
    }
}

impl State {
    /// The person's key, if there is one.
    pub(crate) async fn subject_key(&self, user: UserId) -> Result<Option<SubjectKey>, StateError> {
        let sql = "SELECT key FROM state_subject_key WHERE user_id = $1";
        let hex: Option<String> =
            on!(self, pool => sqlx::query_scalar(sql).bind(user.0).fetch_optional(pool).await)?;
        hex.as_deref().map(SubjectKey::read).transpose()
    }

    /// The person's key, which is made if there is none: of nodes that make it at once, all get the first one's.
    pub(crate) async fn make_subject_key(&self, user: UserId) -> Result<SubjectKey, StateError> {
        // The usual case costs no write.
        if let Some(key) = self.subject_key(user).await? {
            return Ok(key);
        }
        let new = hex::encode(SubjectKey::random().bytes());
        // One statement, so that nobody can destroy the key between writing it and reading it.
        let sql = "INSERT INTO state_subject_key (user_id, key) VALUES ($1, $2) \
                   ON CONFLICT (user_id) DO UPDATE SET key = state_subject_key.key RETURNING key";
        let standing: String =
            on!(self, pool => sqlx::query_scalar(sql).bind(user.0).bind(&new).fetch_one(pool).await)?;
        SubjectKey::read(&standing)
    }

    /// The person has no key any more. That there was none is fine.
    pub(crate) async fn destroy_subject_key(&self, user: UserId) -> Result<(), StateError> {
        let sql = "DELETE FROM state_subject_key WHERE user_id = $1";
        on!(self, pool => sqlx::query(sql).bind(user.0).execute(pool).await.map(|_| ()))?;
        match &self.pool {
            Pool::Sqlite(pool) => wipe(pool).await,
            // There it goes as every deleted row does: docs/operations.md.
            Pool::Postgres(_) => Ok(()),
        }
    }
}

/// Leaves nothing of deleted rows in the file or beside it. The connection overwrites what it deletes
/// (`secure_delete`), but copies may stand where a page was divided, and in the write-ahead log.
async fn wipe(pool: &SqlitePool) -> Result<(), StateError> {
    sqlx::query("VACUUM").execute(pool).await?;
    // Whether somebody kept it from its end, and two numbers of pages.
    let held: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(pool).await?;
    if held == 0 { Ok(()) } else { Err(StateError::Held) }
}
