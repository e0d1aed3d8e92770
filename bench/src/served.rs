//! Everything that is measured on a running server, on one store, in the order that it needs.

use std::sync::Arc;
use std::time::Duration;

use crate::directory::{Directory, PROJECTS};
use crate::ledger::Ledger;
use crate::load::{self, Figures, Target};
use crate::plan::{Load, Plan, StoreKind};
use crate::report::{Goal, Report, Row};
use crate::rounds::as_float;
use crate::server::{self, Server};
use crate::site::Sites;
use crate::{Failure, process, say, verify};

/// How long a server that does nothing is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);
/// Samples a second that half of the rate is taken from, when the rate was not measured.
const ASSUMED_RATE: f64 = 10_000.0;
const MIB: f64 = 1_048_576.0;

/// Measures what the plan names.
pub(crate) async fn measure(
    plan: &Plan,
    sites: &Sites,
    kind: StoreKind,
    report: &mut Report,
) -> Result<(), Failure> {
    if plan.has(Load::Start) {
        say(format!("{kind}: starting"));
        let first = server::first_answer(plan, sites, kind).await?;
        let row = Row::new("start to first answer, empty store", kind);
        report.add(row.value(first.as_secs_f64() * 1e3, "ms").goal(Goal::Under(300.0)));
    }
    if ![Load::Single, Load::Visible, Load::Batch, Load::Reads].into_iter().any(|load| plan.has(load)) {
        return Ok(());
    }
    let site = sites.make("serve", kind).await?;
    let server = Server::start(&site).await?;
    tokio::time::sleep(IDLE).await;
    let idle = process::memory(server.pid)?;
    let row = Row::new("resident memory, idle", kind);
    report.add(row.value(as_float(idle.now) / MIB, "MiB").goal(Goal::Under(30.0)));

    say(format!("{kind}: registering {PROJECTS} projects"));
    let directory = Arc::new(Directory::make(&site, server.address).await?);
    let mut run = Run { plan, kind, server, directory, ledger: Ledger::new(PROJECTS), peak: 0 };
    run.loads(report).await?;
    let row = Row::new("resident memory, most under any load", kind);
    report.add(row.value(as_float(run.peak) / MIB, "MiB").goal(Goal::Under(150.0)));
    run.verify(report).await?;
    run.server.stop().await
}

struct Run<'a> {
    plan: &'a Plan,
    kind: StoreKind,
    server: Server,
    directory: Arc<Directory>,
    ledger: Ledger,
    /// The most memory under any load, in bytes.
    peak: u64,
}

impl Run<'_> {
    async fn loads(&mut self, report: &mut Report) -> Result<(), Failure> {
        let target = Target::new(&self.server, self.plan);
        let goals = |embedded, postgres| match self.kind {
            StoreKind::Embedded => Goal::AtLeast(embedded),
            StoreKind::Postgres => Goal::AtLeast(postgres),
        };
        let (single, batch) = (goals(20_000.0, 15_000.0), goals(1_000_000.0, 500_000.0));
        let mut rate = ASSUMED_RATE;
        if self.plan.has(Load::Single) {
            say(format!("{}: one sample a request", self.kind));
            let figures = load::single(target, Arc::clone(&self.directory), &mut self.ledger).await?;
            rate = figures.rate;
            let what = format!("one sample a request, {} connections", load::SINGLE_CONNECTIONS);
            self.row(report, &what, &figures, 1.0, "samples/s", Some(single));
            self.settle(report, &what).await?;
        }
        if self.plan.has(Load::Visible) {
            say(format!("{}: from append to visible", self.kind));
            let (directory, half) = (Arc::clone(&self.directory), rate / 2.0);
            let (figures, seen) = load::visible(target, directory, half, &mut self.ledger).await?;
            self.row(report, "the same at half of that rate", &figures, 1.0, "samples/s", None);
            let p99 = Goal::Under(50.0);
            let row = Row::new("append to visible at half of that rate, p99", self.kind);
            let value = seen.percentile(99).as_secs_f64() * 1e3;
            report.add(row.value(value, "ms").goal(p99).latencies(&seen));
        }
        if self.plan.has(Load::Batch) {
            say(format!("{}: {} samples a request", self.kind, load::BATCH_SAMPLES));
            let figures = load::batch(target, Arc::clone(&self.directory), &mut self.ledger).await?;
            let (samples, connections) = (load::BATCH_SAMPLES, load::BATCH_CONNECTIONS);
            let what = format!("batches of {samples} samples, {connections} connections");
            self.row(report, &what, &figures, as_float(samples), "samples/s", Some(batch));
            self.settle(report, &what).await?;
        }
        if self.plan.has(Load::Reads) {
            say(format!("{}: reads", self.kind));
            self.settle(report, "before the reads").await?;
            let figures = load::reads(target, Arc::clone(&self.directory)).await?;
            let what = format!("usage reads, {} connections", load::READS_CONNECTIONS);
            self.row(report, &what, &figures, 1.0, "reads/s", Some(Goal::AtLeast(25_000.0)));
            let value = figures.latencies.percentile(99).as_secs_f64() * 1e3;
            let row = Row::new("usage reads, p99", self.kind);
            report.add(row.value(value, "ms").goal(Goal::Under(10.0)));
        }
        Ok(())
    }

    fn row(
        &mut self,
        report: &mut Report,
        what: &str,
        figures: &Figures,
        each: f64,
        unit: &'static str,
        goal: Option<Goal>,
    ) {
        let row = Row::new(what, self.kind).value(figures.rate * each, unit);
        let row = row.latencies(&figures.latencies).resources(figures.cores, figures.memory);
        report.add(goal.into_iter().fold(row, Row::goal));
        self.peak = self.peak.max(figures.memory.peak);
        if let Some(refusal) = &figures.refusal {
            let count = figures.refused;
            report.fault(format!("{}, {what}: {count} answers were not 200, such as {refusal}", self.kind));
        }
    }

    /// Lets the read models catch up, so that the next load is not measured beside that work.
    async fn settle(&self, report: &mut Report, after: &str) -> Result<(), Failure> {
        let took = verify::settle(self.server.address, &self.directory, self.ledger.position).await?;
        if took > Duration::from_secs(1) {
            let row = Row::new(&format!("read models caught up after: {after}"), self.kind);
            report.add(row.value(took.as_secs_f64() * 1e3, "ms"));
        }
        Ok(())
    }

    async fn verify(&self, report: &mut Report) -> Result<(), Failure> {
        if self.ledger.samples == 0 {
            return Ok(());
        }
        let differences = verify::differences(self.server.address, &self.directory, &self.ledger).await?;
        let row = Row::new("samples acknowledged, each of them read once", self.kind);
        match differences.first() {
            None => report.add(row.value(as_float(self.ledger.samples), "samples").says("all")),
            Some(first) => {
                let count = differences.len();
                report.fault(format!("{}: {count} of {PROJECTS} projects differ: {first}", self.kind));
                report.add(row.value(as_float(self.ledger.samples), "samples").says("NO"));
            }
        }
        Ok(())
    }
}
