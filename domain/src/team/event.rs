//! What happens to a team. Every version ever written stays readable (`golden/team`).

use chrono::{DateTime, NaiveDate, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{Resource, Role};
use crate::plan::PlanName;
use crate::{ByteCount, Language, Month, PaymentId, ProjectId, Sealed, Slug, TeamId, TrafficSource, UserId};

/// An event of one team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TeamEvent {
    /// The team exists.
    TeamRegistered(TeamRegistered),
    /// It is called otherwise.
    TeamRenamed(TeamRenamed),
    /// It does not exist any more.
    TeamRemoved(TeamRemoved),
    /// A user belongs to it.
    MemberAdded(MemberAdded),
    /// A user does not belong to it any more.
    MemberRemoved(MemberRemoved),
    /// A member may do something else.
    MemberRoleChanged(MemberRoleChanged),
    /// A member is reached otherwise.
    MemberContactChanged(MemberContactChanged),
    /// A person is to be forgotten.
    SubjectErased(SubjectErased),
    /// A project is its own.
    ProjectRegistered(ProjectRegistered),
    /// A project is called otherwise.
    ProjectRenamed(ProjectRenamed),
    /// A project's traffic is counted otherwise.
    ProjectSourceChosen(ProjectSourceChosen),
    /// A project is another team's.
    ProjectMoved(ProjectMoved),
    /// A project does not exist any more.
    ProjectRemoved(ProjectRemoved),
    /// It is on a plan that it was not on before.
    PlanActivated(PlanActivated),
    /// It stays on its plan for another month.
    PlanRenewed(PlanRenewed),
    /// Its plan's time ends soon.
    RenewalDue(RenewalDue),
    /// Its plan's time is over, and so is the grace.
    PlanLapsed(PlanLapsed),
    /// It has used so much of what its plan allows.
    UsageAlertRaised(UsageAlertRaised),
    /// What an alert was raised for has clearly fallen below it.
    UsageAlertCleared(UsageAlertCleared),
    /// It will have used all of what its plan allows before the month ends.
    LimitForecast(LimitForecast),
    /// What its folders come to that no project mounts.
    UnlinkedStorageMeasured(UnlinkedStorageMeasured),
}

/// The team exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRegistered {
    /// What people call it.
    pub name: String,
    /// Its name in addresses.
    pub slug: Slug,
}

/// The team is called otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRenamed {
    /// What people call it from now on.
    pub name: String,
    /// Its name in addresses from now on.
    pub slug: Slug,
}

/// The team does not exist any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamRemoved {
    /// Since when.
    pub at: DateTime<Utc>,
}

/// A user belongs to the team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberAdded {
    /// The user.
    pub user_id: UserId,
    /// What he may do.
    pub role: Role,
}

/// A user does not belong to the team any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRemoved {
    /// The user.
    pub user_id: UserId,
}

/// A member may do something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRoleChanged {
    /// The user.
    pub user_id: UserId,
    /// What he may do from now on.
    pub role: Role,
}

/// A member is reached otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberContactChanged {
    /// The user.
    pub user_id: UserId,
    /// The e-mail address from now on; none: there is none.
    pub email: Option<Sealed>,
    /// The language from now on; none: the default one.
    pub language: Option<Language>,
    /// He gets no mails that he can do without; nobody had a choice in history from before that was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
}

/// A person is to be forgotten: the key of what was sealed for him is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectErased {
    /// The user.
    pub user_id: UserId,
}

/// A project is the team's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRegistered {
    /// The project.
    pub project_id: ProjectId,
    /// What people call it.
    pub name: String,
    /// The team it was before, when it was another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<TeamId>,
}

/// A project is called otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRenamed {
    /// The project.
    pub project_id: ProjectId,
    /// What people call it from now on.
    pub name: String,
}

/// A project's traffic is counted otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectSourceChosen {
    /// The project.
    pub project_id: ProjectId,
    /// What counts from now on; none: what counts for all projects.
    pub source: Option<TrafficSource>,
}

/// A project is another team's from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectMoved {
    /// The project.
    pub project_id: ProjectId,
    /// The team whose it is.
    pub to_team: TeamId,
}

