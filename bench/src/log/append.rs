//! Distinct events appended through the store, and the same rows by the database's own fastest way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{EventLog, Filter, Position, Recorded};

use super::bulk::BulkTables;
use super::copy::CopyTables;
use super::events::{OF_A_REQUEST, append_all, project, traffic};
use crate::plan::{Plan, StoreKind};
use crate::report::{Goal, Report, Row};
use crate::rounds::{median, rate};
use crate::site::{Site, Sites};
use crate::{Failure, say};

/// Rows that are read back at once.
const PAGE: usize = 10_000;

/// How long the rounds took, by way.
#[derive(Default)]
struct Times {
    appended: Vec<Duration>,
    /// The yardstick, one commit for each 1,000 rows.
    by_thousands: Vec<Duration>,
    /// The yardstick, all rows in one commit.
    at_once: Vec<Duration>,
}

/// Measures, in turns: what disturbs the machine for a while disturbs both.
pub(crate) async fn measure(
    plan: &Plan,
    sites: &Sites,
    kind: StoreKind,
    report: &mut Report,
) -> Result<(), Failure> {
    say(format!("{kind}: distinct events against the database's own speed"));
    let site = sites.make("events", kind).await?;
    let mut times = Times::default();
    for round in 0..plan.rounds {
        let first = round * plan.events;
        let appends = traffic(&format!("round-{round}"), plan.events, |number| project(first + number))?;
        let log = site.log().await?;
        let before = log.head().await?;
        let begun = Instant::now();
        append_all(&log, appends).await?;
        times.appended.push(begun.elapsed());
        let after = log.head().await?;
        if after.0 - before.0 != plan.events as u64 {
            return Err(format!("{} events were appended, {before} became {after}", plan.events).into());
        }
        yardstick(&site, &log, before, round == 0, &mut times).await?;
        log.close().await;
    }
    let Times { appended, by_thousands, at_once } = times;
    let [appended, by_thousands, at_once] =
        [appended, by_thousands, at_once].map(|times| rate(plan.events, median(times)));
    let row = Row::new(&format!("distinct events appended, {OF_A_REQUEST} a request"), kind);
    let row = row.value(appended, "events/s");
    let (database, row) = match kind {
        StoreKind::Embedded => ("SQLite INSERT ... SELECT", row),
        StoreKind::Postgres => ("Postgres COPY", row.goal(Goal::ShareOf(0.7, at_once))),
    };
    report.add(row);
    for (how, rate) in [("in one commit", at_once), ("1,000 a commit", by_thousands)] {
        let row = Row::new(&format!("yardstick: {database} of these rows, {how}"), kind);
        report.add(row.value(rate, "rows/s").says(format!("{:.0} % of it", appended / rate * 100.0)));
    }
    Ok(())
}

async fn yardstick(
    site: &Site,
    log: &Arc<dyn EventLog>,
    after: Position,
    first: bool,
    times: &mut Times,
) -> Result<(), Failure> {
    let (by_thousands, at_once) = match &site.database_url {
        Some(url) => {
            let rows = read_after(log, after).await?;
            let mut tables = CopyTables::open(url, first).await?;
            tables.fill(&rows).await?
        }
        None => {
            let mut tables = BulkTables::open(site, first, after).await?;
            tables.fill().await?
        }
    };
    times.by_thousands.push(by_thousands);
    times.at_once.push(at_once);
    Ok(())
}

async fn read_after(log: &Arc<dyn EventLog>, mut after: Position) -> Result<Vec<Recorded>, Failure> {
    let mut rows = Vec::new();
    loop {
        let page = log.read_after(after, PAGE, Filter::All).await?;
        let Some(last) = page.last() else { return Ok(rows) };
        after = last.position;
        rows.extend(page);
    }
}
