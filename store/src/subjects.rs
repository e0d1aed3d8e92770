//! Persons whose addresses are sealed in events: sealing, opening, telling who comes by a link that was mailed to him, and
//! forgetting a person. The cipher is
//! [`seal`], the keys are [`state`](crate::state)'s; what is said in events when somebody is to be forgotten
//! is [`commands`](crate::commands).

use domain::{EmailAddress, Sealed, TeamId, UserId};
use secrecy::SecretString;

use crate::seal::{self, SealError};
use crate::state::{State, StateError};

/// Seals what is personal and opens it again.
#[derive(Debug, Clone)]
pub struct Subjects {
    state: State,
}

impl Subjects {
    /// With the keys that are kept there.
    #[must_use]
    pub const fn new(state: State) -> Self {
        Self { state }
    }

    /// With keys that end with this process: for tests.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn in_memory() -> Result<Self, StateError> {
        State::in_memory().await.map(Self::new)
    }

    /// Seals this person's address; the first time, that makes a key for him. The same address is sealed alike for as
    /// long as he has that key.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn seal(&self, user: UserId, email: &EmailAddress) -> Result<Sealed, StateError> {
        let key = self.state.make_subject_key(user).await?;
        Ok(seal::seal(&key, user, email.expose())?)
    }

    /// What was sealed for this person; none once he is forgotten, also when he has come back since and has another
    /// key.
    ///
    /// # Errors
    /// [`StateError`]; [`StateError::Sealed`] when it is nothing that sealing gives.
    pub async fn open(&self, user: UserId, sealed: &Sealed) -> Result<Option<SecretString>, StateError> {
        let Some(key) = self.state.subject_key(user).await? else { return Ok(None) };
        match seal::open(&key, user, sealed) {
            Ok(text) => Ok(Some(text)),
            Err(SealError::OtherKey) => Ok(None),
            Err(error @ (SealError::Malformed | SealError::TooLong)) => Err(error.into()),
        }
    }

    /// What a mail to this person can prove itself with when its reader comes back by a link in it: good for this team, as
    /// long as he has that key. None: he has no key, and nothing can be mailed to him.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn token(&self, team: TeamId, user: UserId) -> Result<Option<String>, StateError> {
        Ok(self.state.subject_key(user).await?.map(|key| seal::token(&key, team, user)))
    }

    /// Whether it is [`Subjects::token`]'s, in constant time.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn is_token(&self, team: TeamId, user: UserId, token: &str) -> Result<bool, StateError> {
        let key = self.state.subject_key(user).await?;
        Ok(key.is_some_and(|key| seal::is_token(&key, team, user, token)))
    }

    /// Destroys this person's key: nobody opens what was sealed for him any more. May be repeated.
    ///
    /// # Errors
    /// [`StateError`], and then the key may be there or not.
    pub(crate) async fn erase(&self, user: UserId) -> Result<(), StateError> {
        self.state.destroy_subject_key(user).await
    }
}
