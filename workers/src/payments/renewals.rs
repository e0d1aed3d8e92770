//! Reminds teams whose plan ends soon, and puts those back on the free plan whose time and grace are over. When that is,
//! the team decides.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::TeamId;
use store::Clock;
use store::commands::{Actor, CommandError, Commands};
use store::known::Known;

use crate::job::{Job, Schedule};

const INTERVAL: Duration = Duration::from_secs(60);
const RUN_LIMIT: Duration = Duration::from_secs(600);
/// A plan whose end is farther away need not be looked at.
const AHEAD: TimeDelta = TimeDelta::days(6);

/// What a run found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RenewalsReport {
    /// Teams whose plan ends soon, or has ended.
    pub looked_at: usize,
}

impl fmt::Display for RenewalsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} teams looked at", self.looked_at)
    }
}

/// The job.
pub struct RenewalsJob {
    commands: Arc<Commands>,
    known: Arc<Known>,
    clock: Arc<dyn Clock>,
}

impl RenewalsJob {
    /// When it runs.
    pub const SCHEDULE: Schedule = Schedule { interval: INTERVAL, limit: RUN_LIMIT };

    /// The job over these commands.
    #[must_use]
    pub fn new(commands: Arc<Commands>, known: Arc<Known>, clock: Arc<dyn Clock>) -> Self {
        Self { commands, known, clock }
    }
}

impl Job for RenewalsJob {
    const NAME: &'static str = "renewals";
    type Report = RenewalsReport;
    type Error = CommandError;

    async fn run(&mut self) -> Result<RenewalsReport, CommandError> {
        let ahead = self.clock.now() + AHEAD;
        let ending: Vec<TeamId> = {
            let facts = self.known.facts();
            let ending =
                facts.teams.iter().filter(|(_, team)| team.plan_until.is_some_and(|until| until <= ahead));
            ending.map(|(id, _)| *id).collect()
        };
        let actor = Actor(Self::NAME.into());
        let mut failed = None;
        for team in &ending {
            if let Err(error) = self.commands.check_plan(&actor, *team).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(RenewalsReport { looked_at: ending.len() }), Err)
    }
}
