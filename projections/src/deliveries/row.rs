//! Rows of deliveries.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::payment::FailureCause;
use domain::plan::PlanName;
use domain::team::TeamEvent;
use domain::{DeliveryId, Language, Money, PaymentId, Sealed, Slug, TeamId};
use serde::{Deserialize, Serialize};

use crate::db::DbError;

/// By what something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// To members.
    Mail,
    /// To the PaaS.
    Webhook,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Mail, Self::Webhook];

    /// Its name in rows and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }

    /// What this delivery goes by.
    #[must_use]
    pub const fn of(id: &DeliveryId) -> Self {
        match id {
            DeliveryId::Mail { .. } => Self::Mail,
            DeliveryId::Webhook { .. } => Self::Webhook,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is told, and what stood when it happened. It is kept as JSON: another shape of it is another version of the
/// projector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What happened.
    pub news: News,
    /// The plan that the team was on then, after the event.
    pub plan: PlanName,
    /// The team's name in addresses then.
    pub slug: Slug,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// To a team.
    Team(TeamEvent),
    /// A payment was captured, and the plan is paid for.
    PaymentConfirmed {
        /// Which.
        payment: PaymentFacts,
        /// When it was captured.
        paid_at: DateTime<Utc>,
        /// The first instant after the time that is paid for.
        until: DateTime<Utc>,
    },
    /// Money came, and not as asked: a person decides, and nobody is to pay again before that.
    PaymentConflicted {
        /// Which.
        payment: PaymentFacts,
        /// When that was recorded.
        at: DateTime<Utc>,
    },
    /// A payment will not be captured.
    PaymentFailed {
        /// Which.
        payment: PaymentFacts,
        /// When that was recorded.
        at: DateTime<Utc>,
        /// Why; none when the event does not say.
        #[serde(default)]
        cause: Option<FailureCause>,
    },
}

/// A payment, as far as its payer wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// Which.
    pub payment_id: PaymentId,
    /// The plan that it is for.
    pub plan: PlanName,
    /// What it is of.
    pub amount: Money,
}

/// A team's names now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamName {
    /// What people call it.
    pub name: String,
    /// Its name in addresses.
    pub slug: Slug,
}

/// How a member is reached now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// His address.
    pub email: Sealed,
    /// His language, if he chose one.
    pub language: Option<Language>,
}

/// Who came back by a link in a mail to him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The team that the mail was about.
    pub team: TeamName,
    /// His language, if he chose one.
    pub language: Option<Language>,
    /// He gets no mails that he can do without.
    pub muted: bool,
}

/// What is still to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingDelivery {
    /// Which.
    pub id: DeliveryId,
    /// Whom it is about.
    pub team_id: TeamId,
    /// What the team is called now.
    pub team: TeamName,
    /// When the event was recorded, in microseconds.
    pub due_at: DateTime<Utc>,
    /// When it failed first, if it did.
    pub since: Option<DateTime<Utc>>,
    /// What is told.
    pub told: Told,
    /// How its reader is reached now; none: he has no address any more, or it is a webhook.
    pub contact: Option<Contact>,
}

/// Where to read on among what is still to be delivered: those that failed before, or those that were never tried,
/// each the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub(super) delayed: bool,
    pub(super) due_at: i64,
    /// Of those of one instant, what follows this id.
    pub(super) id: String,
}

impl Pending {
    /// Those that failed before.
    #[must_use]
    pub const fn delayed() -> Self {
        Self { delayed: true, due_at: i64::MIN, id: String::new() }
    }

    /// Those that were never tried, of events that were recorded at this instant or later.
    #[must_use]
    pub const fn untried(from: DateTime<Utc>) -> Self {
        Self { delayed: false, due_at: from.timestamp_micros(), id: String::new() }
    }
}

/// A page of what is still to be delivered.
#[derive(Debug)]
pub struct PendingPage {
    /// What can be read of it, the oldest first.
    pub deliveries: Vec<PendingDelivery>,
    /// What the first row says that cannot be read, if there is one: it holds up none of the others.
    pub unreadable: Option<DbError>,
    /// Where to read on; none: this page is empty, and so are those after it.
    pub next: Option<Pending>,
}

/// What was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// Which.
    pub id: DeliveryId,
    /// Whom it is about.
    pub team_id: TeamId,
    /// When the event was recorded.
    pub due_at: DateTime<Utc>,
    /// When it was given up.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// How many deliveries are in trouble.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Of the mails.
    pub mail: ChannelCounts,
    /// Of the webhooks.
    pub webhook: ChannelCounts,
}

/// How many deliveries of a channel are in trouble.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelCounts {
    /// They failed, and are tried again.
    pub delayed: u64,
    /// They are not tried any more, since the instant that was asked for.
    pub given_up: u64,
}
