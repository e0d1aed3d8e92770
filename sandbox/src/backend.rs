//! What happens to payments: they are ordered, settle by themselves or at the page, and are cancelled; and every change
//! of state is told by callback. HTTP is not known here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::behaviour::{CallbackBehaviour, CancelRace, Switches};
use crate::callbacks::{Callback, Courier};
use crate::ledger::{CallbackView, Full, Ledger, PaymentView};
use crate::money::Money;
use crate::payment::{Fate, Order, Payment, Status};

/// A running payment backend.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) switches: Switches,
    pub(crate) tells_amounts: bool,
    settle_after: Duration,
    expires_after: Duration,
    callback_retries: Vec<Duration>,
    courier: Courier,
    ledger: Mutex<Ledger>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// Of a backend's settings, those that it needs itself.
pub(crate) struct Terms {
    pub(crate) tells_amounts: bool,
    pub(crate) settle_after: Duration,
    pub(crate) expires_after: Duration,
    pub(crate) callback_retries: Vec<Duration>,
}

/// Why a payment cannot be cancelled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotCancelled {
    Unknown,
    /// It is this already.
    TooLate(Status),
}

impl Backend {
    pub(crate) fn new(terms: Terms, courier: Courier) -> Self {
        Self {
            switches: Switches::default(),
            tells_amounts: terms.tells_amounts,
            settle_after: terms.settle_after,
            expires_after: terms.expires_after,
            callback_retries: terms.callback_retries,
            courier,
            ledger: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Does this until it is done, or the backend stops.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<Option<()>>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(self.stopping.clone().run_until_cancelled_owned(work))
    }

    /// Stops whatever is under way, without waiting for its end.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
    }

