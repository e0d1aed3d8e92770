//! `servelink key`: service keys. They work on a store of their own and through a running server alike.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use comfy_table::Table;
use domain::service_key::Scope;
use secrecy::ExposeSecret;
use serde_json::json;
use store::{Clock, SystemClock};

use crate::admin::{AnyAdmin, KeyRow, KeyWish};
use crate::cli::{Failure, out};
use crate::config::{StoreArgs, duration};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key and print it, this one time
    Create(CreateArgs),
    /// Show every key, without its secret
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a key worthless, for ever
    Revoke {
        /// The key's id: the part between the first and the second `_`
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// What the key may be used for; may be given several times: usage:write, directory:write, audit:read
    #[arg(long, required = true, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// What it is for, to tell it from others
    #[arg(long, default_value = "")]
    name: String,
    /// When it stops being valid, from now: 90d, 12h [default: never]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    expires: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: KeyCommand, store: &StoreArgs) -> Result<(), Failure> {
    let admin = AnyAdmin::open(store).await?;
    let done = match command {
        KeyCommand::Create(args) => create(&admin, args).await,
        KeyCommand::List { json } => list(&admin, json).await,
        KeyCommand::Revoke { id, json } => revoke(&admin, &id, json).await,
    };
    admin.close().await;
    done
}

async fn create(admin: &AnyAdmin, args: CreateArgs) -> Result<(), Failure> {
    let mut scopes = args.scope;
    scopes.sort_unstable();
    scopes.dedup();
    let expires_at = match args.expires {
        Some(expires) => Some(
            SystemClock
                .now()
                .checked_add_signed(chrono::TimeDelta::from_std(expires)?)
                .ok_or("--expires is too far ahead")?,
        ),
        None => None,
    };
    let wish = KeyWish { name: args.name, scopes, expires_at };
    let new = admin.create_key(&wish).await?;
    let key = new.key.expose_secret();
    if args.json {
        out!(
            "{}",
            json!({ "key": key, "id": new.id, "name": wish.name, "scopes": wish.scopes, "expires_at": expires_at })
        );
    } else {
        out!("{key}\n\nThis is the only time that the key is shown. Its id is {}.", new.id);
    }
    Ok(())
}

async fn list(admin: &AnyAdmin, json: bool) -> Result<(), Failure> {
    let keys = admin.keys().await?;
    if json {
        out!("{}", serde_json::to_string(&keys)?);
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_header(["ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "STATE"]);
    let now = SystemClock.now();
    for key in keys {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let expires = key.expires_at.map_or("never".to_owned(), day);
        table.add_row([
            key.id.clone(),
            key.name.clone(),
            scopes.join(" "),
            day(key.created_at),
            expires,
            state(&key, now).to_owned(),
        ]);
    }
    out!("{table}");
    Ok(())
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

fn state(key: &KeyRow, now: DateTime<Utc>) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|at| at <= now) {
        "expired"
    } else {
        "valid"
    }
}

async fn revoke(admin: &AnyAdmin, id: &str, json: bool) -> Result<(), Failure> {
    admin.revoke_key(id).await?;
    if json {
        out!("{}", json!({ "id": id, "revoked": true }));
    } else {
        out!("Key {id} is revoked.");
    }
    Ok(())
}
