//! [`ReadModels`]: what the API asks. Questions that come at the same time are answered by one statement.

use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use domain::forecast::RecentTraffic;
use domain::team::Role;
use domain::usage::UsageId;
use domain::{DeliveryId, Month, PaymentId, ProjectId, Slug, TeamId, UserId};
use store::Position;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::alerts::{self, Alert};
use crate::db::{Db, DbError};
use crate::deliveries::{self, Channel, DeliveryCounts, GivenUp, Pending, PendingPage, Reader};
use crate::directory::{self, MemberOf};
use crate::payment_history::{
    self, FlaggedCounts, FlaggedPayment, PaymentCursor, PaymentFilter, PaymentPage, PaymentRow,
};
use crate::project_usage::{self, Asked, ProjectDay, ProjectUsage};
use crate::runner::{self, ProjectorStatus, State};
use crate::subscriptions::{self, Subscription};
use crate::team_usage::{self, TeamTotals, TeamUsage};
use crate::traffic_sources::{self, SeenTraffic};

/// Questions that may wait; beyond it the asker waits for a place.
const QUEUE: usize = 1_024;
/// Questions that one statement answers.
const GROUP: usize = 256;
/// How often a checkpoint that another process moves is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Why a read model cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The store is not available.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A read model that the question needs is being built for the first time: there is nothing to read yet.
    #[error("the read models are being built for the first time; try again in a moment")]
    Building,
    /// The statement that should have answered this question and others failed.
    #[error("the read models are not available: {0}")]
    Group(String),
    /// This process is shutting down.
    #[error("the read models are closed")]
    Closed,
}

/// Why waiting for a position ended without it.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// Not reached in time.
    #[error("the read models are at position {at}, and did not reach the wanted one in time")]
    TimedOut {
        /// How far they are.
        at: Position,
    },
    /// The store is not available.
    #[error(transparent)]
    Db(#[from] DbError),
}

type Answer = Result<Option<ProjectUsage>, QueryError>;

struct Question {
    asked: Asked,
    answer: oneshot::Sender<Answer>,
}

/// The read models, for reading.
#[derive(Clone)]
pub struct ReadModels {
    db: Db,
    questions: mpsc::Sender<Question>,
    moved: watch::Sender<Position>,
}

impl ReadModels {
    /// The read models in this store.
    #[must_use]
    pub fn new(db: Db) -> Self {
        let (questions, queue) = mpsc::channel(QUEUE);
        tokio::spawn(answer_together(db.clone(), queue));
        Self { db, questions, moved: watch::Sender::new(Position::default()) }
    }

    /// Where a runner of this process tells how far it is.
    #[must_use]
    pub fn moved(&self) -> watch::Sender<Position> {
        self.moved.clone()
    }

