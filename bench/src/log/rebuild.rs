//! Rebuilding every projection from a long log, by the command that an operator types.

use std::time::Instant;

use sqlx::{ConnectOptions, Connection, PgConnection};

use super::events::{append_all, directory, project, traffic};
use crate::plan::{Plan, StoreKind};
use crate::report::{Goal, Report, Row};
use crate::rounds::rate;
use crate::site::{Site, Sites};
use crate::{Failure, say};

/// Projects in the log.
const PROJECTS: usize = 1_000;

/// Measures: the whole command, without what it takes to start one that does nothing.
pub(crate) async fn measure(
    plan: &Plan,
    sites: &Sites,
    kind: StoreKind,
    report: &mut Report,
) -> Result<(), Failure> {
    say(format!("{kind}: a log of {} events to rebuild from", plan.history));
    let site = sites.make("rebuild", kind).await?;
    let log = site.log().await?;
    log.append(directory(PROJECTS)?).await?;
    append_all(&log, traffic("history", plan.history, |number| project(number % PROJECTS))?).await?;
    let events = log.head().await?.0;
    log.close().await;

    say(format!("{kind}: rebuilding"));
    // Once before anything is timed: the first command on a store makes the read models' tables.
    site.ask(&["projections", "status"]).await?;
    let begun = Instant::now();
    site.ask(&["projections", "status"]).await?;
    let start_up = begun.elapsed();
    let begun = Instant::now();
    let rebuilt = site.ask(&["projections", "rebuild"]).await?;
    let took = begun.elapsed().saturating_sub(start_up);
    if rebuilt.get("position").and_then(serde_json::Value::as_u64) != Some(events) {
        report.fault(format!("{kind}: the rebuild did not reach position {events}: {rebuilt}"));
    }
    let requests = requests(&site).await?;
    if requests != i64::try_from(plan.history)? {
        report.fault(format!("{kind}: the rebuild counts {requests} of {} requests", plan.history));
    }
    let row = Row::new("rebuild of all projections, without start-up", kind);
    report.add(row.value(rate(usize::try_from(events)?, took), "events/s").goal(Goal::AtLeast(200_000.0)));
    Ok(())
}

/// How many requests the rebuilt read model counts: every event stands for one.
async fn requests(site: &Site) -> Result<i64, Failure> {
    let sql = "SELECT CAST(coalesce(sum(u.requests), 0) AS BIGINT) FROM project_usage u JOIN projection p \
               ON p.name = 'project_usage' AND p.state = 'active' AND p.generation = u.generation";
    match &site.database_url {
        Some(url) => {
            let mut connection = PgConnection::connect(url).await?;
            Ok(sqlx::query_scalar(sql).fetch_one(&mut connection).await?)
        }
        None => {
            let options =
                sqlx::sqlite::SqliteConnectOptions::new().filename(site.read_file()).read_only(true);
            let mut connection = options.connect().await?;
            Ok(sqlx::query_scalar(sql).fetch_one(&mut connection).await?)
        }
    }
}
