//! A payment's way to its backend and back: record what is wanted, ask, record what was said. The API and the
//! reconciler both go this way, so that a request which is cut off anywhere is taken up again where it stopped.
//!
//! Nothing is asked of the backend that is not recorded before, and no answer counts before it is recorded.
//!
//! Here is how a payment reaches its backend. `refresh.rs` asks where it stands, `cancel.rs` calls it off, `flights.rs`
//! keeps requests out of each other's way, `backend.rs` is what can be asked, `events.rs` is what is recorded.

pub mod backend;
mod cancel;
mod events;
mod flights;
mod refresh;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::PaymentId;
use domain::payment::{Payment, PaymentInitiated, PaymentRefusal, Status};
use domain::team::{Team, TeamRefusal};

pub use backend::{BackendError, Order, PaymentBackend, Polled};
pub use events::{EventsError, events};

use crate::clock::Clock;
use crate::commands::{Actor, CommandError, Commands, Initiation, PaymentNow, PaymentWish};
use crate::key::KeyId;
use crate::log::Key;
use flights::{Flights, Question};

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
    /// Too many requests wait for the backend here.
    #[error("too many requests wait for the payment backend, and this one was not begun")]
    Busy,
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

    /// A member of a team wants to pay. `key` stands for the request, if its sender gave it one. Goes on when the caller
    /// stops waiting.
    ///
    /// # Errors
    /// [`PaymentsError`]. [`BackendError::Refused`] and [`BackendError::Unauthorised`] ended the payment as failed.
    pub async fn initiate(
        &self,
        actor: Actor,
        wish: PaymentWish,
        key: Option<Key>,
    ) -> Result<Initiated, PaymentsError> {
        let flight = match &key {
            Some(key) => Some(self.flights.take_off(key.id).ok_or(PaymentsError::InFlight)?),
            None => None,
        };
        let place = self.flights.place(wish.team).ok_or(PaymentsError::Busy)?;
        let payments = self.clone();
        let work = tokio::spawn(async move {
            let (_flight, _place) = (flight, place);
            let _alone = payments.flights.alone(wish.team).await;
            payments.initiate_alone(&actor, &wish, key.as_ref()).await
        });
        work.await.map_err(|_| PaymentsError::Stopping)?
    }

    async fn initiate_alone(
        &self,
        actor: &Actor,
        wish: &PaymentWish,
        key: Option<&Key>,
    ) -> Result<Initiated, PaymentsError> {
        match self.commands.payment_under_way(wish.team) {
            // Its link is dead, and whoever asks now wants one that is not.
            Some((id, Some(expires_at))) if expires_at <= self.clock.now() => {
                match self.refresh(actor, id).await {
                    // Paid in the last moment: whoever wanted to pay it is not to pay the next month too.
                    Ok(now) if now.payment.status == Status::Completed => {
                        return Ok(Initiated { now, own: false });
                    }
                    Ok(now) if !now.payment.status.is_open() => self.backend.ready()?,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(payment = %id, %error, "whether a payment has expired is not known")
                    }
                }
            }
            Some(_) => {}
            // Before anything is recorded: a payment that nobody can take on would only be in the way.
            None => self.backend.ready()?,
        }
        match self.commands.initiate_payment(actor, wish, key).await? {
            Initiation::New(now) => Ok(Initiated { now: self.submit(actor, now, false).await?, own: true }),
            Initiation::Repeated(now) => {
                Ok(Initiated { now: self.submit_once_more(actor, now).await?, own: true })
            }
            Initiation::Open(now) => {
                Ok(Initiated { now: self.submit_once_more(actor, now).await?, own: false })
            }
        }
    }

    /// Asks the backend once more for a payment that it may never have heard of, or of which it never told where it is
    /// paid: a callback may name a payment whose first answer was lost.
    async fn submit_again(&self, actor: &Actor, now: PaymentNow) -> Result<PaymentNow, PaymentsError> {
        let asked_at = now.payment.initiated.as_ref().map(|initiated| initiated.at);
        let lost = now.payment.status.is_open()
            && now.payment.payment_url.is_none()
            && !self.flights.is_linkless(now.id)
            && (self.flights.is_lost(now.id)
                || asked_at.is_some_and(|asked_at| self.clock.now() - asked_at > ASKING));
        // The reconciler and whoever looks at the payment may both find it lost: one of them asks.
        let alone = || self.flights.take_off(KeyId::of(&["order", &now.id.to_string()]));
        match lost.then(alone).flatten() {
            Some(_alone) => self.submit(actor, now, true).await,
            None => Ok(now),
        }
    }

    /// The same for whoever asks again and again.
    async fn submit_once_more(&self, actor: &Actor, now: PaymentNow) -> Result<PaymentNow, PaymentsError> {
        if self.flights.ask_if_old(now.id, Question::Order, FRESH) {
            self.submit_again(actor, now).await
        } else {
            Ok(now)
        }
    }

    /// Asks the backend for the payment. A lost answer leaves it as it is.
    async fn submit(&self, actor: &Actor, now: PaymentNow, again: bool) -> Result<PaymentNow, PaymentsError> {
        let id = now.id;
        let order = self.order(id, &now.payment).await?;
        self.flights.asked(id, Question::Order);
        match self.backend.initiate(&order).await {
            Ok(submission) => {
                self.flights.found(id);
                self.flights.asked(id, Question::Poll);
                let now = self.commands.submit_payment(actor, id, submission).await?;
                if now.payment.payment_url.is_none() {
                    // It gives out another link each time, and money that comes by it is nobody's: no more of them.
                    self.flights.linkless(id);
                }
                Ok(now)
            }
            // It may have it since it was asked first: "there is such a payment already", or a key that is wrong for a
            // while, says nothing about that. One that it never names ends by itself.
            Err(error @ (BackendError::Refused { .. } | BackendError::Unauthorised)) if again => {
                Ok(self.lost(id, &error).await?)
            }
            Err(error @ (BackendError::Refused { .. } | BackendError::Unauthorised)) => {
                let now = self.commands.refuse_payment(actor, id, error.to_string()).await?;
                self.flights.found(id);
                // Unless a callback told meanwhile that the backend has it.
                if now.payment.status == Status::Failed { Err(error.into()) } else { Ok(now) }
            }
            Err(
                error @ (BackendError::Unanswered { .. }
                | BackendError::Resting { .. }
                | BackendError::Unknown),
            ) => Ok(self.lost(id, &error).await?),
        }
    }

    async fn lost(&self, id: PaymentId, error: &BackendError) -> Result<PaymentNow, CommandError> {
        tracing::warn!(payment = %id, %error, "whether the payment backend has the payment is not known");
        self.flights.lost(id);
        // A callback may have told meanwhile.
        self.commands.payment(id).await
    }

    async fn order(&self, id: PaymentId, payment: &Payment) -> Result<Order, CommandError> {
        let PaymentInitiated { team_id, user_id, plan, amount, method, description, .. } =
            payment.initiated.clone().ok_or(PaymentRefusal::Unknown)?;
        let team: Team = self.commands.aggregate(&team_id.to_string()).await?;
        // Of use to the backend, and no reason to keep anybody from paying.
        let user_email = self.commands.address_of(&team, user_id).await.unwrap_or_else(|error| {
            tracing::warn!(payment = %id, %error, "where the payer can be written to is not known now");
            None
        });
        let (team_name, _) = team.registered.ok_or(TeamRefusal::NotRegistered)?;
        Ok(Order {
            payment_id: id,
            amount,
            method,
            description,
            team_id,
            team_name,
            user_id,
            user_email,
            plan,
        })
    }
}
