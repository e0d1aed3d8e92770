//! What is done by the clock: seeing how it went, and having it done at once.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use store::state::jobs::{JobState, LastRun};
use tokio::time::{Instant, sleep};
use workers::jobs::{self, JobInfo, Runs};

use super::{AGAIN, Admin, AdminError};

/// How long a job may be without a node, as it is when one takes over from another.
const TAKEN_OVER: Duration = Duration::from_secs(5);

/// A job as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobRow {
    pub(crate) name: String,
    /// A cron pattern in UTC, or an interval: the one that the node which has it was told, else the usual one.
    pub(crate) schedule: String,
    pub(crate) does: String,
    /// The setting that turns it on; none: it is always on.
    pub(crate) turned_on_by: Option<String>,
    /// The node that has it now.
    pub(crate) node: Option<String>,
    /// The last one that was noted. Of a job that runs more often than once a minute there may have been later ones.
    pub(crate) last_run: Option<LastRun>,
    /// How many runs were noted.
    pub(crate) runs: i64,
    /// The next of its times. Of a job with an interval, while a node has it, its next turn: in step with the last run that
    /// was noted, and so never past, however many were not noted since ([`Runs::next_after`]). Neither knows of runs that
    /// are asked for or tried again.
    pub(crate) next_run: Option<DateTime<Utc>>,
    /// Since when somebody wants it run.
    pub(crate) requested_at: Option<DateTime<Utc>>,
}

/// The wish that a job be run, as the state has noted it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct JobWish {
    /// What the state knows it by: a wish that takes its place has another.
    pub(crate) requested_at: DateTime<Utc>,
    /// How many runs were noted before it.
    pub(crate) runs: i64,
}

impl JobRow {
    fn new(info: &JobInfo, state: Option<&JobState>, now: DateTime<Utc>) -> Self {
        let held = state.filter(|state| state.holder.is_some());
        let runs = held.and_then(|held| held.every).map_or(info.runs, Runs::Every);
        let begun = held.and_then(|held| held.last.as_ref()).map(|last| last.started_at);
        Self {
            name: state.map_or_else(|| info.name.into(), |state| state.name.clone()),
            schedule: match runs {
                Runs::At(cron) => cron.to_owned(),
                Runs::Every(interval) => format!("every {}", humantime::format_duration(interval)),
            },
            does: info.does.into(),
            turned_on_by: info.turned_on_by.map(str::to_owned),
            node: held.and_then(|held| held.holder.clone()),
            last_run: state.and_then(|state| state.last.clone()),
            runs: state.map_or(0, |state| state.runs),
            next_run: runs.next_after(now, begun),
            requested_at: state.and_then(|state| state.requested_at),
        }
    }

    /// Whether the last run that was noted began after this wish. Instants do not tell: they are by the clocks of whoever
    /// wished and whoever ran.
    pub(crate) fn fulfils(&self, wish: JobWish) -> bool {
        match self.requested_at {
            // A wish goes with the run that it led to. Had another one taken its place, that one came later still.
            None => true,
            // Another one has, and its run is still to come. Of two runs that were noted since, the first may have been
            // under way, but the second began after that.
            Some(standing) => standing != wish.requested_at && self.runs >= wish.runs + 2,
        }
    }
}

impl Admin {
    pub(crate) async fn jobs(&self) -> Result<Vec<JobRow>, AdminError> {
        let now = Utc::now();
        let states = self.state.jobs().await?;
        let mut rows = Vec::new();
        for info in &jobs::ALL {
            let own: Vec<_> = states.iter().filter(|state| kind_of(&state.name) == info.name).collect();
            if own.is_empty() {
                rows.push(JobRow::new(info, None, now));
            }
            rows.extend(own.into_iter().map(|state| JobRow::new(info, Some(state), now)));
        }
        Ok(rows)
    }

