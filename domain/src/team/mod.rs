//! A team: its members, its projects and its plan. Stream: `{team_id}`.
//!
//! ```text
//!                          members, projects, plan
//!                               ┌────┐
//!              TeamRegistered   ▼    │   TeamRemoved
//!   (nothing) ────────────────▶ active ─────────────▶ removed
//!                                 ▲                      │
//!                                 └──────────────────────┘
//!                                      TeamRegistered
//! ```
//!
//! A plan: PlanActivated begins a term of one calendar month, PlanRenewed adds one, RenewalDue reminds 5 days and 1 day
//! before its end, and 3 days after it PlanLapsed puts the team back on the free plan.
//!
//! The PaaS keeps its directory here: every command is idempotent, so that it may send its whole directory
//! again at any time. What one stream cannot know (who owns which other teams, whether a slug is taken) comes
//! with the command; `store::commands` finds it out and makes sure that it still holds when the events land.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use command::{Forecast, PaidBy, TeamCommand, UsageNow};
pub use decide::{GRACE, REMINDERS, decide};
pub use event::{
    LimitForecast, MemberAdded, MemberContactChanged, MemberRemoved, MemberRoleChanged, PlanActivated,
    PlanLapsed, PlanRenewed, ProjectMoved, ProjectRegistered, ProjectRemoved, ProjectRenamed,
    ProjectSourceChosen, RenewalDue, SubjectErased, TeamEvent, TeamRegistered, TeamRemoved, TeamRenamed,
    UnlinkedStorageMeasured, UsageAlertCleared, UsageAlertRaised,
};
pub use refusal::TeamRefusal;
pub use state::{Contact, Project, Team, Term};

use crate::plan::Catalogue;

/// What a member may do in a team, as the PaaS has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Owns the team.
    Owner,
    /// Administers it: may pay and cancel, as the owner may.
    Admin,
    /// Reads.
    Member,
}

impl Role {
    /// The text that the PaaS, events and read models use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

/// What a plan limits by the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Ingress plus egress. It only grows within a month.
    Traffic,
    /// Volumes, images and writable layers. It may shrink.
    Storage,
}

impl Resource {
    /// The text that events and read models use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Storage => "storage",
        }
    }
}

impl Aggregate for Team {
    const TYPE: &'static str = "team";
    type Command = TeamCommand;
    type Event = TeamEvent;
    type Error = TeamRefusal;
    type Services = Catalogue;

    async fn handle(
        &mut self,
        command: TeamCommand,
        plans: &Catalogue,
        sink: &EventSink<Self>,
    ) -> Result<(), TeamRefusal> {
        for event in decide(self, command, plans)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TeamEvent) {
        self.evolve(&event);
    }
}
