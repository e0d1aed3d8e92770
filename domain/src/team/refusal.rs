//! Why a command to a team is refused.

use chrono::{DateTime, Utc};

use crate::plan::Limit;
use crate::{ProjectId, RefusalKind};

/// Why a command to a team is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TeamRefusal {
    /// No such team, or not any more.
    #[error("the team is not registered")]
    NotRegistered,
    /// The project is not this team's.
    #[error("project {0} is not this team's")]
    NotItsProject(ProjectId),
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
    /// A time that ends before it begins.
    #[error("a plan's time ends after it begins")]
    EmptyPeriod,
    /// Another activation covers part of the time.
    #[error("a plan is active until {until} already")]
    PeriodTaken {
        /// When the active one ends.
        until: DateTime<Utc>,
    },
}

impl TeamRefusal {
    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::NotRegistered | Self::NotItsProject(_) => RefusalKind::NotFound,
            Self::PlanLimit { .. } => RefusalKind::PlanLimit,
            Self::UnknownPlan(_) | Self::EmptyPeriod => RefusalKind::Invalid,
            Self::PeriodTaken { .. } => RefusalKind::Conflict,
        }
    }
}
