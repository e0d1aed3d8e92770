//! A payment's way to its backend and back: record what is wanted, ask, record what was said. The API and the
//! reconciler both go this way, so that a request which is cut off anywhere is taken up again where it stopped.
//!
//! Nothing is asked of the backend that is not recorded before, and no answer counts before it is recorded.

pub mod backend;
mod flights;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::payment::{
    Observation, ObservedStatus, Payment, PaymentInitiated, PaymentRefusal, Status, Submission, Via,
};
use domain::team::{Team, TeamRefusal};
use domain::{ExternalPaymentId, PaymentId, UserId};

pub use backend::{BackendError, Order, PaymentBackend, Polled, Taken};

use crate::clock::Clock;
use crate::commands::{Actor, CommandError, Commands, Initiation, PaymentNow, PaymentWish};
use crate::key::KeyId;
use crate::log::Key;
use flights::Flights;

/// How long another process may be asking the backend for a payment: only after that it is asked again from here.
const ASKING: TimeDelta = TimeDelta::seconds(26);
/// An answer of the backend that is younger than this is not asked for again by whoever looks at the payment.
pub const FRESH: Duration = Duration::from_secs(5);

/// Why a payment did not go its way.
#[derive(Debug, thiserror::Error)]
pub enum PaymentsError {
    /// The backend did not do it.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// It was not recorded.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The same request is being worked on.
    #[error("a request with the same Idempotency-Key is being worked on")]
    InFlight,
    /// The work was cut off: this process is stopping.
    #[error("this process is stopping; what was recorded is taken up again")]
    Stopping,
}

/// What became of a wish to pay.
#[derive(Debug, Clone)]
pub struct Initiated {
    /// The payment: without an external id when the backend has not answered.
    pub now: PaymentNow,
    /// Whether it was made by this request, now or earlier; else it was under way.
    pub own: bool,
}

/// Payments and their backend.
#[derive(Clone)]
pub struct Payments {
    commands: Arc<Commands>,
    backend: Arc<dyn PaymentBackend>,
    clock: Arc<dyn Clock>,
    flights: Arc<Flights>,
}

impl Payments {
    /// Payments that this backend takes.
    #[must_use]
    pub fn new(commands: Arc<Commands>, backend: Arc<dyn PaymentBackend>, clock: Arc<dyn Clock>) -> Self {
        Self { commands, backend, clock, flights: Arc::default() }
    }

    /// A member of a team wants to pay. `key` stands for the request. Goes on when the caller stops waiting.
    ///
    /// # Errors
    /// [`PaymentsError`]. [`BackendError::Refused`] and [`BackendError::Unauthorised`] ended the payment as failed.
    pub async fn initiate(
        &self,
        actor: Actor,
        wish: PaymentWish,
        key: Key,
    ) -> Result<Initiated, PaymentsError> {
        let flight = self.flights.take_off(key.id).ok_or(PaymentsError::InFlight)?;
        let payments = self.clone();
        let work = tokio::spawn(async move {
            let _flight = flight;
            let _alone = payments.flights.alone(wish.team).await;
            payments.initiate_alone(&actor, &wish, &key).await
        });
        work.await.map_err(|_| PaymentsError::Stopping)?
    }

    async fn initiate_alone(
        &self,
        actor: &Actor,
        wish: &PaymentWish,
        key: &Key,
    ) -> Result<Initiated, PaymentsError> {
        // Before anything is recorded: a payment that nobody can take on would only be in the way.
        self.backend.ready()?;
        match self.commands.initiate_payment(actor, wish, key).await? {
            Initiation::New(now) => Ok(Initiated { now: self.submit(actor, now).await?, own: true }),
            Initiation::Repeated(now) => {
                Ok(Initiated { now: self.submit_again(actor, now).await?, own: true })
            }
            Initiation::Open(now) => Ok(Initiated { now: self.submit_again(actor, now).await?, own: false }),
        }
    }

    /// Asks the backend once more for a payment that it may never have heard of.
    async fn submit_again(&self, actor: &Actor, now: PaymentNow) -> Result<PaymentNow, PaymentsError> {
        let asked_at = now.payment.initiated.as_ref().map(|initiated| initiated.at);
        let lost = now.payment.status.is_open()
            && now.payment.external_payment_id.is_none()
            && (self.flights.is_lost(now.id)
                || asked_at.is_some_and(|asked_at| self.clock.now() - asked_at > ASKING));
        // The reconciler and whoever looks at the payment may both find it lost: one of them asks.
        let alone = || self.flights.take_off(KeyId::of(&["order", &now.id.to_string()]));
        match lost.then(alone).flatten() {
            Some(_alone) => self.submit(actor, now).await,
            None => Ok(now),
        }
    }

    /// Asks the backend for the payment. A lost answer leaves it as it is.
    async fn submit(&self, actor: &Actor, now: PaymentNow) -> Result<PaymentNow, PaymentsError> {
        let id = now.id;
        let order = self.order(id, &now.payment).await?;
        match self.backend.initiate(&order).await {
            Ok(Taken { submitted, processing }) => {
                self.flights.asked(id);
                self.flights.found(id);
                let submission = Submission { submitted, processing };
                Ok(self.commands.submit_payment(actor, id, submission).await?)
            }
            // Also when it was asked before and its answer was lost: nobody has got a link to pay at, and a payment
            // that stayed open would keep the team from paying.
            Err(error @ (BackendError::Refused { .. } | BackendError::Unauthorised)) => {
                self.commands.refuse_payment(actor, id, error.to_string()).await?;
                Err(error.into())
            }
            Err(
                error @ (BackendError::Unanswered { .. }
                | BackendError::Resting { .. }
                | BackendError::Unknown),
            ) => {
                tracing::warn!(payment = %id, %error, "whether the payment backend has the payment is not known");
                self.flights.lost(id);
                // A callback may have told meanwhile.
                Ok(self.commands.payment(id).await?)
            }
        }
    }

