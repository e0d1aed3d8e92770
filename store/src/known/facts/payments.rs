//! What is known of payments: which may still be paid, which are to be asked about, whose money is to be settled.

use chrono::{DateTime, Utc};
use domain::inbox::InboxEvent;
use domain::payment::{FOLLOWED_FOR, ObservedStatus, PaymentEvent, Verdict};
use domain::{ExternalPaymentId, PaymentId, TeamId};

use super::Facts;
use crate::log::Recorded;

/// As many unmatched payments as are counted. Whoever lets everybody call back may get any number of them.
const MOST_UNMATCHED: usize = 10_000;

/// A payment that a poll may still find paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToConfirm {
    /// Since when that is so.
    pub since: DateTime<Utc>,
    /// What it is for.
    pub payment: Option<OpenPayment>,
}

/// A link that the backend has for a payment beside the payment's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecondLink {
    /// Whose it is.
    pub payment: PaymentId,
    /// What the backend calls it.
    pub name: ExternalPaymentId,
}

/// A payment that may still be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPayment {
    /// The team that it is for.
    pub team: TeamId,
    /// Which of the team's paid months it pays.
    pub period: u32,
    /// Since when it exists.
    pub since: DateTime<Utc>,
    /// Until when it can be paid, if the backend told.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when somebody wants it called off.
    pub cancelling: Option<DateTime<Utc>>,
}

impl Facts {
    /// The payment of this team that may still be paid, and pays for something: its next month.
    #[must_use]
    pub fn open_payment_of(&self, team: TeamId) -> Option<(PaymentId, &OpenPayment)> {
        let next = self.next_period_of(team);
        let pays = |payment: &OpenPayment| payment.team == team && payment.period >= next;
        self.open_payments.iter().find(|(_, payment)| pays(payment)).map(|(id, payment)| (*id, payment))
    }

