//! What the errors of the rooms below mean to a caller, and how loud each is logged: the one place for both.

use domain::RefusalKind;
use domain::payment::PaymentRefusal;
use domain::team::TeamRefusal;
use projections::{DbError, QueryError};
use store::commands::CommandError;
use store::ingest::IngestError;
use store::known::KnownError;
use store::payments::{BackendError, PaymentsError};
use store::state::StateError;
use store::{AppendError, ReadError};

use super::{Kind, Problem};

/// Seconds until a full queue has very likely drained.
const SOON: u32 = 1;
/// Seconds until a store that went away may be back.
const LATER: u32 = 5;

impl From<RefusalKind> for Kind {
    fn from(kind: RefusalKind) -> Self {
        match kind {
            RefusalKind::NotFound => Self::NotFound,
            RefusalKind::Conflict => Self::Conflict,
            RefusalKind::PlanLimit => Self::PlanLimit,
            RefusalKind::Invalid => Self::Invalid,
        }
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        match &error {
            AppendError::Busy => Self::new(Kind::Busy, error.to_string()).retry_after(SOON),
            AppendError::Closed => Self::new(Kind::Unavailable, error.to_string()).retry_after(LATER),
            AppendError::Unavailable(_) => Self::new(
                Kind::Unavailable,
                "the event log's store is not available, and nothing was recorded",
            )
            .retry_after(LATER)
            .because(&error),
            AppendError::Uncertain(_) => {
                let detail =
                    "the event log's store went away while committing: send the same again, it counts once";
                Self::new(Kind::Unavailable, detail).retry_after(LATER).because(&error)
            }
            AppendError::WrongSequence { .. } | AppendError::Changed(_) => Self::new(
                Kind::Unavailable,
                "others changed the same thing at the same time, and nothing was recorded",
            )
            .retry_after(SOON)
            .because(&error),
            // Whoever appends deals with these two; here they are a fault of ours.
            AppendError::KeysReused(_) | AppendError::PartlyRecorded(_) => Self::internal(&error),
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Append(error) => error.into(),
            IngestError::Known(_) => Self::unreadable(&error),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(_) => Self::unreadable(&error),
            ReadError::Corrupt { .. } => Self::internal(&error),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::Db(DbError::Corrupt(_)) => Self::internal(&error),
            QueryError::Db(DbError::Store(_) | DbError::Migrate(_))
            | QueryError::Building
            | QueryError::Group(_)
            | QueryError::Closed => Self::unreadable(&error),
        }
    }
}

