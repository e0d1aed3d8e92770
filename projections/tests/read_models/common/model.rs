//! What a history adds up to, worked out event by event in memory: what the rows must be.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::comparison::{Comparison, ComparisonEvent};
use domain::payment::Payment;
use domain::team::{Team, TeamEvent, UsageAlertRaised};
use domain::usage::{TrafficRecorded, Usage, UsageEvent};
use servelink_projections::Db;
use store::Recorded;
use store::codec::decode;

use super::deliveries::Deliveries;
use super::paid::Paid;

/// Every table's rows as lines of text.
pub(crate) type Tables = BTreeMap<&'static str, BTreeSet<String>>;

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    ingress: i128,
    egress: i128,
    requests: i128,
    storage: Option<i128>,
}

impl Sums {
    /// As the log has it: each event's number on top of the others', and never over what SQL holds.
    fn take(&mut self, event: &UsageEvent) {
        let most = |sum: i128| sum.clamp(-i128::from(i64::MAX), i128::from(i64::MAX));
        let mut add = |ingress: i128, egress: i128, requests: i128| {
            self.ingress = most(self.ingress + ingress);
            self.egress = most(self.egress + egress);
            self.requests = most(self.requests + requests);
        };
        match event {
            UsageEvent::TrafficRecorded(e) => {
                add(e.ingress_bytes.get().into(), e.egress_bytes.get().into(), e.requests.into());
            }
            UsageEvent::UsageCorrected(e) => {
                add(e.delta.ingress_bytes.into(), e.delta.egress_bytes.into(), e.delta.requests.into());
            }
            UsageEvent::StorageMeasured(e) => self.storage = Some(e.total_bytes.get().into()),
            UsageEvent::MonthClosed(_) => {}
        }
    }

    fn text(&self) -> String {
        let storage = self.storage.map_or("-".into(), |bytes| bytes.to_string());
        format!("{}|{}|{}|{storage}", self.ingress, self.egress, self.requests)
    }
}

/// The rows that a history makes.
#[derive(Default)]
pub(crate) struct Model {
    /// With when it was first and last told of, and closed.
    months: BTreeMap<String, (Sums, i64, i64, Option<i64>)>,
    /// By team and position, and when it stopped to stand.
    alerts: BTreeMap<String, (UsageAlertRaised, Option<DateTime<Utc>>)>,
    days: BTreeMap<String, Sums>,
    /// By project, month and way: the sums, what of it was billed, and the first and the last time.
    sources: BTreeMap<String, (Sums, i128, i64, i64)>,
    teams: BTreeMap<String, Sums>,
    /// Project: team and storage.
    held: BTreeMap<String, (String, i128)>,
    /// By team and month.
    unlinked: BTreeMap<String, u64>,
    directory_teams: BTreeMap<String, [String; 3]>,
    members: BTreeMap<String, String>,
    projects: BTreeMap<String, [String; 3]>,
    paid: Paid,
    deliveries: Deliveries,
}

impl Model {
    pub(crate) fn of(history: &[Recorded]) -> Self {
        let mut model = Self::default();
        for recorded in history {
            model.deliveries.take(recorded);
            match recorded.stream.aggregate_type.as_ref() {
                Usage::TYPE => model.usage(recorded, &decode(recorded).unwrap()),
                Comparison::TYPE => {
                    let ComparisonEvent::TrafficCompared(traffic) = decode(recorded).unwrap();
                    model.seen(recorded, traffic, false);
                }
                Team::TYPE => model.team(recorded, decode(recorded).unwrap()),
                Payment::TYPE => model.paid.payment(recorded, &decode(recorded).unwrap()),
                _ => {}
            }
        }
        model
    }

