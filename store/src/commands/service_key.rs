//! Commands to service keys.

use chrono::{DateTime, Utc};
use domain::service_key::{Scope, ServiceKey, ServiceKeyCommand, decide};

use super::{Actor, CommandError, Commands, Loaded, decide_until_first};
use crate::log::Position;

impl Commands {
    /// The key is valid from now on. `hash` is the SHA-256 of its secret in hex.
    ///
    /// # Errors
    /// [`ServiceKeyRefusal`](domain::service_key::ServiceKeyRefusal), and what any command may meet.
    pub async fn create_service_key(
        &self,
        actor: &Actor,
        id: &str,
        hash: &str,
        name: &str,
        scopes: &[Scope],
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Position, CommandError> {
        let command = ServiceKeyCommand::Create {
            name: name.into(),
            hash: hash.into(),
            scopes: scopes.to_vec(),
            at: self.clock.now(),
            expires_at,
        };
        decide_until_first!(self.to_service_key(actor, id, command.clone()))
    }

    /// The key is valid no more.
    ///
    /// # Errors
    /// [`ServiceKeyRefusal`](domain::service_key::ServiceKeyRefusal), and what any command may meet.
    pub async fn revoke_service_key(&self, actor: &Actor, id: &str) -> Result<Position, CommandError> {
        let command = ServiceKeyCommand::Revoke { at: self.clock.now() };
        decide_until_first!(self.to_service_key(actor, id, command.clone()))
    }

    async fn to_service_key(
        &self,
        actor: &Actor,
        id: &str,
        command: ServiceKeyCommand,
    ) -> Result<Position, CommandError> {
        let loaded: Loaded<ServiceKey> = self.load(id).await?;
        let decided = loaded.decided(&decide(&loaded.state, command)?)?;
        self.record(actor, vec![decided], vec![]).await
    }
}
