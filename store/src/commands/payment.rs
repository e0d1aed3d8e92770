//! Commands to payments. What the backend calls a payment is claimed in the inbox of that name by the same append, and
//! what waits there is taken along: see [`domain::inbox`]. What is made of a callback is `payment/callback.rs`.

mod callback;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::inbox::{self, Inbox, InboxCommand};
use domain::payment::{
    Observation, ObservedStatus, Payment, PaymentCommand, PaymentEvent, PaymentInitiated, PaymentMethod,
    PaymentRefusal, Status, Submission, Unpaid, Via, decide,
};
use domain::plan::PlanName;
use domain::{ExternalPaymentId, Money, PaymentId, TeamId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use callback::{Callback, Receipt};

use super::{Actor, CommandError, Commands, Loaded, decide_until_first};
use crate::codec::CodecError;
use crate::log::{Condition, Key, Position, StreamEvents};

/// What a member of a team wants to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentWish {
    /// The team.
    pub team: TeamId,
    /// Who pays.
    pub user: UserId,
    /// The plan.
    pub plan: PlanName,
    /// What it costs.
    pub amount: Money,
    /// How it is paid.
    pub method: PaymentMethod,
    /// The payer's own words.
    pub description: Option<String>,
}

/// A payment after a command.
#[derive(Debug, Clone)]
pub struct PaymentNow {
    /// Which.
    pub id: PaymentId,
    /// Everything of it is seen after this position.
    pub position: Position,
    /// As it is now.
    pub payment: Payment,
}

/// What became of a wish to pay.
#[derive(Debug, Clone)]
pub enum Initiation {
    /// A new payment, which the backend does not know yet.
    New(PaymentNow),
    /// The team has a payment under way.
    Open(PaymentNow),
    /// The same request came before.
    Repeated(PaymentNow),
}

/// What is remembered of an answer, for whoever asks again.
#[derive(Serialize, Deserialize)]
struct Answered {
    payment_id: Option<PaymentId>,
    status: Option<Status>,
}

impl Answered {
    fn of(key: &Key, record: Option<&str>) -> Result<Self, CommandError> {
        let text = record.unwrap_or_default();
        serde_json::from_str(text)
            .map_err(|error| CommandError::Load(format!("the answer kept for key {:?}: {error}", key.id)))
    }

    fn text(&self) -> Result<String, CodecError> {
        serde_json::to_string(self)
            .map_err(|source| CodecError::Encode { event_type: "answer".into(), source })
    }
}

/// A payment as a command leaves it, and what is to be recorded for that.
struct Decided {
    payment: Payment,
    streams: Vec<StreamEvents>,
    /// Money came that was not asked for.
    conflicted: bool,
}

impl Commands {
    /// A member of the team wants to pay. A team has one payment under way: asking again gives that one. `key` stands
    /// for the request, if its sender gave it one; with the same key the answer is about the same payment, for ever.
    ///
    /// # Errors
    /// [`PaymentRefusal`]; [`AppendError::KeysReused`](crate::AppendError::KeysReused) when the key came with another
    /// digest; and what any command may meet.
    pub async fn initiate_payment(
        &self,
        actor: &Actor,
        wish: &PaymentWish,
        key: Option<&Key>,
    ) -> Result<Initiation, CommandError> {
        let _alone = self.directory.lock().await;
        decide_until_first!(self.initiate(actor, wish, key))
    }

