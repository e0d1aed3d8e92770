//! Every job there is, in one place.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::deliver::{MailJob, WebhooksJob};
use crate::job::{Job, schedule};
use crate::limits::LimitsJob;
use crate::months::MonthsJob;
use crate::nic::{self, NicJob};
use crate::payments::{ReconcileJob, RenewalsJob, SettleJob};
use crate::storage::StorageJob;
use crate::traefik::{self, TraefikJob};

/// What there is to know of a job before it runs.
#[derive(Debug, Clone, Copy)]
pub struct JobInfo {
    /// Its name.
    pub name: &'static str,
    /// When it runs.
    pub runs: Runs,
    /// What it does.
    pub does: &'static str,
    /// What turns it on; none: it is always on.
    pub turned_on_by: Option<&'static str>,
}

/// When a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// At this interval, unless it is set to another one.
    Every(Duration),
    /// At these times: a cron pattern, in UTC.
    At(&'static str),
}

impl Runs {
    /// When it is run next after this instant: at the first of its times, or in the first turn that is in step with a run
    /// that is known to have begun ([`schedule::next_turn`]). Where none is, nobody can tell its turns from here.
    #[must_use]
    pub fn next_after(self, now: DateTime<Utc>, begun: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        match self {
            Self::Every(interval) => schedule::next_turn(begun?, interval, now),
            Self::At(cron) => schedule::next_time(cron, now),
        }
    }
}

/// All of them.
pub const ALL: [JobInfo; 10] = [
    JobInfo {
        name: SettleJob::NAME,
        runs: Runs::Every(SettleJob::SCHEDULE.interval),
        does: "turns captured payments into plans or refunds",
        turned_on_by: None,
    },
    JobInfo {
        name: ReconcileJob::NAME,
        runs: Runs::Every(ReconcileJob::SCHEDULE.interval),
        does: "asks the payment backend about open payments",
        turned_on_by: Some("PAYMENT_BACKEND_URL"),
    },
    JobInfo {
        name: RenewalsJob::NAME,
        runs: Runs::Every(RenewalsJob::SCHEDULE.interval),
        does: "reminds of renewals, and ends plans whose grace is over",
        turned_on_by: None,
    },
    JobInfo {
        name: LimitsJob::NAME,
        runs: Runs::Every(LimitsJob::SCHEDULE.interval),
        does: "holds what teams use against their plans, and raises alerts",
        turned_on_by: None,
    },
    JobInfo {
        name: MonthsJob::NAME,
        runs: Runs::At(MonthsJob::CRON),
        does: "closes the month before, 72 hours after its end",
        turned_on_by: None,
    },
    JobInfo {
        name: StorageJob::NAME,
        runs: Runs::At(StorageJob::CRON),
        does: "measures each project's disk",
        turned_on_by: Some("SERVELINK_STORAGE"),
    },
    JobInfo {
        name: TraefikJob::NAME,
        runs: Runs::Every(traefik::DEFAULT_INTERVAL),
        does: "reads Traefik's counters",
        turned_on_by: Some("SERVELINK_TRAEFIK_URL"),
    },
    JobInfo {
        name: NicJob::NAME,
        runs: Runs::Every(nic::DEFAULT_INTERVAL),
        does: "reads the counters of containers' network interfaces",
        turned_on_by: Some("SERVELINK_NIC"),
    },
    JobInfo {
        name: MailJob::NAME,
        runs: Runs::Every(MailJob::SCHEDULE.interval),
        does: "sends mail to members",
        turned_on_by: Some("MAIL_URL"),
    },
    JobInfo {
        name: WebhooksJob::NAME,
        runs: Runs::Every(WebhooksJob::SCHEDULE.interval),
        does: "sends webhooks to the PaaS",
        turned_on_by: Some("SERVELINK_WEBHOOK_URL"),
    },
];

/// The job of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static JobInfo> {
    ALL.iter().find(|job| job.name == name)
}
