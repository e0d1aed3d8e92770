//! `servelink jobs`: what is done by the clock, and having it done at once.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use comfy_table::Table;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::admin::{AnyAdmin, JobRow};
use crate::cli::{Failure, out};
use crate::config::{StoreArgs, duration};

/// How often a run's end is looked for.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(super) enum JobsCommand {
    /// Show every job, which node runs it, its last run and its next
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Have a job run at once, and show what it has to tell
    Run {
        /// Which one (`servelink jobs list` has their names)
        name: String,
        /// How long to wait for its end; it goes on after that
        #[arg(long, default_value = "10m", value_parser = duration, value_name = "TIME")]
        wait: Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: JobsCommand, store: &StoreArgs) -> Result<(), Failure> {
    let admin = AnyAdmin::open(store).await?;
    let done = match command {
        JobsCommand::List { json } => list(&admin, json).await,
        JobsCommand::Run { name, wait, json } => run_now(&admin, &name, wait, json).await,
    };
    admin.close().await;
    done
}

async fn list(admin: &AnyAdmin, json: bool) -> Result<(), Failure> {
    let rows = admin.jobs().await?;
    if json {
        out!("{}", serde_json::to_string(&rows)?);
        return Ok(());
    }
    let mut table = Table::new();
    let header = ["NAME", "RUNS", "NODE", "LAST RUN", "RESULT", "NEXT RUN", "WHAT IT DOES"];
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for row in &rows {
        let last = row.last_run.as_ref();
        let result = last.map_or("-", |run| if run.failed { "failed" } else { "ok" });
        table.add_row([
            row.name.clone(),
            row.schedule.clone(),
            row.node.clone().unwrap_or_else(|| "-".into()),
            time(last.map(|run| run.started_at)),
            result.into(),
            time(row.next_run),
            row.does.clone(),
        ]);
    }
    out!("{table}");
    for JobRow { name, last_run, .. } in &rows {
        if let Some(run) = last_run {
            out!("\n{name}: {}", run.report);
        }
    }
    Ok(())
}

async fn run_now(admin: &AnyAdmin, name: &str, wait: Duration, json: bool) -> Result<(), Failure> {
    let wish = admin.request_job(name).await?;
    // Drawn on standard error, and only if a person is looking.
    let bar = ProgressBar::new_spinner().with_message(format!("{name} runs"));
    bar.enable_steady_tick(LOOK);
    let deadline = Instant::now() + wait;
    let done = loop {
        let rows = admin.jobs().await?;
        let row = rows.into_iter().find(|row| row.name == name);
        match row {
            Some(row) if row.fulfils(wish) => break row,
            _ if Instant::now() > deadline => {
                bar.finish_and_clear();
                let wait = humantime::format_duration(wait);
                return Err(format!(
                    "{name} has not ended within {wait}; it goes on, and `servelink jobs list` will show its end"
                )
                .into());
            }
            _ => sleep(LOOK).await,
        }
    };
    bar.finish_and_clear();
    let Some(last) = done.last_run else {
        return Err(format!("{name} was asked for, and no run of it was noted; ask again").into());
    };
    if json {
        out!("{}", json!({ "job": name, "failed": last.failed, "report": last.report, "run": last }));
    } else {
        out!("{name}: {}", last.report);
    }
    if last.failed { Err(format!("{name} failed; it is tried again by itself").into()) } else { Ok(()) }
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "-".into(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