    fn usage(&mut self, recorded: &Recorded, event: &UsageEvent) {
        if let UsageEvent::TrafficRecorded(traffic) = event {
            self.seen(recorded, traffic.clone(), true);
        }
        let (project, month) = recorded.stream.aggregate_id.split_once(':').unwrap();
        let now = recorded.recorded_at.timestamp_micros();
        let row =
            self.months.entry(format!("{project}|{month}")).or_insert((Sums::default(), now, now, None));
        row.0.take(event);
        row.2 = now;
        if matches!(event, UsageEvent::MonthClosed(_)) {
            row.3 = row.3.or(Some(now));
        }
        let day: Option<DateTime<Utc>> = match event {
            UsageEvent::TrafficRecorded(e) => Some(e.from),
            UsageEvent::StorageMeasured(e) => Some(e.measured_at),
            UsageEvent::UsageCorrected(e) => Some(e.at),
            UsageEvent::MonthClosed(_) => None,
        };
        if let Some(day) = day {
            self.days.entry(format!("{project}|{}", day.format("%Y-%m-%d"))).or_default().take(event);
        }
        if let Some((team, storage)) = self.held.get_mut(project) {
            self.teams.entry(format!("{team}|{month}|{project}")).or_default().take(event);
            if let UsageEvent::StorageMeasured(e) = event {
                *storage = e.total_bytes.get().into();
            }
        }
    }

    fn seen(&mut self, recorded: &Recorded, traffic: TrafficRecorded, is_billed: bool) {
        let way = traffic.kind.map_or("unknown".into(), |kind| kind.to_string());
        let key = format!("{}|{way}", recorded.stream.aggregate_id.replace(':', "|"));
        let (from, until) = (traffic.from.timestamp_micros(), traffic.until.timestamp_micros());
        let (sums, billed, first, last) =
            self.sources.entry(key).or_insert((Sums::default(), 0, from, until));
        if is_billed {
            let both = i128::from(traffic.ingress_bytes.get()) + i128::from(traffic.egress_bytes.get());
            *billed = (*billed + both).min(i64::MAX.into());
        }
        (*first, *last) = (from.min(*first), until.max(*last));
        sums.take(&UsageEvent::TrafficRecorded(traffic));
    }

    fn source_rows(&self) -> BTreeSet<String> {
        let row = |(key, (sums, billed, first, last)): (&String, &(Sums, i128, i64, i64))| {
            let Sums { ingress, egress, requests, .. } = sums;
            format!("{key}|{ingress}|{egress}|{requests}|{billed}|{first}|{last}")
        };
        self.sources.iter().map(row).collect()
    }

    fn team(&mut self, recorded: &Recorded, event: TeamEvent) {
        let team = recorded.stream.aggregate_id.clone();
        let month = recorded.recorded_at.format("%Y-%m");
        self.paid.team(&team, &event);
        match event {
            TeamEvent::TeamRegistered(e) => {
                self.directory_teams.insert(team, [e.slug.to_string(), e.name, "free".into()]);
            }
            TeamEvent::TeamRenamed(e) => {
                let row = self.directory_teams.get_mut(&team).unwrap();
                (row[0], row[1]) = (e.slug.to_string(), e.name);
            }
            TeamEvent::TeamRemoved(_) => {
                self.directory_teams.remove(&team);
                self.members.retain(|key, _| !key.starts_with(&team));
                self.alerts.retain(|key, _| !key.starts_with(&team));
                self.unlinked.insert(format!("{team}|{month}"), 0);
            }
            TeamEvent::UnlinkedStorageMeasured(e) => {
                let month = e.measured_at.format("%Y-%m");
                self.unlinked.insert(format!("{team}|{month}"), e.bytes.get());
            }
            TeamEvent::MemberAdded(e) => {
                self.members.insert(format!("{team}|{}", e.user_id), e.role.as_str().into());
            }
            TeamEvent::MemberRoleChanged(e) => {
                self.members.insert(format!("{team}|{}", e.user_id), e.role.as_str().into());
            }
            TeamEvent::MemberRemoved(e) => {
                self.members.remove(&format!("{team}|{}", e.user_id));
            }
            TeamEvent::ProjectRegistered(e) => {
                let project = e.project_id.to_string();
                let storage = self.held.get(&project).map_or(0, |held| held.1);
                if storage > 0 {
                    self.teams.entry(format!("{team}|{month}|{project}")).or_default().storage =
                        Some(storage);
                }
                self.held.insert(project.clone(), (team.clone(), storage));
                self.projects.insert(project, [team, e.name, "-".into()]);
            }
            TeamEvent::ProjectRenamed(e) => {
                self.projects.insert(e.project_id.to_string(), [team, e.name, "-".into()]);
            }
            TeamEvent::ProjectMoved(e) => {
                self.teams.entry(format!("{team}|{month}|{}", e.project_id)).or_default().storage = Some(0);
            }
            TeamEvent::ProjectRemoved(e) => {
                let project = e.project_id.to_string();
                self.teams.entry(format!("{team}|{month}|{project}")).or_default().storage = Some(0);
                self.projects.get_mut(&project).unwrap()[2] = e.at.timestamp_micros().to_string();
                self.held.insert(project, (team, 0));
            }
            TeamEvent::PlanActivated(e) => {
                self.directory_teams.get_mut(&team).unwrap()[2] = e.plan.to_string();
                self.clear_alerts(&team, recorded.recorded_at, |_| true);
            }
            TeamEvent::PlanLapsed(_) => {
                self.directory_teams.get_mut(&team).unwrap()[2] = "free".into();
                self.clear_alerts(&team, recorded.recorded_at, |_| true);
            }
            TeamEvent::PlanRenewed(_)
            | TeamEvent::RenewalDue(_)
            | TeamEvent::MemberContactChanged(_)
            | TeamEvent::SubjectErased(_)
            | TeamEvent::ProjectSourceChosen(_)
            | TeamEvent::LimitForecast(_) => {}
            TeamEvent::UsageAlertRaised(e) => {
                let key = format!("{team}|{}", recorded.position);
                self.alerts.insert(key, (e, None));
            }
            TeamEvent::UsageAlertCleared(e) => {
                let standing = e.standing.unwrap_or_default();
                self.clear_alerts(&team, e.at, |alert| {
                    alert.resource == e.resource && alert.threshold > standing
                });
            }
        }
    }

