//! All that is recorded of one payment, for whoever has to explain it.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::PaymentId;
use domain::payment::{Payment, PaymentEvent};

use crate::codec::{CodecError, decode};
use crate::log::{EventLog, ReadError, StreamId};

/// Events that are read at a time.
const PAGE: usize = 256;

/// Why a payment's events are not told.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event cannot be understood.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The payment's events and when each was recorded, the oldest first; none when there is no such payment.
///
/// # Errors
/// [`EventsError`].
pub async fn events(
    log: &dyn EventLog,
    id: PaymentId,
) -> Result<Vec<(DateTime<Utc>, PaymentEvent)>, EventsError> {
    let stream = StreamId::new(Payment::TYPE, id.to_string());
    let (mut events, mut after) = (vec![], 0);
    loop {
        let page = log.read_stream(&stream, after, PAGE).await?;
        for recorded in &page {
            after = recorded.sequence;
            events.push((recorded.recorded_at, decode(recorded)?));
        }
        if page.len() < PAGE {
            return Ok(events);
        }
    }
}
