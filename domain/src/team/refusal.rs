//! Why a command to a team is refused.

use crate::plan::Limit;
use crate::{ProjectId, RefusalKind, UserId};

/// Why a command to a team is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TeamRefusal {
    /// No such team, or not any more.
    #[error("the team is not registered")]
    NotRegistered,
    /// The project is not this team's.
    #[error("project {0} is not this team's")]
    NotItsProject(ProjectId),
    /// The user is no member.
    #[error("user {0} is no member of the team")]
    NotAMember(UserId),
    /// A limit of the plan.
    #[error("the {plan} plan's {limit_name} is {}, and this would make it {wanted}", i64::from(*.limit))]
    PlanLimit {
        /// The limit's name in the catalogue: `max_projects`.
        limit_name: &'static str,
        /// What it allows.
        limit: Limit,
        /// How many there would be.
        wanted: u64,
        /// The plan.
        plan: String,
    },
    /// No such plan.
    #[error("there is no plan `{0}`")]
    UnknownPlan(String),
    /// Every team begins on the free plan and falls back to it.
    #[error("the free plan cannot be paid for or given: a team is on it when its paid time is over")]
    FreePlan,
    /// Another payment paid for the same month.
    #[error("the team's paid month no. {period} is paid by another payment")]
    PeriodPaid {
        /// Which.
        period: u32,
    },
    /// A time that ends after all calendars.
    #[error("the plan's time would end after the last date that can be written")]
    EndOfTime,
}

impl TeamRefusal {
    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::NotRegistered | Self::NotItsProject(_) | Self::NotAMember(_) => RefusalKind::NotFound,
            Self::PlanLimit { .. } => RefusalKind::PlanLimit,
            Self::UnknownPlan(_) | Self::FreePlan | Self::EndOfTime => RefusalKind::Invalid,
            Self::PeriodPaid { .. } => RefusalKind::Conflict,
        }
    }
}