    /// Has the node that runs this job run it at once; what came of it is seen in [`Self::jobs`], once a row of that
    /// [fulfils](JobRow::fulfils) the wish.
    pub(crate) async fn request_job(&self, name: &str) -> Result<JobWish, AdminError> {
        let info = named(name)?;
        let patience = Instant::now() + TAKEN_OVER;
        let is_held = |jobs: Vec<JobState>| jobs.iter().any(|job| job.name == name && job.holder.is_some());
        while !is_held(self.state.jobs().await?) {
            if Instant::now() > patience {
                return Err(nobody_runs(info));
            }
            sleep(AGAIN).await;
        }
        let at = Utc::now().trunc_subsecs(3);
        let job = self.state.request_job(name, at).await?.ok_or_else(|| nobody_runs(info))?;
        if let Some(coordinator) = &self.coordinator {
            coordinator.ring(name);
        }
        Ok(JobWish { requested_at: job.requested_at.unwrap_or(at), runs: job.runs })
    }
}

/// What there is to know of the job with this name.
pub(super) fn named(name: &str) -> Result<&'static JobInfo, AdminError> {
    let known = || jobs::ALL.map(|info| info.name).join(", ");
    jobs::named(kind_of(name)).ok_or_else(|| AdminError::UnknownJob { name: name.into(), known: known() })
}

pub(super) fn nobody_runs(info: &'static JobInfo) -> AdminError {
    AdminError::NobodyRuns { name: info.name, turn_on: info.turned_on_by.unwrap_or("the role workers") }
}

/// A job that is done to one of several things has that one's name too: `traefik:second`.
fn kind_of(name: &str) -> &str {
    name.split_once(':').map_or(name, |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use store::state::jobs::Epoch;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    /// A job whose last run, as it was noted, began at 4.
    fn job(holder: Option<&str>, every: Option<u64>) -> JobState {
        let last = LastRun {
            started_at: at("04:00:00"),
            finished_at: at("04:00:01"),
            failed: false,
            report: "done".into(),
        };
        JobState {
            name: "any".into(),
            epoch: Epoch(3),
            holder: holder.map(str::to_owned),
            every: every.map(Duration::from_secs),
            done_slot: None,
            requested_at: None,
            last: Some(last),
            runs: 7,
        }
    }

    /// What is shown of its schedule and its next run at one minute and 3 seconds past 4.
    fn next(name: &str, state: Option<&JobState>) -> (String, Option<DateTime<Utc>>) {
        let row = JobRow::new(jobs::named(name).unwrap(), state, at("04:01:03"));
        (row.schedule, row.next_run)
    }

    #[test]
    fn the_next_run_is_the_next_turn_of_the_node_that_has_the_job() {
        let every = |text: &str, next: Option<&str>| (format!("every {text}"), next.map(at));
        let held = job(Some("one"), Some(10));
        assert_eq!(next("limits", Some(&held)), every("10s", Some("04:01:10")));
        assert_eq!(next("nic", Some(&job(Some("one"), Some(45)))), every("45s", Some("04:01:30")));
        assert_eq!(next("nic", Some(&job(Some("of before"), None))), every("10s", Some("04:01:10")));
        // Nobody has it, nobody knows yet when it begins, nobody ever had it.
        assert_eq!(next("nic", Some(&job(None, Some(45)))), every("10s", None));
        assert_eq!(next("limits", Some(&JobState { last: None, ..held })), every("10s", None));
        assert_eq!(next("limits", None), every("10s", None));
        // Its time comes, whoever will have it then.
        for state in [job(Some("one"), None), job(None, None)] {
            let four = "2026-11-25T04:00:00Z".parse().unwrap();
            assert_eq!(next("storage", Some(&state)), ("0 4 * * *".into(), Some(four)));
        }
    }

    #[test]
    fn a_wish_is_fulfilled_by_a_run_that_began_after_it() {
        let ours = JobWish { requested_at: at("04:00:00"), runs: 7 };
        let fulfils = |requested_at: Option<&str>, runs| {
            let state = JobState { requested_at: requested_at.map(at), runs, ..job(Some("one"), None) };
            JobRow::new(jobs::named("months").unwrap(), Some(&state), at("04:00:00")).fulfils(ours)
        };
        assert!(!fulfils(Some("04:00:00"), 7) && !fulfils(Some("04:00:00"), 8), "a run that was under way");
        assert!(fulfils(None, 8) && fulfils(None, 9));
        // Somebody else's, whose clock may be ahead or behind.
        for theirs in [Some("03:00:00"), Some("05:00:00")] {
            assert_eq!([7, 8, 9].map(|runs| fulfils(theirs, runs)), [false, false, true], "{theirs:?}");
        }
    }
}
