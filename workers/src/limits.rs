//! Holds what teams use against what their plans allow, and has alerts raised and forecasts told. What an alert is, and
//! whether a forecast was told already, the team decides.
//!
//! It looks at all teams every ten seconds, so that nobody learns of a limit a day late. Teams that use little, and those
//! that use as much as at the last look, cost nothing but the look.

mod forecasts;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::forecast::Pace;
use domain::month::MonthError;
use domain::plan::{Catalogue, PlanName};
use domain::team::{Forecast, Resource, UsageNow};
use domain::{ByteCount, Month, TeamId};
use projections::{QueryError, ReadModels, TeamTotals};
use store::Clock;
use store::commands::{Actor, CommandError, Commands};
use store::known::Known;

use self::forecasts::Forecasts;
use crate::job::{Job, Schedule};

const INTERVAL: Duration = Duration::from_secs(10);
const RUN_LIMIT: Duration = Duration::from_secs(300);
/// What uses less of its limit than this (in per cent) can neither raise an alert nor let one fall.
const NOTHING_BELOW: u64 = 75;

/// Why a run did not look at all teams.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// What they use cannot be read.
    #[error("what teams use cannot be read")]
    Usage(#[from] QueryError),
    /// An alert or a forecast was not recorded.
    #[error("an alert or a forecast was not recorded")]
    Command(#[from] CommandError),
    /// The clock is out of all months.
    #[error("the clock shows no month that can be held")]
    Month(#[from] MonthError),
}

/// What a run found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LimitsReport {
    /// Teams that were looked at.
    pub teams: usize,
    /// Of these, those whose use was reported to them.
    pub reported: usize,
}

impl fmt::Display for LimitsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} teams looked at, {} of them near or over a limit", self.teams, self.reported)
    }
}

/// The job.
pub struct LimitsJob {
    commands: Arc<Commands>,
    known: Arc<Known>,
    reads: ReadModels,
    plans: Arc<Catalogue>,
    clock: Arc<dyn Clock>,
    /// What each team was last seen to use. Forgotten with the process: then all are reported, once.
    last: HashMap<TeamId, Seen>,
    forecasts: Forecasts,
}

/// How much a team uses, as far as alerts can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    month: Month,
    plan: PlanName,
    /// In whole per cent of the limit.
    traffic: u64,
    storage: u64,
}

impl LimitsJob {
    /// When it runs.
    pub const SCHEDULE: Schedule = Schedule { interval: INTERVAL, limit: RUN_LIMIT };

    /// The job over these.
    #[must_use]
    pub fn new(
        commands: Arc<Commands>,
        known: Arc<Known>,
        reads: ReadModels,
        plans: Arc<Catalogue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { commands, known, reads, plans, clock, last: HashMap::new(), forecasts: Forecasts::default() }
    }

    /// What is seen of a registered team.
    fn seen(&self, month: Month, totals: &TeamTotals) -> Option<Seen> {
        let plan = self.known.facts().teams.get(&totals.team_id)?.plan.clone();
        let limits = self.plans.in_force(&plan);
        let traffic = percent(totals.traffic, limits.traffic_limit());
        let storage = percent(totals.storage, limits.storage_limit());
        Some(Seen { month, plan, traffic, storage })
    }

    /// Has the team told when its traffic will reach the limit, if that is in this month. Of storage there is no forecast:
    /// it is measured once a day, and shrinks as well.
    async fn look_ahead(
        &mut self,
        totals: &TeamTotals,
        seen: &Seen,
        at: DateTime<Utc>,
    ) -> Result<(), LimitsError> {
        let (team, today) = (totals.team_id, at.date_naive());
        let limit = self.plans.in_force(&seen.plan).traffic_limit();
        let (Some(limit), Some(from)) = (limit, Pace::taken_from(today)) else { return Ok(()) };
        let recent = self.reads.recent_traffic(team, from, today).await?;
        let reached =
            Pace::of(&recent, today).and_then(|pace| pace.reaches(limit, totals.traffic, today, seen.month));
        if let Some(reached_on) = reached {
            let (resource, used) = (Resource::Traffic, totals.traffic);
            let forecast = Forecast { resource, month: seen.month, used, reached_on, at };
            self.commands.report_forecast(&Actor(Self::NAME.into()), team, forecast).await?;
        }
        self.forecasts.looked(team, seen, at, reached.is_some());
        Ok(())
    }
}

impl Job for LimitsJob {
    const NAME: &'static str = "limits";
    type Report = LimitsReport;
    type Error = LimitsError;

    fn taken(&mut self) {
        self.last.clear();
        self.forecasts = Forecasts::default();
    }

    async fn run(&mut self) -> Result<LimitsReport, LimitsError> {
        let at = self.clock.now();
        let month = Month::of(at)?;
        let all = match self.reads.team_totals(month).await {
            // At the first start there is nothing to read yet.
            Err(QueryError::Building) => return Ok(LimitsReport::default()),
            all => all?,
        };
        let mut report = LimitsReport { teams: all.len(), reported: 0 };
        let mut failed = None;
        for totals in all {
            let Some(seen) = self.seen(month, &totals) else { continue };
            if self.forecasts.are_due(totals.team_id, &seen, at)
                && let Err(error) = self.look_ahead(&totals, &seen, at).await
            {
                failed = Some(error);
            }
            let last = self.last.get(&totals.team_id);
            // What was not seen before is reported, little as it may be: an alert may have to fall that was raised when
            // another process looked, or none did.
            if last.is_some_and(|last| *last == seen || (is_little(&seen) && is_little(last))) {
                self.last.insert(totals.team_id, seen);
                continue;
            }
            let TeamTotals { team_id, traffic, storage } = totals;
            let now = UsageNow { month, traffic, storage, at };
            match self.commands.report_usage(&Actor(Self::NAME.into()), team_id, now).await {
                Ok(_) => {
                    self.last.insert(team_id, seen);
                    report.reported += 1;
                }
                Err(error) => failed = Some(error.into()),
            }
        }
        failed.map_or(Ok(report), Err)
    }
}

fn is_little(seen: &Seen) -> bool {
    seen.traffic < NOTHING_BELOW && seen.storage < NOTHING_BELOW
}

/// Whole per cent of the limit, rounded down; 0 without a limit. Of a limit of nothing, anything is all of it.
fn percent(used: ByteCount, limit: Option<ByteCount>) -> u64 {
    match limit.map(ByteCount::get) {
        None => 0,
        Some(0) => u64::from(used > ByteCount::ZERO) * 100,
        Some(limit) => u64::try_from(u128::from(used.get()) * 100 / u128::from(limit)).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cents_are_whole_and_need_a_limit() {
        let bytes = |bytes: u64| ByteCount::try_from(bytes).unwrap();
        assert_eq!(percent(bytes(799), Some(bytes(1_000))), 79);
        assert_eq!(percent(bytes(800), Some(bytes(1_000))), 80);
        assert_eq!(percent(ByteCount::MAX, Some(bytes(1))), u64::MAX, "more than can be counted");
        assert_eq!(percent(bytes(1), Some(ByteCount::ZERO)), 100);
        assert_eq!((percent(ByteCount::ZERO, Some(ByteCount::ZERO)), percent(bytes(1), None)), (0, 0));
    }
}