    fn clear_alerts(&mut self, team: &str, at: DateTime<Utc>, fallen: impl Fn(&UsageAlertRaised) -> bool) {
        let own = self.alerts.iter_mut().filter(|(key, _)| key.starts_with(team));
        for (_, (_, cleared)) in own.filter(|(_, (alert, cleared))| cleared.is_none() && fallen(alert)) {
            *cleared = Some(at);
        }
    }

    fn alert_rows(&self) -> BTreeSet<String> {
        let row = |(key, (alert, cleared)): (&String, &(UsageAlertRaised, Option<DateTime<Utc>>))| {
            let UsageAlertRaised { resource, threshold, month, used, limit, at } = alert;
            let (resource, raised) = (resource.as_str(), at.timestamp_micros());
            let cleared = cleared.map_or("-".into(), |at| at.timestamp_micros().to_string());
            let (used, limit) = (used.get(), limit.get());
            format!("{key}|{resource}|{threshold}|{month}|{used}|{limit}|{raised}|{cleared}")
        };
        self.alerts.iter().map(row).collect()
    }

    pub(crate) fn tables(&self) -> Tables {
        let lines = |rows: &BTreeMap<String, Sums>| {
            rows.iter().map(|(key, sums)| format!("{key}|{}", sums.text())).collect::<BTreeSet<_>>()
        };
        let texts = |rows: &BTreeMap<String, [String; 3]>| {
            rows.iter().map(|(key, row)| format!("{key}|{}", row.join("|"))).collect::<BTreeSet<_>>()
        };
        let months = self.months.iter().map(|(key, (sums, first, last, closed))| {
            let closed = closed.map_or("-".into(), |at| at.to_string());
            format!("{key}|{}|{first}|{last}|{closed}", sums.text())
        });
        let held = self.held.iter().map(|(project, (team, storage))| format!("{project}|{team}|{storage}"));
        let members = self.members.iter().map(|(key, role)| format!("{key}|{role}"));
        BTreeMap::from([
            ("project_usage", months.collect()),
            ("project_usage_day", lines(&self.days)),
            ("team_usage", lines(&self.teams)),
            ("team_usage_project", held.collect()),
            (
                "team_usage_unlinked",
                self.unlinked.iter().map(|(key, bytes)| format!("{key}|{bytes}")).collect(),
            ),
            ("directory_team", texts(&self.directory_teams)),
            ("directory_member", members.collect()),
            ("directory_project", texts(&self.projects)),
            ("payment_history", self.paid.payment_rows()),
            ("subscriptions", self.paid.subscription_rows()),
            ("alerts", self.alert_rows()),
            ("deliveries", self.deliveries.rows()),
            ("deliveries_team", self.deliveries.team_rows()),
            ("deliveries_member", self.deliveries.member_rows()),
            ("deliveries_payment", self.deliveries.payment_rows()),
            ("traffic_sources", self.source_rows()),
        ])
    }
}

