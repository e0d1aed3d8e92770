//! Load, decide, append: how every command but a traffic sample reaches the log.
//!
//! The aggregate is loaded through cqrs-es, its `decide` is asked, and its events are appended at the sequence that
//! the decision rested on. Whoever comes second loads and decides again, a few times. A command that leaves nothing
//! to record answers with the position it was decided at, so that reading one's own writes works the same.

mod delivery;
mod payment;
mod service_key;
mod settlement;
mod source;
mod team;
mod usage;

use std::sync::Arc;

use cqrs_es::persist::PersistedEventStore;
use cqrs_es::{Aggregate, AggregateError, DomainEvent, EventStore};
use domain::RefusalKind;
use domain::delivery::DeliveryRefusal;
use domain::inbox::InboxRefusal;
use domain::payment::PaymentRefusal;
use domain::plan::Catalogue;
use domain::service_key::ServiceKeyRefusal;
use domain::source::SourceRefusal;
use domain::team::TeamRefusal;
use domain::usage::UsageRefusal;
use domain::{ProjectId, Slug};
use tokio::sync::Mutex;
use uuid::Uuid;

pub use payment::{Callback, Initiation, PaymentNow, PaymentWish, Receipt};
pub use settlement::Settlement;
pub use source::CountersCounted;
pub use team::ContactChange;

use crate::clock::Clock;
use crate::codec::{CodecError, encode};
use crate::key::{Digest, KeyId};
use crate::known::{Known, KnownError};
use crate::log::{
    Append, AppendError, Appended, Condition, EventLog, Expected, Key, Position, ReadError, StreamEvents,
    StreamId,
};
use crate::repository::LogRepository;
use crate::state::StateError;
use crate::subjects::Subjects;

/// How often a command that came second decides again before it gives up.
const ATTEMPTS: usize = 8;

/// Who gives a command, as it stands in the metadata of its events: `service_key:ab12`, `cli`, `traefik`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(pub String);

