//! `servelink projections`: how far the read models are, and building them anew.

use clap::Subcommand;
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::admin::{AnyAdmin, RebuildProgress};
use crate::cli::{Failure, out};
use crate::config::StoreArgs;

#[derive(Debug, Subcommand)]
pub(super) enum ProjectionsCommand {
    /// Show how far each read model is
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Build a read model anew from the event log, beside the one that is read, and switch to it
    Rebuild {
        /// Which one [default: all of them, in one pass over the log]
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: ProjectionsCommand, store: &StoreArgs) -> Result<(), Failure> {
    let admin = AnyAdmin::open(store).await?;
    let done = match command {
        ProjectionsCommand::Status { json } => status(&admin, json).await,
        ProjectionsCommand::Rebuild { name, json } => rebuild(&admin, name.as_deref(), json).await,
    };
    admin.close().await;
    done
}

async fn status(admin: &AnyAdmin, json: bool) -> Result<(), Failure> {
    let rows = admin.projections().await?;
    if json {
        out!("{}", serde_json::to_string(&rows)?);
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header([
        "NAME",
        "VERSION",
        "GENERATION",
        "STATE",
        "POSITION",
        "BEHIND",
    ]);
    for row in &rows {
        let state = if row.stopped.is_some() { "stopped".to_owned() } else { row.state.clone() };
        let numbers = [row.version.to_string(), row.generation.to_string()];
        let [version, generation] = numbers;
        let behind = row.head.saturating_sub(row.position).to_string();
        table.add_row([row.name.clone(), version, generation, state, row.position.to_string(), behind]);
    }
    out!("{table}");
    for row in rows {
        if let Some(why) = row.stopped {
            out!("\n{} stopped: {why}", row.name);
        }
    }
    Ok(())
}

async fn rebuild(admin: &AnyAdmin, name: Option<&str>, json: bool) -> Result<(), Failure> {
    // Drawn on standard error, and only if a person is looking.
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {human_pos} of {human_len} events, {per_sec}, {eta} left",
    )?);
    let mut last = RebuildProgress { position: 0, head: 0 };
    let mut report = |at: RebuildProgress| {
        bar.set_length(at.head);
        bar.set_position(at.position);
        last = at;
    };
    let done = admin.rebuild(name, &mut report).await;
    bar.finish_and_clear();
    done?;
    let what = name.unwrap_or("all projections");
    if json {
        out!("{}", json!({ "rebuilt": what, "position": last.position }));
    } else {
        out!("Rebuilt {what}, up to position {}.", last.position);
    }
    Ok(())
}