/// A project does not exist any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRemoved {
    /// The project.
    pub project_id: ProjectId,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// The team is on a plan, which it was not on before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanActivated {
    /// The plan.
    pub plan: PlanName,
    /// The payment that paid for it; none when it was given.
    pub payment_id: Option<PaymentId>,
    /// Which of the team's paid months it is; none when it was given.
    pub period: Option<u32>,
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub until: DateTime<Utc>,
}

/// The team stays on its plan for another month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRenewed {
    /// The plan.
    pub plan: PlanName,
    /// The payment that paid for it; none when it was given.
    pub payment_id: Option<PaymentId>,
    /// Which of the team's paid months it is; none when it was given.
    pub period: Option<u32>,
    /// The first instant of the new month: where the one before ends.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub until: DateTime<Utc>,
}

/// The plan's time ends soon, and nothing has been paid for the time after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalDue {
    /// The plan.
    pub plan: PlanName,
    /// The first instant after its time.
    pub until: DateTime<Utc>,
    /// How many days before that the reminder was due: 5 or 1.
    pub days_before: u8,
}

/// The plan's time is over, and so is the grace: the team is on the free plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLapsed {
    /// The plan that it was on.
    pub plan: PlanName,
    /// The first instant after the time that was paid for.
    pub until: DateTime<Utc>,
    /// When it lapsed.
    pub at: DateTime<Utc>,
}

/// The team has used so much of what its plan allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageAlertRaised {
    /// Of what.
    pub resource: Resource,
    /// How much of the limit, in per cent: 80, 95 or 100.
    pub threshold: u8,
    /// The UTC month.
    pub month: Month,
    /// What was used then.
    pub used: ByteCount,
    /// What the plan allows.
    pub limit: ByteCount,
    /// When.
    pub at: DateTime<Utc>,
}

/// Storage has fallen so far below an alert that it may be raised again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageAlertCleared {
    /// Of what.
    pub resource: Resource,
    /// The highest threshold that counts as raised from now on; none: no alert does.
    pub standing: Option<u8>,
    /// The UTC month.
    pub month: Month,
    /// What was used then.
    pub used: ByteCount,
    /// What the plan allows.
    pub limit: ByteCount,
    /// When.
    pub at: DateTime<Utc>,
}

/// The team will have used all of what its plan allows before the month ends, at the pace of the last days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitForecast {
    /// Of what.
    pub resource: Resource,
    /// The UTC month.
    pub month: Month,
    /// What was used then.
    pub used: ByteCount,
    /// What the plan allows.
    pub limit: ByteCount,
    /// The UTC day on which the limit will be reached.
    pub reached_on: NaiveDate,
    /// When this was seen.
    pub at: DateTime<Utc>,
}

/// What the team's folders come to that no project mounts: they are in no project's figures, and count for the team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlinkedStorageMeasured {
    /// All of them together.
    pub bytes: ByteCount,
    /// When it was measured.
    pub measured_at: DateTime<Utc>,
    /// Who measured.
    pub source: String,
}

impl DomainEvent for TeamEvent {
    fn event_type(&self) -> String {
        match self {
            Self::TeamRegistered(_) => "TeamRegistered",
            Self::TeamRenamed(_) => "TeamRenamed",
            Self::TeamRemoved(_) => "TeamRemoved",
            Self::MemberAdded(_) => "MemberAdded",
            Self::MemberRemoved(_) => "MemberRemoved",
            Self::MemberRoleChanged(_) => "MemberRoleChanged",
            Self::MemberContactChanged(_) => "MemberContactChanged",
            Self::SubjectErased(_) => "SubjectErased",
            Self::ProjectRegistered(_) => "ProjectRegistered",
            Self::ProjectRenamed(_) => "ProjectRenamed",
            Self::ProjectSourceChosen(_) => "ProjectSourceChosen",
            Self::ProjectMoved(_) => "ProjectMoved",
            Self::ProjectRemoved(_) => "ProjectRemoved",
            Self::PlanActivated(_) => "PlanActivated",
            Self::PlanRenewed(_) => "PlanRenewed",
            Self::RenewalDue(_) => "RenewalDue",
            Self::PlanLapsed(_) => "PlanLapsed",
            Self::UsageAlertRaised(_) => "UsageAlertRaised",
            Self::UsageAlertCleared(_) => "UsageAlertCleared",
            Self::LimitForecast(_) => "LimitForecast",
            Self::UnlinkedStorageMeasured(_) => "UnlinkedStorageMeasured",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