    async fn initiate(
        &self,
        actor: &Actor,
        wish: &PaymentWish,
        key: Option<&Key>,
    ) -> Result<Initiation, CommandError> {
        self.known.catch_up().await?;
        let (open, period, condition) = {
            let facts = self.known.facts();
            let event_type = Some("PaymentInitiated");
            let condition =
                Condition { aggregate_type: Payment::TYPE, event_type, unless_after: facts.position };
            let open = facts.open_payment_of(wish.team).map(|(id, _)| id);
            (open, facts.next_period_of(wish.team), condition)
        };
        let id = open.unwrap_or_else(|| PaymentId::from_bytes(*Uuid::now_v7().as_bytes()));
        let (streams, conditions) = match open {
            Some(_) => (vec![], vec![]),
            None => {
                let command = PaymentCommand::Initiate(PaymentInitiated {
                    team_id: wish.team,
                    user_id: wish.user,
                    plan: wish.plan.clone(),
                    period,
                    amount: wish.amount,
                    method: wish.method,
                    description: wish.description.clone(),
                    at: self.clock.now(),
                });
                (self.decided_payment(id, command, None).await?.streams, vec![condition])
            }
        };
        if let Some(key) = key {
            let answer = Answered { payment_id: Some(id), status: None }.text()?;
            let key = Key { answer: Some(answer), ..key.clone() };
            let appended = self.record_as(actor, key.clone(), streams, conditions).await?;
            if let Some(earlier) = appended.earlier {
                let answer = earlier.first().and_then(|record| record.answer.as_deref());
                let id = Answered::of(&key, answer)?.payment_id.ok_or(PaymentRefusal::Unknown)?;
                return Ok(Initiation::Repeated(self.payment(id).await?));
            }
        } else {
            self.record(actor, streams, conditions).await?;
        }
        let now = self.payment(id).await?;
        Ok(if open.is_some() { Initiation::Open(now) } else { Initiation::New(now) })
    }

    /// The team's payment that may still be paid, and until when, as far as this node knows.
    #[must_use]
    pub fn payment_under_way(&self, team: TeamId) -> Option<(PaymentId, Option<DateTime<Utc>>)> {
        self.known.facts().open_payment_of(team).map(|(id, payment)| (id, payment.expires_at))
    }

    /// The payment as it is now, from its own history.
    ///
    /// # Errors
    /// [`PaymentRefusal::Unknown`], and what any command may meet.
    pub async fn payment(&self, id: PaymentId) -> Result<PaymentNow, CommandError> {
        // Asked first: whatever is in the history up to here is in the payment.
        let position = self.log.head().await?;
        let loaded: Loaded<Payment> = self.load(&id.to_string()).await?;
        match loaded.state.initiated {
            Some(_) => Ok(PaymentNow { id, position, payment: loaded.state }),
            None => Err(PaymentRefusal::Unknown.into()),
        }
    }

    /// The backend took the payment on. When it calls it otherwise than before, that is a second link of the payment:
    /// it is known from now on whose it is, and it is asked about too.
    ///
    /// # Errors
    /// [`PaymentRefusal`], [`InboxRefusal`](domain::inbox::InboxRefusal), and what any command may meet.
    pub async fn submit_payment(
        &self,
        actor: &Actor,
        id: PaymentId,
        submission: Submission,
    ) -> Result<PaymentNow, CommandError> {
        match self.to_payment(actor, id, PaymentCommand::Submit(submission)).await {
            Err(CommandError::Payment(PaymentRefusal::OtherExternalId { told, .. })) => {
                tracing::warn!(payment = %id, second = %told, "the payment backend has a second link for a payment");
                decide_until_first!(self.link(actor, id, &told))
            }
            submitted => submitted,
        }
    }

    async fn link(
        &self,
        actor: &Actor,
        id: PaymentId,
        second: &ExternalPaymentId,
    ) -> Result<PaymentNow, CommandError> {
        let (via, status, at) = (Via::Poll, ObservedStatus::Pending, self.clock.now());
        let external_payment_id = second.clone();
        let seen = Observation { via, external_payment_id, status, transaction_id: None, at };
        let Decided { payment, streams, conflicted } =
            self.decided_payment(id, PaymentCommand::Observe(seen), Some(second)).await?;
        let position = self.record(actor, streams, vec![]).await?;
        if conflicted {
            warn_of_conflict(id);
        }
        Ok(PaymentNow { id, position, payment })
    }

    /// The backend refused the payment for good.
    ///
    /// # Errors
    /// [`PaymentRefusal`], and what any command may meet.
    pub async fn refuse_payment(
        &self,
        actor: &Actor,
        id: PaymentId,
        reason: String,
    ) -> Result<PaymentNow, CommandError> {
        self.to_payment(actor, id, PaymentCommand::RefuseSubmission { reason }).await
    }

