//! What a command makes of a service key.

use super::command::ServiceKeyCommand;
use super::event::{ServiceKeyCreated, ServiceKeyEvent, ServiceKeyRevoked};
use super::refusal::ServiceKeyRefusal;
use super::state::ServiceKey;

/// The events that this command causes; none when it asks for what is so already.
///
/// # Errors
/// [`ServiceKeyRefusal`], and then nothing changes.
pub fn decide(
    key: &ServiceKey,
    command: ServiceKeyCommand,
) -> Result<Vec<ServiceKeyEvent>, ServiceKeyRefusal> {
    match (key, command) {
        (ServiceKey::Unknown, ServiceKeyCommand::Create { name, hash, scopes, at, expires_at }) => {
            create(ServiceKeyCreated { name, hash, scopes, at, expires_at })
        }
        (ServiceKey::Valid | ServiceKey::Revoked, ServiceKeyCommand::Create { .. }) => {
            Err(ServiceKeyRefusal::Exists)
        }
        (ServiceKey::Unknown, ServiceKeyCommand::Revoke { .. }) => Err(ServiceKeyRefusal::Unknown),
        (ServiceKey::Valid, ServiceKeyCommand::Revoke { at }) => {
            Ok(vec![ServiceKeyEvent::ServiceKeyRevoked(ServiceKeyRevoked { at })])
        }
        (ServiceKey::Revoked, ServiceKeyCommand::Revoke { .. }) => Ok(vec![]),
    }
}

fn create(created: ServiceKeyCreated) -> Result<Vec<ServiceKeyEvent>, ServiceKeyRefusal> {
    if created.scopes.is_empty() {
        return Err(ServiceKeyRefusal::NoScope);
    }
    if created.expires_at.is_some_and(|expires_at| expires_at <= created.at) {
        return Err(ServiceKeyRefusal::ExpiresAtOnce);
    }
    Ok(vec![ServiceKeyEvent::ServiceKeyCreated(created)])
}