    /// What the backend said was paid, in the last days before this instant, and nobody here knows; and since when.
    pub fn unmatched_at(
        &self,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = (&ExternalPaymentId, DateTime<Utc>)> {
        let lately = move |since: &DateTime<Utc>| now - *since < FOLLOWED_FOR;
        self.unmatched.iter().map(|(name, since)| (name, *since)).filter(move |(_, since)| lately(since))
    }

    /// Payments that may still be paid, whose month another one has paid meanwhile, and which nobody calls off yet.
    #[must_use]
    pub fn superseded(&self) -> Vec<PaymentId> {
        let paid = |team: TeamId| self.paid_periods.get(&team).copied().unwrap_or_default();
        let of = |(id, payment): (&PaymentId, &OpenPayment)| {
            (payment.cancelling.is_none() && payment.period <= paid(payment.team)).then_some(*id)
        };
        self.open_payments.iter().filter_map(of).collect()
    }

    /// Which of its months the team pays next: after those that are paid, also where the plan is still to follow.
    #[must_use]
    pub fn next_period_of(&self, team: TeamId) -> u32 {
        let paid = self.paid_periods.get(&team).copied().unwrap_or_default();
        let captured = self.unsettled.values().flatten().filter(|payment| payment.team == team);
        captured.map(|payment| payment.period).max().unwrap_or_default().max(paid).saturating_add(1)
    }

    pub(super) fn settled_by(&mut self, team: TeamId, payment: Option<PaymentId>, period: Option<u32>) {
        if let (Some(payment), Some(period)) = (payment, period) {
            let paid = self.paid_periods.entry(team).or_default();
            *paid = period.max(*paid);
            self.unsettled.remove(&payment);
        }
    }

    pub(super) fn payment_event(&mut self, recorded: &Recorded, event: &PaymentEvent) {
        let Ok(id) = recorded.stream.aggregate_id.parse::<PaymentId>() else {
            return;
        };
        match event {
            PaymentEvent::PaymentInitiated(initiated) => {
                let (team, period, since) = (initiated.team_id, initiated.period, initiated.at);
                let open = OpenPayment { team, period, since, expires_at: None, cancelling: None };
                self.open_payments.insert(id, open);
            }
            PaymentEvent::PaymentCompleted(_) => {
                let late = self.to_confirm.remove(&id).and_then(|ended| ended.payment);
                let open = self.open_payments.remove(&id);
                self.unsettled.insert(id, open.or(late));
            }
            PaymentEvent::PaymentFailed(_) => self.ended(id, recorded.recorded_at),
            PaymentEvent::PaymentCancelled(_) => self.ended(id, recorded.recorded_at),
            PaymentEvent::RefundDue(_) => {
                self.unsettled.remove(&id);
            }
            PaymentEvent::CancellationRequested(requested) => {
                if let Some(open) = self.open_payments.get_mut(&id) {
                    open.cancelling.get_or_insert(requested.at);
                }
            }
            PaymentEvent::CallbackReceived(callback) => {
                match (callback.verdict, &callback.external_payment_id) {
                    (Verdict::ToConfirm, None) => self.confirm(id, recorded.recorded_at),
                    // From the beginning: it was told just now.
                    (Verdict::ToConfirm, Some(name)) => {
                        *self.follow(id, name, recorded.recorded_at) = recorded.recorded_at;
                    }
                    (Verdict::Applied | Verdict::NoNews, Some(_) | None) => {}
                }
            }
            PaymentEvent::SecondLinkFound(found) => {
                self.follow(id, &found.external_payment_id, recorded.recorded_at);
            }
            PaymentEvent::PaymentSubmitted(submitted) => {
                if let Some(open) = self.open_payments.get_mut(&id) {
                    open.expires_at = submitted.expires_at.or(open.expires_at);
                }
            }
            PaymentEvent::PaymentConflicted(conflicted) => {
                if let Some(name) = conflicted.external_payment_id.clone() {
                    self.second_links.remove(&SecondLink { payment: id, name });
                }
            }
            PaymentEvent::PaymentProcessing(_) => {}
        }
    }

    pub(super) fn inbox_event(&mut self, recorded: &Recorded, event: &InboxEvent) {
        let Ok(name) = recorded.stream.aggregate_id.parse::<ExternalPaymentId>() else {
            return;
        };
        match event {
            InboxEvent::CallbackParked(parked) => match parked.status {
                ObservedStatus::Completed(_) => {
                    let at = recorded.recorded_at;
                    self.unmatched.retain(|_, since| at - *since < FOLLOWED_FOR);
                    if self.unmatched.len() < MOST_UNMATCHED {
                        self.unmatched.entry(name).or_insert(at);
                    }
                }
                ObservedStatus::Pending
                | ObservedStatus::Processing
                | ObservedStatus::Failed
                | ObservedStatus::Cancelled => {}
            },
            InboxEvent::PaymentMatched(_) => {
                self.unmatched.remove(&name);
            }
        }
    }

    /// A payment has ended without money. It may have come all the same: whoever paid in the last moment wants to see
    /// it, also when the backend's callback is lost.
    fn ended(&mut self, id: PaymentId, at: DateTime<Utc>) {
        self.confirm(id, at);
        self.open_payments.remove(&id);
    }

    /// Has this link asked about; since then, if it was not before.
    fn follow(
        &mut self,
        payment: PaymentId,
        name: &ExternalPaymentId,
        since: DateTime<Utc>,
    ) -> &mut DateTime<Utc> {
        self.second_links.retain(|_, other| since - *other < FOLLOWED_FOR);
        self.second_links.entry(SecondLink { payment, name: name.clone() }).or_insert(since)
    }

    fn confirm(&mut self, id: PaymentId, since: DateTime<Utc>) {
        self.to_confirm.retain(|_, other| since - other.since < FOLLOWED_FOR);
        let before = self.to_confirm.remove(&id).and_then(|before| before.payment);
        let payment = self.open_payments.get(&id).cloned().or(before);
        self.to_confirm.insert(id, ToConfirm { since, payment });
    }
}