    /// The backend told, when it was asked, where the payment stands.
    ///
    /// # Errors
    /// [`PaymentRefusal`], and what any command may meet.
    pub async fn observe_payment(
        &self,
        actor: &Actor,
        id: PaymentId,
        observation: Observation,
    ) -> Result<PaymentNow, CommandError> {
        self.to_payment(actor, id, PaymentCommand::Observe(observation)).await
    }

    /// The backend was asked at that time, and the payment is not paid as asked: if its time is over, it ends.
    ///
    /// # Errors
    /// [`PaymentRefusal::NotExpired`], and what any command may meet.
    pub async fn expire_payment(
        &self,
        actor: &Actor,
        id: PaymentId,
        asked_at: DateTime<Utc>,
        unpaid: Unpaid,
    ) -> Result<PaymentNow, CommandError> {
        self.to_payment(actor, id, PaymentCommand::Expire { asked_at, unpaid }).await
    }

    /// A member of the team wants the payment called off. Recorded before the backend hears of it.
    ///
    /// # Errors
    /// [`PaymentRefusal::TooLate`], and what any command may meet.
    pub async fn request_cancellation(
        &self,
        actor: &Actor,
        id: PaymentId,
        by: UserId,
    ) -> Result<PaymentNow, CommandError> {
        self.to_payment(actor, id, PaymentCommand::RequestCancellation { by, at: self.clock.now() }).await
    }

    async fn to_payment(
        &self,
        actor: &Actor,
        id: PaymentId,
        command: PaymentCommand,
    ) -> Result<PaymentNow, CommandError> {
        decide_until_first!(self.once_to_payment(actor, id, command.clone()))
    }

    async fn once_to_payment(
        &self,
        actor: &Actor,
        id: PaymentId,
        command: PaymentCommand,
    ) -> Result<PaymentNow, CommandError> {
        let Decided { payment, streams, conflicted } = self.decided_payment(id, command, None).await?;
        let position = self.record(actor, streams, vec![]).await?;
        if conflicted {
            warn_of_conflict(id);
        }
        Ok(PaymentNow { id, position, payment })
    }

    /// What the command makes of the payment; the names that it gets, for itself or its second links, or was told under,
    /// become its own.
    async fn decided_payment(
        &self,
        id: PaymentId,
        command: PaymentCommand,
        told_under: Option<&ExternalPaymentId>,
    ) -> Result<Decided, CommandError> {
        let loaded: Loaded<Payment> = self.load(&id.to_string()).await?;
        let mut payment = loaded.state.clone();
        let mut events = evolve(&mut payment, command)?;
        let mut names: Vec<_> = payment.external_payment_id.clone().into_iter().collect();
        names.retain(|_| loaded.state.external_payment_id.is_none());
        let found = payment.second_links.keys().filter(|link| !loaded.state.second_links.contains_key(*link));
        names.extend(found.cloned());
        names.extend(told_under.filter(|name| !names.contains(name)).cloned());
        let mut streams = Vec::new();
        for name in names {
            let inbox: Loaded<Inbox> = self.load(name.as_str()).await?;
            let matched = inbox::decide(&inbox.state, InboxCommand::Match { payment_id: id })?;
            let waiting = if matched.is_empty() { vec![] } else { inbox.state.parked.clone() };
            for parked in waiting {
                events.extend(evolve(&mut payment, callback::take(&name, parked))?);
            }
            streams.push(inbox.decided(&matched)?);
        }
        streams.insert(0, loaded.decided(&events)?);
        let conflicted = payment.conflicts.len() > loaded.state.conflicts.len();
        Ok(Decided { payment, streams, conflicted })
    }
}

/// Once it is recorded: a person has to hear of it.
fn warn_of_conflict(payment: PaymentId) {
    tracing::warn!(%payment, "money came for a payment, and other than was asked: a person decides");
}

fn evolve(payment: &mut Payment, command: PaymentCommand) -> Result<Vec<PaymentEvent>, PaymentRefusal> {
    let events = decide(payment, command)?;
    events.iter().for_each(|event| payment.evolve(event));
    Ok(events)
}
