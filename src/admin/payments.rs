//! Money that is somewhere where it should not be: what a person has to decide, with what is needed to look it up in the
//! payment backend's own books.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::payment::PaymentEvent;
use domain::{ExternalPaymentId, Money, PaymentId};
use projections::{FlaggedPayment, QueryError, WaitError};
use serde::{Deserialize, Serialize};
use store::payments::{EventsError, events};
use store::{Clock, SystemClock};

use super::{Admin, AdminError};

/// How long the read models may take to take in what is in the log by now.
const UP_TO_DATE: Duration = Duration::from_secs(5);

/// Why money is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finding {
    /// Something else was captured than was asked, or a second page of one payment was paid.
    Conflicted,
    /// It was captured, and pays for nothing.
    RefundDue,
    /// The backend called back that it was paid, under an id that is no payment's.
    Unmatched,
}

/// Money that a person has to decide about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReviewRow {
    pub(crate) finding: Finding,
    /// When it was recorded.
    pub(crate) since: DateTime<Utc>,
    /// The team's slug, or its id if it is gone; none when it is not known whose money it is.
    pub(crate) team: Option<String>,
    pub(crate) payment_id: Option<PaymentId>,
    /// What the payment backend calls what was paid.
    pub(crate) external_payment_id: Option<ExternalPaymentId>,
    pub(crate) asked: Option<Money>,
    /// None when it is not told.
    pub(crate) captured: Option<Money>,
    /// For people to read.
    pub(crate) why: String,
}

impl Admin {
    /// The findings of at most so many payments, and at most so much that is unmatched; the newest first.
    pub(crate) async fn review(&self, limit: u16) -> Result<Vec<ReviewRow>, AdminError> {
        self.known.catch_up().await?;
        // Nobody shall read that there is nothing because it has not got that far.
        let head = self.log.head().await.map_err(EventsError::from)?;
        self.reads.wait_for(head, UP_TO_DATE).await.map_err(|error| match error {
            WaitError::TimedOut { .. } => AdminError::Behind,
            WaitError::Db(error) => QueryError::from(error).into(),
        })?;
        let unmatched = |(id, since): (&ExternalPaymentId, DateTime<Utc>)| ReviewRow {
            finding: Finding::Unmatched,
            since,
            team: None,
            payment_id: None,
            external_payment_id: Some(id.clone()),
            asked: None,
            captured: None,
            why: "the backend says that it is paid, and no payment has this id".into(),
        };
        let newest_first = |row: &ReviewRow| std::cmp::Reverse(row.since);
        let mut rows: Vec<ReviewRow> =
            self.known.facts().unmatched_at(SystemClock.now()).map(unmatched).collect();
        rows.sort_by_key(newest_first);
        rows.truncate(limit.into());
        for flagged in self.reads.flagged_payments(limit).await? {
            rows.extend(self.findings(&flagged).await?);
        }
        rows.sort_by_key(newest_first);
        Ok(rows)
    }

    /// What the payment's own history says. The read model only knows that there is something.
    async fn findings(&self, flagged: &FlaggedPayment) -> Result<Vec<ReviewRow>, AdminError> {
        let FlaggedPayment { payment, team } = flagged;
        let row = |finding, since| ReviewRow {
            finding,
            since,
            team: Some(team.as_ref().map_or_else(|| payment.team_id.to_string(), ToString::to_string)),
            payment_id: Some(payment.payment_id),
            external_payment_id: payment.external_payment_id.clone(),
            asked: Some(payment.amount),
            captured: None,
            why: String::new(),
        };
        let (mut rows, mut captured) = (vec![], None);
        for (at, event) in events(&*self.log, payment.payment_id).await? {
            match event {
                PaymentEvent::PaymentCompleted(completed) => captured = Some(completed.captured),
                PaymentEvent::PaymentConflicted(conflicted) => {
                    let second = conflicted.external_payment_id;
                    let why = match second {
                        Some(_) => "a second page of the payment was paid",
                        None => "something else was captured than was asked",
                    };
                    let row = row(Finding::Conflicted, at);
                    rows.push(ReviewRow {
                        external_payment_id: second.or(row.external_payment_id),
                        captured: Some(conflicted.captured),
                        why: why.into(),
                        ..row
                    });
                }
                PaymentEvent::RefundDue(due) => {
                    rows.push(ReviewRow { captured, why: due.why, ..row(Finding::RefundDue, at) });
                }
                PaymentEvent::PaymentInitiated(_)
                | PaymentEvent::PaymentSubmitted(_)
                | PaymentEvent::PaymentProcessing(_)
                | PaymentEvent::PaymentFailed(_)
                | PaymentEvent::CancellationRequested(_)
                | PaymentEvent::PaymentCancelled(_)
                | PaymentEvent::CallbackReceived(_)
                | PaymentEvent::SecondLinkFound(_) => {}
            }
        }
        Ok(rows)
    }
}