/// Why a command was not carried out. Nothing was recorded, unless it is [`AppendError::Uncertain`].
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A team's refusal.
    #[error(transparent)]
    Team(#[from] TeamRefusal),
    /// A month's refusal.
    #[error(transparent)]
    Usage(#[from] UsageRefusal),
    /// A source's refusal.
    #[error(transparent)]
    Source(#[from] SourceRefusal),
    /// A service key's refusal.
    #[error(transparent)]
    ServiceKey(#[from] ServiceKeyRefusal),
    /// A payment's refusal.
    #[error(transparent)]
    Payment(#[from] PaymentRefusal),
    /// An external id's refusal.
    #[error(transparent)]
    Inbox(#[from] InboxRefusal),
    /// A delivery's refusal.
    #[error(transparent)]
    Delivery(#[from] DeliveryRefusal),
    /// Two teams cannot have one name in addresses.
    #[error("the slug `{0}` is another team's")]
    SlugTaken(Slug),
    /// No project of this id was ever registered, or it was removed.
    #[error("the project {0} is not registered")]
    UnknownProject(ProjectId),
    /// A time that no month can hold.
    #[error("the time is outside the months from 2000-01 to 9998-12")]
    OutsideMonths(#[from] domain::month::MonthError),
    /// Others were faster every time.
    #[error("others changed the same thing {ATTEMPTS} times in a row; try again")]
    Contended,
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The facts cannot be kept up.
    #[error(transparent)]
    Known(#[from] KnownError),
    /// The keys of what is sealed cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// An event cannot be written or read.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The aggregate cannot be loaded.
    #[error("the aggregate cannot be loaded: {0}")]
    Load(String),
}

impl CommandError {
    /// What kind of refusal it is; none when it is no refusal but a failure.
    #[must_use]
    pub const fn refusal(&self) -> Option<RefusalKind> {
        match self {
            Self::Team(refusal) => Some(refusal.kind()),
            Self::Usage(refusal) => Some(refusal.kind()),
            Self::Source(refusal) => Some(refusal.kind()),
            Self::ServiceKey(refusal) => Some(refusal.kind()),
            Self::Payment(refusal) => Some(refusal.kind()),
            Self::Inbox(refusal) => Some(refusal.kind()),
            Self::Delivery(refusal) => Some(refusal.kind()),
            Self::SlugTaken(_) => Some(RefusalKind::Conflict),
            Self::UnknownProject(_) => Some(RefusalKind::NotFound),
            Self::OutsideMonths(_) => Some(RefusalKind::Invalid),
            Self::Contended
            | Self::Append(_)
            | Self::Read(_)
            | Self::Known(_)
            | Self::State(_)
            | Self::Codec(_)
            | Self::Load(_) => None,
        }
    }

    /// Whether somebody else was faster, and deciding again may help.
    fn came_second(&self) -> bool {
        matches!(self, Self::Append(AppendError::WrongSequence { .. } | AppendError::Changed(_)))
    }
}

/// Carries out commands.
pub struct Commands {
    log: Arc<dyn EventLog>,
    known: Arc<Known>,
    plans: Arc<Catalogue>,
    clock: Arc<dyn Clock>,
    subjects: Subjects,
    /// Held while something is decided on the condition that no team changes: this node's own commands queue here
    /// instead of failing each other's conditions, so that only those of other nodes can come first.
    directory: Mutex<()>,
}

/// An aggregate as it was loaded, and the sequence it was loaded at.
struct Loaded<A> {
    state: A,
    stream: StreamId,
    sequence: u64,
}

impl Commands {
    /// Commands over this log.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventLog>,
        known: Arc<Known>,
        plans: Arc<Catalogue>,
        clock: Arc<dyn Clock>,
        subjects: Subjects,
    ) -> Self {
        Self { log, known, plans, clock, subjects, directory: Mutex::new(()) }
    }

    /// An aggregate as it is now; one without history is as it begins.
    pub(crate) async fn aggregate<A: Aggregate>(&self, id: &str) -> Result<A, CommandError> {
        Ok(self.load::<A>(id).await?.state)
    }

    async fn load<A: Aggregate>(&self, id: &str) -> Result<Loaded<A>, CommandError> {
        let store = PersistedEventStore::<LogRepository, A>::new_event_store(LogRepository::new(Arc::clone(
            &self.log,
        )));
        let context =
            store.load_aggregate(id).await.map_err(|error: AggregateError<A::Error>| match error {
                AggregateError::UserError(error) => CommandError::Load(error.to_string()),
                AggregateError::AggregateConflict => CommandError::Contended,
                AggregateError::DatabaseConnectionError(error)
                | AggregateError::DeserializationError(error)
                | AggregateError::UnexpectedError(error) => CommandError::Load(error.to_string()),
            })?;
        let sequence = context.current_sequence as u64;
        Ok(Loaded { state: context.aggregate, stream: StreamId::new(A::TYPE, id), sequence })
    }

    /// Records what was decided, under the condition that nobody was faster. Nothing to record is recorded already.
    async fn record(
        &self,
        actor: &Actor,
        streams: Vec<StreamEvents>,
        conditions: Vec<Condition>,
    ) -> Result<Position, CommandError> {
        let streams: Vec<_> = streams.into_iter().filter(|stream| !stream.events.is_empty()).collect();
        if streams.is_empty() {
            return Ok(self.log.head().await?);
        }
        // Commands are idempotent by what they decide, so this key need only be new.
        let key = Key { id: KeyId(*Uuid::now_v7().as_bytes()), digest: Digest::default(), answer: None };
        Ok(self.record_as(actor, key, streams, conditions).await?.position)
    }

    /// The same for a request that has a key of its own, which is recorded even when nothing else is.
    async fn record_as(
        &self,
        actor: &Actor,
        key: Key,
        mut streams: Vec<StreamEvents>,
        conditions: Vec<Condition>,
    ) -> Result<Appended, CommandError> {
        streams.retain(|stream| !stream.events.is_empty());
        let command = Uuid::from_bytes(key.id.0).to_string();
        let metadata = serde_json::json!({ "actor": actor.0, "command": command }).to_string();
        Ok(self.log.append(Append { keys: vec![key], streams, conditions, metadata }).await?)
    }
}

impl<A> Loaded<A> {
    /// These events, at the sequence that the decision rested on.
    fn decided<E: DomainEvent>(&self, events: &[E]) -> Result<StreamEvents, CodecError> {
        Ok(StreamEvents {
            stream: self.stream.clone(),
            expected: Expected::Exactly(self.sequence),
            events: events.iter().map(encode).collect::<Result<_, _>>()?,
        })
    }
}

/// Tries again as long as others are faster, a few times.
macro_rules! decide_until_first {
    ($once:expr) => {{
        for _ in 0..$crate::commands::ATTEMPTS {
            match $once.await {
                Err(error) if error.came_second() => {}
                done => return done,
            }
        }
        Err($crate::commands::CommandError::Contended)
    }};
}
use decide_until_first;
