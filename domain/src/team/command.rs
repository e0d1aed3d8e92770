//! What can be asked of a team.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Resource, Role};
use crate::plan::PlanName;
use crate::{ByteCount, Language, Month, PaymentId, ProjectId, Sealed, Slug, TeamId, TrafficSource, UserId};

/// A command to one team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamCommand {
    /// The team exists and is called this.
    Register {
        /// What people call it.
        name: String,
        /// Its name in addresses, which no other team has.
        slug: Slug,
    },
    /// The user belongs to the team in this role.
    PutMember {
        /// The user.
        user_id: UserId,
        /// The role.
        role: Role,
        /// How many other teams on the free plan the user owns: no stream but the directory knows it.
        other_free_teams: u64,
    },
    /// The user does not belong to the team.
    RemoveMember {
        /// The user.
        user_id: UserId,
    },
    /// The member is reached so from now on.
    SetContact {
        /// The user.
        user_id: UserId,
        /// The e-mail address, if there is one.
        email: Option<Sealed>,
        /// The language, if one was chosen.
        language: Option<Language>,
        /// No mails that he can do without.
        muted: bool,
    },
    /// The member gets no more mails that he can do without, or gets them again.
    Mute {
        /// The user.
        user_id: UserId,
        /// No more.
        muted: bool,
    },
    /// The person is to be forgotten.
    EraseSubject {
        /// The user.
        user_id: UserId,
    },
    /// The project's traffic is counted so from now on.
    ChooseSource {
        /// The project.
        project_id: ProjectId,
        /// What counts; none: what counts for all projects.
        source: Option<TrafficSource>,
    },
    /// The project is this team's and is called this.
    PutProject {
        /// The project.
        project_id: ProjectId,
        /// What people call it.
        name: String,
        /// The team it comes from, when it was another's until now.
        moved_from: Option<TeamId>,
    },
    /// The project is another team's from now on.
    GiveProject {
        /// The project.
        project_id: ProjectId,
        /// The team that takes it.
        to_team: TeamId,
    },
    /// The project does not exist any more.
    RemoveProject {
        /// The project.
        project_id: ProjectId,
        /// From when on its traffic is refused.
        at: DateTime<Utc>,
    },
    /// The team is on this plan for one calendar month: from where its time on the same plan ends, else from now.
    ActivatePlan {
        /// The plan.
        plan: PlanName,
        /// The payment that paid for it; none when it was given.
        paid_by: Option<PaidBy>,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Time has passed: a renewal may be due, or the plan's time over.
    CheckPlan {
        /// Now.
        at: DateTime<Utc>,
    },
    /// The team has used this much: an alert may be due.
    ReportUsage(UsageNow),
    /// At this pace the team reaches a limit before the month ends: that may have to be told.
    ReportForecast(Forecast),
    /// Take down what the team's folders come to that no project mounts.
    MeasureUnlinkedStorage {
        /// All of them together.
        bytes: ByteCount,
        /// When it was measured.
        measured_at: DateTime<Utc>,
        /// Who measured.
        source: String,
    },
    /// The team does not exist any more, and neither do its projects.
    Remove {
        /// From when on the traffic of its projects is refused.
        at: DateTime<Utc>,
    },
}

/// What pays for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidBy {
    /// The payment.
    pub payment_id: PaymentId,
    /// Which of the team's paid months it pays: 1 is the first.
    pub period: u32,
}

/// What a team uses now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageNow {
    /// The UTC month.
    pub month: Month,
    /// Ingress plus egress of the month.
    pub traffic: ByteCount,
    /// As last measured.
    pub storage: ByteCount,
    /// When that was so.
    pub at: DateTime<Utc>,
}

/// When a team reaches a limit, at the pace of the last days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Of what.
    pub resource: Resource,
    /// The UTC month.
    pub month: Month,
    /// What is used now.
    pub used: ByteCount,
    /// The UTC day on which the limit is reached.
    pub reached_on: NaiveDate,
    /// Now.
    pub at: DateTime<Utc>,
}