    /// Returns when nothing is under way any more.
    pub(crate) async fn stopped(&self) {
        self.tasks.wait().await;
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is to see of a payment; none if it is unknown.
    pub(crate) fn look<T>(&self, id: &str, look: impl FnOnce(&Payment) -> T) -> Option<T> {
        self.ledger().get(id).map(look)
    }

    /// Does this to a payment; nothing if it is unknown.
    pub(crate) fn note(&self, id: &str, note: impl FnOnce(&mut Payment)) {
        if let Some(payment) = self.ledger().get_mut(id) {
            note(payment);
        }
    }

    /// What there is to see of the latest payments, the latest first.
    pub(crate) fn latest<T>(&self, count: usize, look: impl FnMut(&Payment) -> T) -> Vec<T> {
        self.ledger().latest().take(count).map(look).collect()
    }

    /// All of them, the oldest first.
    pub(crate) fn payments(&self) -> Vec<PaymentView> {
        self.ledger().views()
    }

    /// Takes an order, or finds the one that was taken with the same key. The payment's id.
    pub(crate) async fn initiate(
        self: &Arc<Self>,
        order: Order,
        key: Option<String>,
    ) -> Result<String, Full> {
        let fate = Fate::of(order.money, self.settle_after);
        let key = key.filter(|_| !self.switches.now().ignores_keys);
        let id = {
            let mut ledger = self.ledger();
            if let Some(id) = key.as_deref().and_then(|key| ledger.ordered_by(key)) {
                return Ok(id.clone());
            }
            let payment = Payment { ordered_by: key, ..Payment::new(order, self.expires_after) };
            let id = payment.id.clone();
            ledger.insert(payment)?;
            id
        };
        let before_answer = self.switches.now().callbacks.before_answer;
        let (after, becomes) = match fate {
            Fate::Settles { becomes, .. } if before_answer => (Duration::ZERO, becomes),
            Fate::WaitsForPayer if before_answer => (Duration::ZERO, Status::Completed),
            Fate::Settles { after, becomes } if after < self.expires_after => (after, becomes),
            Fate::Settles { .. } | Fate::WaitsForPayer => (self.expires_after, Status::Cancelled),
        };
        if after.is_zero() {
            let told = self.settle(&id, becomes);
            if before_answer {
                // In its own task: a client that goes away does not stop it.
                let _ = told.await;
            }
        } else {
            let timer = self.spawn({
                let (backend, id) = (Arc::clone(self), id.clone());
                async move {
                    sleep(after).await;
                    drop(backend.settle(&id, becomes));
                }
            });
            if let Some(payment) = self.ledger().get_mut(&id) {
                payment.timer = Some(AbortOnDropHandle::new(timer));
            }
        }
        Ok(id)
    }

    /// Brings an open payment there, and tells it. The task that tells.
    pub(crate) fn settle(self: &Arc<Self>, id: &str, becomes: Status) -> JoinHandle<Option<()>> {
        let how = self.switches.now().callbacks;
        let callbacks = match self.ledger().get_mut(id) {
            Some(payment) => self.walk(payment, becomes.way_to(), how),
            None => vec![],
        };
        self.tell(callbacks, how)
    }

    /// Cancels a payment: when it was. One that is cancelled already answers the same again.
    pub(crate) fn cancel(
        self: &Arc<Self>,
        id: &str,
        key: Option<String>,
    ) -> Result<DateTime<Utc>, NotCancelled> {
        let behaviour = self.switches.now();
        let how = behaviour.callbacks;
        let (steps, confirms): (&[Status], bool) = match behaviour.cancel_race {
            CancelRace::Normal => (&[Status::Cancelled], true),
            CancelRace::CompletesOnCancel => (Status::Completed.way_to(), false),
            CancelRace::CancelsThenCompletes => (&[Status::Cancelled, Status::Completed], true),
        };
        let mut ledger = self.ledger();
        let payment = ledger.get_mut(id).ok_or(NotCancelled::Unknown)?;
        let again = key.as_ref().is_some_and(|key| payment.cancelled_by.contains(key));
        let confirmed = match payment.status {
            Status::Pending | Status::Processing => confirms,
            Status::Cancelled => true,
            Status::Completed | Status::Failed => again,
        };
        let callbacks = self.walk(payment, steps, how);
        if confirmed && !again {
            payment.note_cancel_key(key);
        }
        let (status, cancelled_at) = (payment.status, payment.cancelled_at);
        drop(ledger);
        drop(self.tell(callbacks, how));
        cancelled_at.filter(|_| confirmed).ok_or(NotCancelled::TooLate(status))
    }

    /// Takes an open payment through these states. What there is to tell of each.
    fn walk(&self, payment: &mut Payment, steps: &[Status], how: CallbackBehaviour) -> Vec<Callback> {
        if payment.status.is_final() {
            return vec![];
        }
        let mut callbacks = vec![];
        for step in steps {
            payment.enter(*step, captured(payment.order.money, how));
            match Callback::of(payment, self.tells_amounts) {
                Ok(_) if how.none => {}
                Ok(callback) => {
                    payment.callbacks.push(CallbackView::of(&callback));
                    callbacks.push(callback);
                }
                Err(error) => tracing::error!(payment = payment.id, %error, "a callback cannot be written"),
            }
        }
        callbacks
    }

    fn tell(
        self: &Arc<Self>,
        mut callbacks: Vec<Callback>,
        how: CallbackBehaviour,
    ) -> JoinHandle<Option<()>> {
        if how.reorder {
            callbacks.reverse();
        }
        self.spawn(Arc::clone(self).deliver(callbacks, how))
    }

    /// Sends each once, the next when the one before was answered or was not; what was not taken goes on by itself.
    async fn deliver(self: Arc<Self>, callbacks: Vec<Callback>, how: CallbackBehaviour) {
        for callback in callbacks {
            sleep(how.delay()).await;
            let tries = (0..how.copies()).map(|_| self.send(&callback));
            if !join_all(tries).await.into_iter().all(|taken| taken) {
                self.spawn(Arc::clone(&self).repeat(callback));
            }
        }
    }

    async fn repeat(self: Arc<Self>, callback: Callback) {
        for wait in &self.callback_retries {
            sleep(*wait).await;
            if self.send(&callback).await {
                return;
            }
        }
        tracing::warn!(payment = callback.payment, "a callback was never taken; it is given up");
    }

    /// Whether it was taken.
    async fn send(&self, callback: &Callback) -> bool {
        let answer = self.courier.send(callback).await;
        let taken = answer.is_some_and(|status| status.is_success());
        let answer = answer.map(|status| status.as_u16());
        self.ledger().note(&callback.payment, &callback.id, answer, taken);
        taken
    }
}

fn captured(ordered: Money, how: CallbackBehaviour) -> Money {
    let money = if how.wrong_amount { ordered.off_by_one() } else { ordered };
    if how.wrong_currency { money.in_another_currency() } else { money }
}