impl From<KnownError> for Problem {
    fn from(error: KnownError) -> Self {
        match error {
            KnownError::Read(error) => error.into(),
            KnownError::Codec(_) => Self::internal(&error),
        }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Store(_) | StateError::Held => Self::new(
                Kind::Unavailable,
                "the keys of personal data cannot be reached now: send the same again, it is done once",
            )
            .retry_after(LATER)
            .because(&error),
            StateError::Migrate(_) | StateError::Sealed(_) | StateError::Corrupt(_) => Self::internal(&error),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        if let Some(kind) = error.refusal() {
            let problem = Self::new(kind.into(), error.to_string());
            return match error {
                CommandError::Team(TeamRefusal::PlanLimit { limit_name, limit, wanted, plan }) => problem
                    .member("plan", plan)
                    .member("resource", limit_name.trim_start_matches("max_"))
                    .member("limit_name", limit_name)
                    .member("limit", i64::from(limit))
                    .member("wanted", wanted),
                CommandError::Payment(PaymentRefusal::TooLate(status)) => {
                    problem.member("payment_status", status)
                }
                CommandError::Team(_)
                | CommandError::Usage(_)
                | CommandError::Source(_)
                | CommandError::ServiceKey(_)
                | CommandError::Payment(_)
                | CommandError::Inbox(_)
                | CommandError::Delivery(_)
                | CommandError::SlugTaken(_)
                | CommandError::UnknownProject(_)
                | CommandError::OutsideMonths(_)
                | CommandError::Contended
                | CommandError::Append(_)
                | CommandError::Read(_)
                | CommandError::Known(_)
                | CommandError::State(_)
                | CommandError::Codec(_)
                | CommandError::Load(_) => problem,
            };
        }
        match error {
            CommandError::Append(error) => error.into(),
            CommandError::Read(error) => error.into(),
            CommandError::Known(error) => error.into(),
            CommandError::State(error) => error.into(),
            CommandError::Contended => Self::new(Kind::Unavailable, error.to_string()).retry_after(SOON),
            CommandError::Load(_) => Self::unreadable(&error),
            CommandError::Codec(_)
            | CommandError::Team(_)
            | CommandError::Usage(_)
            | CommandError::Source(_)
            | CommandError::ServiceKey(_)
            | CommandError::Payment(_)
            | CommandError::Inbox(_)
            | CommandError::Delivery(_)
            | CommandError::SlugTaken(_)
            | CommandError::UnknownProject(_)
            | CommandError::OutsideMonths(_) => Self::internal(&error),
        }
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        match &error {
            BackendError::Refused { .. } | BackendError::Unauthorised => {
                let detail = format!(
                    "{error}; the payment is recorded as failed, and nobody was given a page to pay at"
                );
                Self::new(Kind::PaymentRefused, detail)
            }
            BackendError::Unknown | BackendError::Unanswered { .. } => {
                Self::new(Kind::Unavailable, error.to_string()).retry_after(LATER)
            }
            BackendError::Resting { retry_after } => {
                // In whole seconds, and never too early.
                let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                let detail = format!("{error}; nothing was recorded");
                Self::new(Kind::Unavailable, detail).retry_after(seconds)
            }
        }
    }
}

impl From<PaymentsError> for Problem {
    fn from(error: PaymentsError) -> Self {
        match error {
            PaymentsError::Backend(error) => error.into(),
            PaymentsError::Command(error) => error.into(),
            PaymentsError::Busy => Self::new(Kind::Busy, error.to_string()).retry_after(SOON),
            PaymentsError::InFlight => Self::new(Kind::InFlight, error.to_string()).retry_after(SOON),
            PaymentsError::Stopping => Self::new(Kind::Unavailable, error.to_string()).retry_after(LATER),
        }
    }
}

impl Problem {
    /// A fault of ours. The caller learns no more than that; the log does.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(Kind::Internal, "something went wrong here; the log has it under this request's id")
            .because(error)
    }

    /// What is recorded cannot be read now.
    pub(crate) fn unreadable(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(Kind::Unavailable, "what is recorded cannot be read now, and nothing was changed")
            .retry_after(LATER)
            .because(error)
    }
}

/// One line a problem. Whatever a caller can do at will is quiet.
pub(super) fn log(problem: &Problem, request_id: &str) {
    let (kind, cause) = (problem.kind.facts().0, problem.cause.as_deref());
    let detail = problem.detail.as_ref();
    match problem.kind {
        Kind::Internal => tracing::error!(request_id, kind, detail, cause, "request failed"),
        Kind::Unavailable | Kind::TimeLimit | Kind::PaymentRefused => {
            tracing::warn!(request_id, kind, detail, cause, "request failed")
        }
        Kind::Busy
        | Kind::NotReached
        | Kind::Conflict
        | Kind::PlanLimit
        | Kind::IdReused
        | Kind::InFlight
        | Kind::KeyReused => {
            tracing::info!(request_id, kind, detail, cause, "request refused");
        }
        Kind::BadRequest
        | Kind::MalformedBody
        | Kind::Unauthenticated
        | Kind::BadSignature
        | Kind::MissingScope
        | Kind::MissingRole
        | Kind::AddressRefused
        | Kind::NotFound
        | Kind::MethodNotAllowed
        | Kind::NotAcceptable
        | Kind::TooLarge
        | Kind::UnsupportedMediaType
        | Kind::Invalid
        | Kind::PaymentsOff => tracing::debug!(request_id, kind, detail, cause, "request refused"),
    }
}
