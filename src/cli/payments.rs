//! `servelink payments`: money that a person has to decide about.

use std::collections::BTreeSet;

use chrono::SecondsFormat;
use clap::Subcommand;
use comfy_table::Table;

use crate::admin::{AnyAdmin, Finding, ReviewRow};
use crate::cli::{Failure, out};
use crate::config::StoreArgs;

#[derive(Debug, Subcommand)]
pub(super) enum PaymentsCommand {
    /// Show money that is somewhere where it should not be, the newest first
    Review {
        /// The most payments to look at, and the most unmatched ones
        #[arg(long, default_value = "100", value_parser = clap::value_parser!(u16).range(1..), value_name = "COUNT")]
        limit: u16,
        /// Print JSON (amounts in minor units)
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: PaymentsCommand, store: &StoreArgs) -> Result<(), Failure> {
    let admin = AnyAdmin::open(store).await?;
    let done = match command {
        PaymentsCommand::Review { limit, json } => review(&admin, limit, json).await,
    };
    admin.close().await;
    done
}

async fn review(admin: &AnyAdmin, limit: u16, json: bool) -> Result<(), Failure> {
    let rows = admin.review(limit).await?;
    if json {
        out!("{}", serde_json::to_string(&rows)?);
        return Ok(());
    }
    if rows.is_empty() {
        out!("No money waits for a person's decision.");
        return Ok(());
    }
    let mut table = Table::new();
    let header = ["FINDING", "SINCE", "TEAM", "PAYMENT", "BACKEND'S ID", "ASKED", "CAPTURED", "WHY"];
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for row in &rows {
        table.add_row([
            word(row.finding).to_owned(),
            row.since.to_rfc3339_opts(SecondsFormat::Secs, true),
            or_dash(row.team.as_ref()),
            or_dash(row.payment_id.as_ref()),
            or_dash(row.external_payment_id.as_ref()),
            or_dash(row.asked.as_ref()),
            or_dash(row.captured.as_ref()),
            row.why.clone(),
        ]);
    }
    out!("{table}");
    for finding in [Finding::Conflicted, Finding::RefundDue, Finding::Unmatched] {
        if rows.iter().any(|row| row.finding == finding) {
            out!("\n{}: {}", word(finding), to_do(finding));
        }
    }
    let payments: BTreeSet<_> = rows.iter().filter_map(|row: &ReviewRow| row.payment_id).collect();
    let unmatched = rows.iter().filter(|row| row.finding == Finding::Unmatched).count();
    if payments.len().max(unmatched) >= limit.into() {
        out!("\nThere may be more than these {limit}: --limit shows more.");
    }
    Ok(())
}

const fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Conflicted => "conflicted",
        Finding::RefundDue => "refund due",
        Finding::Unmatched => "unmatched",
    }
}

const fn to_do(finding: Finding) -> &'static str {
    match finding {
        Finding::Conflicted => {
            "compare with the backend's own books, and give the money back there, or the part that is too much"
        }
        Finding::RefundDue => {
            "give the money back at the backend; another payment has paid the month, or the team is gone"
        }
        Finding::Unmatched => {
            "most are matched within seconds; look the others up in the backend's own books, and give the money back there"
        }
    }
}

fn or_dash(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "-".into(), ToString::to_string)
}