    async fn order(&self, id: PaymentId, payment: &Payment) -> Result<Order, CommandError> {
        let PaymentInitiated { team_id, user_id, plan, amount, method, description, .. } =
            payment.initiated.clone().ok_or(PaymentRefusal::Unknown)?;
        let team: Team = self.commands.aggregate(&team_id.to_string()).await?;
        let (team_name, _) = team.registered.ok_or(TeamRefusal::NotRegistered)?;
        Ok(Order { payment_id: id, amount, method, description, team_id, team_name, user_id, plan })
    }

    /// Asks the backend where the payment stands, and records what it says: whatever its state, and also when it is
    /// not known whether the backend has it.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub async fn refresh(&self, actor: &Actor, id: PaymentId) -> Result<PaymentNow, PaymentsError> {
        let now = self.commands.payment(id).await?;
        let asked = now.payment.initiated.as_ref().map(|initiated| initiated.amount);
        let (Some(name), Some(asked)) = (now.payment.external_payment_id.clone(), asked) else {
            return if now.payment.status.is_open() { self.submit_again(actor, now).await } else { Ok(now) };
        };
        self.flights.asked(id);
        let now = match self.backend.poll(&name, asked).await {
            Ok(Polled { status, transaction_id, completed_at }) => {
                let at = completed_at.unwrap_or_else(|| self.clock.now());
                let via = Via::Poll;
                let observation = Observation { via, external_payment_id: name, status, transaction_id, at };
                self.commands.observe_payment(actor, id, observation).await?
            }
            // Nobody pays what the backend does not know.
            Err(BackendError::Unknown) => now,
            Err(error) => return Err(error.into()),
        };
        if !now.payment.status.is_open() {
            return Ok(now);
        }
        match self.commands.expire_payment(actor, id).await {
            Err(CommandError::Payment(PaymentRefusal::NotExpired)) => Ok(now),
            expired => Ok(expired?),
        }
    }

    /// The same, unless it was done a moment ago; and what goes wrong is only logged: whoever looks at a payment sees
    /// what is known. None: nothing was asked, or nothing was told.
    pub async fn refresh_if_old(&self, actor: &Actor, id: PaymentId) -> Option<PaymentNow> {
        if !self.flights.is_old(id, FRESH) {
            return None;
        }
        // Also when the question is lost: whoever looks again and again must not ask again and again.
        self.flights.asked(id);
        let refreshed = self.refresh(actor, id).await;
        refreshed
            .inspect_err(|error| {
                tracing::warn!(payment = %id, %error, "the payment backend did not tell where a payment stands");
            })
            .ok()
    }

    /// A member of the team wants the payment called off. Goes on when the caller stops waiting. The payment that
    /// comes back is cancelled.
    ///
    /// # Errors
    /// [`PaymentRefusal::TooLate`] when it has ended otherwise, [`PaymentsError`].
    pub async fn cancel(&self, actor: Actor, id: PaymentId, by: UserId) -> Result<PaymentNow, PaymentsError> {
        self.backend.ready()?;
        let payments = self.clone();
        let work = tokio::spawn(async move {
            let now = payments.commands.request_cancellation(&actor, id, by).await?;
            // Whoever is asking the backend for it now learns its name first.
            let team = now.payment.initiated.map(|initiated| initiated.team_id);
            let _alone =
                payments.flights.alone(team.ok_or(CommandError::from(PaymentRefusal::Unknown))?).await;
            payments.follow_cancellation(&actor, id).await
        });
        work.await.map_err(|_| PaymentsError::Stopping)?
    }

    /// Calls off at the backend what a member wants called off.
    ///
    /// # Errors
    /// As for [`Payments::cancel`].
    pub async fn follow_cancellation(
        &self,
        actor: &Actor,
        id: PaymentId,
    ) -> Result<PaymentNow, PaymentsError> {
        let mut now = self.commands.payment(id).await?;
        if now.payment.status.is_open() && now.payment.external_payment_id.is_none() {
            now = self.submit_again(actor, now).await?;
        }
        if !now.payment.status.is_open() {
            return called_off(now);
        }
        let Some(name) = now.payment.external_payment_id.clone() else {
            let what = "the payment is not known to have reached it".into();
            return Err(BackendError::Unanswered { what }.into());
        };
        match self.backend.cancel(id, &name).await {
            Ok(()) => called_off(self.observe_cancelled(actor, id, name).await?),
            // It says that it is too late: then it knows what came instead.
            Err(refused @ BackendError::Refused { .. }) => {
                let now = self.refresh(actor, id).await?;
                if now.payment.status.is_open() { Err(refused.into()) } else { called_off(now) }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn observe_cancelled(
        &self,
        actor: &Actor,
        id: PaymentId,
        external_payment_id: ExternalPaymentId,
    ) -> Result<PaymentNow, CommandError> {
        let (via, status, at) = (Via::Cancellation, ObservedStatus::Cancelled, self.clock.now());
        let observation = Observation { via, external_payment_id, status, transaction_id: None, at };
        self.commands.observe_payment(actor, id, observation).await
    }
}

/// Whoever cancels wants to know that it is cancelled, and else what it is.
fn called_off(now: PaymentNow) -> Result<PaymentNow, PaymentsError> {
    match now.payment.status {
        Status::Cancelled => Ok(now),
        Status::Unknown | Status::Pending | Status::Processing | Status::Completed | Status::Failed => {
            Err(CommandError::from(PaymentRefusal::TooLate(now.payment.status.as_str())).into())
        }
    }
}
