//! Recorded events as projectors want them: read once, whoever needs them.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::comparison::{Comparison, ComparisonEvent};
use domain::delivery::{Delivery, DeliveryEvent};
use domain::payment::{Payment, PaymentEvent};
use domain::team::{Team, TeamEvent};
use domain::usage::{Usage, UsageEvent, UsageId};
use domain::{DeliveryId, EventId, PaymentId, TeamId};
use store::codec::decode;
use store::{Position, Recorded};

/// A recorded event, understood.
#[derive(Debug)]
pub struct ProjectedEvent {
    /// Its place in the log.
    pub position: Position,
    /// Its own name.
    pub event_id: EventId,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// What it says.
    pub body: Body,
}

/// What an event says.
#[derive(Debug)]
pub enum Body {
    /// Of one month of one project.
    Usage(UsageId, UsageEvent),
    /// Of one month of one project's traffic that is not billed.
    Comparison(UsageId, ComparisonEvent),
    /// Of a team.
    Team(TeamId, TeamEvent),
    /// Of a payment.
    Payment(PaymentId, PaymentEvent),
    /// Of a mail or a webhook.
    Delivery(DeliveryId, DeliveryEvent),
    /// Of an aggregate that no read model is made of.
    Other,
    /// It should be one of the above and cannot be understood: those who need it stop here.
    Unreadable {
        /// Which aggregate's.
        aggregate_type: String,
        /// Why, with its position.
        error: String,
    },
}

impl Body {
    /// The aggregate whose event it is; none: one that no read model is made of.
    #[must_use]
    pub fn aggregate_type(&self) -> Option<&str> {
        match self {
            Self::Usage(..) => Some(Usage::TYPE),
            Self::Comparison(..) => Some(Comparison::TYPE),
            Self::Team(..) => Some(Team::TYPE),
            Self::Payment(..) => Some(Payment::TYPE),
            Self::Delivery(..) => Some(Delivery::TYPE),
            Self::Other => None,
            Self::Unreadable { aggregate_type, .. } => Some(aggregate_type),
        }
    }
}

impl ProjectedEvent {
    /// Understands a recorded event.
    #[must_use]
    pub fn of(recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            event_id: EventId::from_bytes(*recorded.event_id.as_bytes()),
            recorded_at: recorded.recorded_at,
            body: body(recorded).unwrap_or_else(|error| Body::Unreadable {
                aggregate_type: recorded.stream.aggregate_type.to_string(),
                error,
            }),
        }
    }

    /// What happened to a team, if it is that.
    #[must_use]
    pub fn of_team(&self) -> Option<(TeamId, &TeamEvent)> {
        match &self.body {
            Body::Team(team, event) => Some((*team, event)),
            Body::Usage(..)
            | Body::Payment(..)
            | Body::Comparison(..)
            | Body::Delivery(..)
            | Body::Other
            | Body::Unreadable { .. } => None,
        }
    }
}

fn body(recorded: &Recorded) -> Result<Body, String> {
    let id = &recorded.stream.aggregate_id;
    let no_id = |error: domain::IdError| format!("`{id}` at position {}: {error}", recorded.position);
    let explain = |error: store::codec::CodecError| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    match recorded.stream.aggregate_type.as_ref() {
        Usage::TYPE => Ok(Body::Usage(id.parse().map_err(no_id)?, decode(recorded).map_err(explain)?)),
        Comparison::TYPE => {
            Ok(Body::Comparison(id.parse().map_err(no_id)?, decode(recorded).map_err(explain)?))
        }
        Team::TYPE => Ok(Body::Team(id.parse().map_err(no_id)?, decode(recorded).map_err(explain)?)),
        Payment::TYPE => Ok(Body::Payment(id.parse().map_err(no_id)?, decode(recorded).map_err(explain)?)),
        Delivery::TYPE => Ok(Body::Delivery(id.parse().map_err(no_id)?, decode(recorded).map_err(explain)?)),
        _ => Ok(Body::Other),
    }
}
