//! Events to JSON and back. A payload is the event with its name around it, as cqrs-es writes it:
//! `{"TrafficRecorded":{...}}`, so that the stock repositories read what we write and the reverse.
//!
//! Every version ever written stays readable: `decode` is the one place where an old version is turned into the
//! present one, and `domain/golden` holds one example of each, which a test reads back.

use cqrs_es::DomainEvent;

use crate::log::{NewEvent, Recorded};

/// Why an event cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// It cannot be turned into JSON.
    #[error("cannot write a {event_type} as JSON")]
    Encode {
        /// The event's type.
        event_type: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The recorded JSON is no such event.
    #[error("cannot read the {event_type} (version {event_version}) at position {position}")]
    Decode {
        /// Where it stands.
        position: u64,
        /// The event's type.
        event_type: String,
        /// The version it was written in.
        event_version: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Written by a newer Servelink.
    #[error(
        "the {event_type} at position {position} has version {event_version}, which this Servelink does not know: \
         it was written by a newer one"
    )]
    UnknownVersion {
        /// Where it stands.
        position: u64,
        /// The event's type.
        event_type: String,
        /// The version it was written in.
        event_version: String,
    },
}

/// The event as the log takes it.
///
/// # Errors
/// [`CodecError::Encode`].
pub fn encode<E: DomainEvent>(event: &E) -> Result<NewEvent, CodecError> {
    let event_type = event.event_type();
    match serde_json::to_string(event) {
        Ok(payload) => Ok(NewEvent {
            event_type: event_type.into(),
            event_version: event.event_version().into(),
            payload,
        }),
        Err(source) => Err(CodecError::Encode { event_type, source }),
    }
}

/// The event that was recorded.
///
/// # Errors
/// [`CodecError::Decode`] and [`CodecError::UnknownVersion`].
pub fn decode<E: DomainEvent>(recorded: &Recorded) -> Result<E, CodecError> {
    if recorded.event_version != "1" {
        return Err(CodecError::UnknownVersion {
            position: recorded.position.0,
            event_type: recorded.event_type.to_string(),
            event_version: recorded.event_version.to_string(),
        });
    }
    serde_json::from_str(&recorded.payload).map_err(|source| CodecError::Decode {
        position: recorded.position.0,
        event_type: recorded.event_type.to_string(),
        event_version: recorded.event_version.to_string(),
        source,
    })
}