    /// What a project used in a month. None: no such project, or the user is no member of its team.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn project_usage(&self, user: UserId, project: ProjectId, month: Month) -> Answer {
        let (answer, answered) = oneshot::channel();
        let question = Question { asked: Asked { user, project, month }, answer };
        self.questions.send(question).await.map_err(|_| QueryError::Closed)?;
        answered.await.map_err(|_| QueryError::Closed)?
    }

    /// What a project used on the days of a month on which it used anything. None: as above.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn project_days(
        &self,
        user: UserId,
        project: ProjectId,
        month: Month,
    ) -> Result<Option<Vec<ProjectDay>>, QueryError> {
        project_usage::days(&self.db, &Asked { user, project, month }).await
    }

    /// What each way of counting saw of a project's traffic in a month, by name. None: as above.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn traffic_sources(
        &self,
        user: UserId,
        project: ProjectId,
        month: Month,
    ) -> Result<Option<Vec<SeenTraffic>>, QueryError> {
        traffic_sources::of_project(&self.db, &Asked { user, project, month }).await
    }

    /// At most `limit` months of projects whose numbers are not final, up to this month, the oldest first, from after one
    /// of them on.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn open_months(
        &self,
        last: Month,
        after: Option<UsageId>,
        limit: u16,
    ) -> Result<Vec<UsageId>, QueryError> {
        project_usage::open_months(&self.db, last, after, limit).await
    }

    /// What a team used in a month. None: no such team, or the user is no member of it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn team_usage(
        &self,
        user: UserId,
        slug: &Slug,
        month: Month,
    ) -> Result<Option<TeamUsage>, QueryError> {
        team_usage::month(&self.db, user, slug, month).await
    }

    /// A payment. None: no such payment, or the user is no member of its team.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn payment(&self, user: UserId, id: PaymentId) -> Result<Option<PaymentRow>, QueryError> {
        payment_history::payment(&self.db, user, id).await
    }

    /// At most `limit` payments of a team (0 counts as 1), the newest first, from the cursor on. None: no such team,
    /// or the user is no member of it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn payments(
        &self,
        user: UserId,
        slug: &Slug,
        filter: &PaymentFilter,
        limit: u16,
        after: Option<PaymentCursor>,
    ) -> Result<Option<PaymentPage>, QueryError> {
        payment_history::page(&self.db, user, slug, filter, limit, after).await
    }

    /// At most `limit` payments of all teams (0 counts as 1) whose money a person has to decide about; those that changed
    /// last come first.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn flagged_payments(&self, limit: u16) -> Result<Vec<FlaggedPayment>, QueryError> {
        payment_history::flagged(&self.db, limit).await
    }

    /// How many payments of all teams a person has to decide about, or had to.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn flagged_payment_counts(&self) -> Result<FlaggedCounts, QueryError> {
        payment_history::flagged_counts(&self.db).await
    }

    /// What a team has of the plans it paid for. None: no such team, or the user is no member of it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn subscription(&self, user: UserId, slug: &Slug) -> Result<Option<Subscription>, QueryError> {
        subscriptions::of_team(&self.db, user, slug).await
    }

    /// What a user may do in the team of this slug. None: no such team, or the user is no member of it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn member_role(&self, user: UserId, slug: &Slug) -> Result<Option<MemberOf>, QueryError> {
        directory::member_role(&self.db, user, slug).await
    }

    /// What a user may do in this team. None: as above.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn role_in(&self, user: UserId, team: TeamId) -> Result<Option<Role>, QueryError> {
        directory::role_in(&self.db, user, team).await
    }

    /// The alerts of a month of a team, the newest first. None: no such team, or the user is no member of it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn alerts(
        &self,
        user: UserId,
        slug: &Slug,
        month: Month,
    ) -> Result<Option<Vec<Alert>>, QueryError> {
        alerts::of_team(&self.db, user, slug, month).await
    }

    /// The traffic of all projects that are this team's now, on the days from `from` on and before `until`. Whether the
    /// asker may see the team is for him to find out.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn recent_traffic(
        &self,
        team: TeamId,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<RecentTraffic, QueryError> {
        Ok(project_usage::recent_traffic(&self.db, team, from, until).await?)
    }

    /// What every team uses: its traffic of this month, and its storage now. For jobs; no user sees it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn team_totals(&self, month: Month) -> Result<Vec<TeamTotals>, QueryError> {
        team_usage::totals(&self.db, month).await
    }

    /// At most `limit` of what is still to be delivered by this channel, from there on. A row that cannot be read is left
    /// out, told of in the page, and logged with its id. For jobs; no user sees it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn pending_deliveries(
        &self,
        channel: Channel,
        from: &Pending,
        limit: u16,
    ) -> Result<PendingPage, QueryError> {
        deliveries::pending(&self.db, channel, from, limit).await
    }

    /// When something was first recorded of any delivery of this channel (it got there, failed or was given up), if it ever
    /// was. It reads all deliveries of the channel. For jobs; no user sees it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn first_delivery_outcome(
        &self,
        channel: Channel,
    ) -> Result<Option<DateTime<Utc>>, QueryError> {
        deliveries::first_outcome(&self.db, channel).await
    }

    /// At most `limit` deliveries of this channel that were never tried, of events that were recorded between these, the
    /// oldest first. For jobs; no user sees it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn untried_deliveries(
        &self,
        channel: Channel,
        due: Range<DateTime<Utc>>,
        limit: u16,
    ) -> Result<Vec<DeliveryId>, QueryError> {
        deliveries::untried_ids(&self.db, channel, due, limit).await
    }

    /// How many deliveries are in trouble now: those that are tried again, and those that were given up at this instant or
    /// later.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn delivery_counts(&self, given_up_from: DateTime<Utc>) -> Result<DeliveryCounts, QueryError> {
        deliveries::counts(&self.db, given_up_from).await
    }

    /// Whoever came back by a link in a mail to him, which the caller has proved. None: he is no member any more.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn mail_reader(&self, team: TeamId, user: UserId) -> Result<Option<Reader>, QueryError> {
        deliveries::reader(&self.db, team, user).await
    }

    /// At most `limit` deliveries (0 counts as 1) that were given up, what was last given up first. For operators.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn deliveries_given_up(&self, limit: u16) -> Result<Vec<GivenUp>, QueryError> {
        deliveries::given_up(&self.db, limit).await
    }

    /// Every generation of every projector.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn statuses(&self) -> Result<Vec<ProjectorStatus>, QueryError> {
        Ok(runner::statuses(&self.db).await?)
    }

    /// Waits until every read model has taken in this position, whichever process runs them.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn wait_for(&self, position: Position, limit: Duration) -> Result<(), WaitError> {
        let mut moved = self.moved.subscribe();
        let deadline = Instant::now() + limit;
        let mut quiet = false;
        loop {
            let told = *moved.borrow_and_update();
            if told >= position {
                return Ok(());
            }
            // A runner of this process tells of every move. Where none tells anything, the table is asked.
            let late = Instant::now() >= deadline;
            if quiet || late || told == Position::default() {
                let at = self.slowest().await?;
                if at >= position {
                    return Ok(());
                }
                if late {
                    return Err(WaitError::TimedOut { at });
                }
            }
            let until = deadline.min(Instant::now() + POLL);
            quiet = tokio::time::timeout_at(until, moved.changed()).await.is_err();
        }
    }

    /// How far the read models are that are read; one that is not is nowhere.
    async fn slowest(&self) -> Result<Position, DbError> {
        let statuses = runner::statuses(&self.db).await?;
        let position = |name: &str| {
            let mut own = statuses.iter().filter(|status| status.name == name);
            own.find(|status| status.state == State::Active)
                .map_or(Position::default(), |status| status.position)
        };
        Ok(crate::all().iter().map(|projector| position(projector.name())).min().unwrap_or_default())
    }
}

async fn answer_together(db: Db, mut queue: mpsc::Receiver<Question>) {
    let mut questions = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut questions, GROUP).await > 0 {
        let asked: Vec<Asked> = questions.iter().map(|question| question.asked).collect();
        match project_usage::months(&db, &asked).await {
            Ok(answers) => {
                for (question, answer) in questions.drain(..).zip(answers) {
                    let _ = question.answer.send(Ok(answer));
                }
            }
            Err(QueryError::Building) => {
                for question in questions.drain(..) {
                    let _ = question.answer.send(Err(QueryError::Building));
                }
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::error!(%error, cause, "project usage cannot be read");
                for question in questions.drain(..) {
                    let _ = question.answer.send(Err(QueryError::Group(error.to_string())));
                }
            }
        }
    }
}