/// Every table, the projection that it belongs to, and its columns beside the generation.
const TABLES: [(&str, &str, &str); 16] = [
    (
        "project_usage",
        "project_usage",
        "project_id,month,ingress_bytes,egress_bytes,requests,storage_bytes,created_at,updated_at,closed_at",
    ),
    (
        "project_usage_day",
        "project_usage",
        "project_id,day,ingress_bytes,egress_bytes,requests,storage_bytes",
    ),
    (
        "team_usage",
        "team_usage",
        "team_id,month,project_id,ingress_bytes,egress_bytes,requests,storage_bytes",
    ),
    ("team_usage_project", "team_usage", "project_id,team_id,storage_bytes"),
    ("team_usage_unlinked", "team_usage", "team_id,month,storage_bytes"),
    ("directory_team", "directory", "team_id,slug,name,plan"),
    ("directory_member", "directory", "team_id,user_id,role"),
    ("directory_project", "directory", "project_id,team_id,name,removed_at"),
    (
        "payment_history",
        "payment_history",
        "payment_id,team_id,user_id,plan,period,amount_minor,currency,method,status,description,\
         external_payment_id,transaction_id,conflicted,refund_due,to_confirm,cancellation_requested,expires_at,\
         created_at,completed_at,updated_at",
    ),
    (
        "subscriptions",
        "subscriptions",
        "team_id,plan,since,until,payment_id,reminded_days,lapsed_plan,lapsed_at",
    ),
    (
        "alerts",
        "alerts",
        "team_id,position,resource,threshold,month,used_bytes,limit_bytes,raised_at,cleared_at",
    ),
    (
        "traffic_sources",
        "traffic_sources",
        "project_id,month,source,ingress_bytes,egress_bytes,requests,billed_bytes,first_at,last_at",
    ),
    (
        "deliveries",
        "deliveries",
        "delivery_id,channel,team_id,user_id,due_at,facts,state,since,done_at,reason",
    ),
    ("deliveries_team", "deliveries", "team_id,name,slug,plan"),
    ("deliveries_member", "deliveries", "team_id,user_id,role,email,language,muted"),
    (
        "deliveries_payment",
        "deliveries",
        "payment_id,team_id,user_id,plan,amount_minor,currency,completed_at",
    ),
];

/// What the tables hold in the generations that are read.
pub(crate) async fn tables(db: &Db) -> Tables {
    let mut tables = Tables::new();
    for (table, projection, columns) in TABLES {
        let columns: Vec<_> =
            columns.split(',').map(|column| format!("coalesce(CAST({column} AS TEXT), '-')")).collect();
        let sql = format!(
            "SELECT {} FROM {table} WHERE generation = \
             (SELECT generation FROM projection WHERE name = '{projection}' AND state = 'active')",
            columns.join(" || '|' || ")
        );
        let rows = db.fetch(&sql, &[]).await.unwrap();
        tables.insert(table, rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect());
    }
    tables
}

/// Fails unless the read models hold exactly what the history adds up to.
pub(crate) async fn assert_equal(db: &Db, history: &[Recorded]) {
    let (expected, found) = (Model::of(history).tables(), tables(db).await);
    for (table, expected) in &expected {
        let found = &found[table];
        let missing: Vec<_> = expected.difference(found).collect();
        let wrong: Vec<_> = found.difference(expected).collect();
        assert!(missing.is_empty() && wrong.is_empty(), "{table}: missing {missing:#?}, wrong {wrong:#?}");
    }
}

/// Fails if rows are left of generations that are no more.
pub(crate) async fn assert_no_orphans(db: &Db) {
    for (table, projection, _) in TABLES {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE generation NOT IN \
             (SELECT generation FROM projection WHERE name = '{projection}')"
        );
        let rows = db.fetch(&sql, &[]).await.unwrap();
        assert_eq!(rows[0].int(0).unwrap(), 0, "{table} holds rows of a generation that is no more");
    }
}
