//! `servelink token`: a user's token, signed as the PaaS signs its own.

use std::time::Duration;

use api::auth::token::TokenConfig;
use clap::Args;
use domain::UserId;
use serde_json::json;
use store::{Clock, SystemClock};

use crate::cli::{Failure, out};
use crate::config::{StoreArgs, TokenArgs, duration};
use crate::secret_key::secret_key;

#[derive(Debug, Args)]
pub(super) struct TokenCommand {
    /// The user's id
    #[arg(long, value_name = "ID")]
    user: i64,
    /// How long it is valid
    #[arg(long, default_value = "1h", value_parser = duration, value_name = "TIME")]
    ttl: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) token: TokenArgs,
}

pub(super) fn run(command: &TokenCommand, store: &StoreArgs) -> Result<(), Failure> {
    let secret = secret_key(&command.token, &store.data_dir)?;
    let token = api::auth::token::mint(
        &TokenConfig::default(),
        &secret,
        UserId(command.user),
        command.ttl,
        SystemClock.now(),
    )?;
    if command.json {
        out!("{}", json!({ "token": token }));
    } else {
        out!("{token}");
    }
    Ok(())
}
