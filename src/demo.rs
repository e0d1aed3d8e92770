//! Teams, projects and traffic to try things with, on an embedded store of their own. Everything is done through the
//! same commands and the same ingestion that a PaaS would use.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use clap::Parser;
use domain::plan::PlanName;
use domain::service_key::Scope;
use domain::team::Role;
use domain::usage::StorageSizes;
use domain::{ByteCount, ProjectId, Slug, TeamId, UserId};
use rand::Rng;
use sandbox::{Sandbox, SandboxConfig, Signing};
use secrecy::{ExposeSecret, SecretString};
use store::commands::{Actor, ContactChange};
use store::ingest::{Sample, SampleBatch};
use store::{Clock, SystemClock};
use tokio::net::TcpListener;

use crate::admin::KeyWish;
use crate::cli::{Failure, out};
use crate::config::{self, NewsArgs, PaymentArgs, ServeArgs, StoreArgs};
use crate::server::{Server, Services};
use crate::stop::StopSignal;

const MEGABYTE: u64 = ByteCount::MEGABYTE;

/// A team of the demo.
struct DemoTeam {
    id: u8,
    slug: &'static str,
    name: &'static str,
    plan: Option<&'static str>,
    owner: i64,
    projects: &'static [DemoProject],
}

/// A project of the demo.
struct DemoProject {
    id: u8,
    name: &'static str,
    /// What it sends in a month so far, in MB.
    month_mb: u64,
    /// What it stores, in MB.
    storage_mb: u64,
}

const TEAMS: [DemoTeam; 3] = [
    DemoTeam {
        id: 0xa1,
        slug: "atelier-baobab",
        name: "Atelier Baobab",
        plan: None,
        owner: 1,
        projects: &[
            DemoProject { id: 0x11, name: "boutique", month_mb: 1_800, storage_mb: 41 },
            DemoProject { id: 0x12, name: "blog", month_mb: 240, storage_mb: 12 },
        ],
    },
    DemoTeam {
        id: 0xa2,
        slug: "dakar-labs",
        name: "Dakar Labs",
        plan: Some("pay_as_you_go"),
        owner: 1,
        projects: &[
            DemoProject { id: 0x21, name: "api", month_mb: 5_200, storage_mb: 2_300 },
            DemoProject { id: 0x22, name: "dashboard", month_mb: 900, storage_mb: 310 },
            DemoProject { id: 0x23, name: "media", month_mb: 2_700, storage_mb: 4_100 },
        ],
    },
    DemoTeam {
        id: 0xa3,
        slug: "sahel-studio",
        name: "Sahel Studio",
        plan: None,
        owner: 2,
        // Over the free plan's 5 GB and 100 MB: something to see in its limits.
        projects: &[DemoProject { id: 0x31, name: "portfolio", month_mb: 5_400, storage_mb: 128 }],
    },
];

/// Settings as if nothing had been typed, for the parts of the server that the demo does not ask about.
#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    serve: ServeArgs,
}

/// Runs until told to stop.
pub(crate) async fn run(listen: SocketAddr, keep: Option<PathBuf>) -> Result<(), Failure> {
    let mut serve = settings(listen);
    let temporary = match &keep {
        Some(_) => None,
        None => Some(tempfile::tempdir()?),
    };
    let data_dir = match (&keep, &temporary) {
        (Some(folder), _) => folder.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => return Err("no folder for the demo's data".into()),
    };
    let store = StoreArgs { data_dir, database_url: None };
    let mut stop = StopSignal::listen()?;
    let (sandbox, payments) = payment_backend().await?;
    serve.payments = payments;
    let server = Server::start(&serve, &store).await?;
    let address = server.address().ok_or("the demo needs the api role; unset SERVELINK_ROLES")?;
    let services = server.services().clone();

    let actor = Actor("demo".into());
    register(&services, &actor).await?;
    backfill(&services, &actor).await?;
    announce(&services, &actor, &serve, &store, address, &sandbox).await?;
    let traffic = tokio::spawn(live_traffic(services, actor));

    stop.told().await;
    traffic.abort();
    sandbox.stop().await;
    server.stop().await;
    Ok(())
}

/// A sandbox of the demo's own, and the settings that a server has for it.
async fn payment_backend() -> Result<(Sandbox, PaymentArgs), Failure> {
    let secret = || SecretString::from(hex::encode(rand::random::<[u8; 32]>()));
    let (key, webhook) = (secret(), secret());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let config = SandboxConfig {
        api_keys: vec![key.clone()],
        signing: Signing::Standard { secret: webhook.clone() },
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::start(listener, config)?;
    let payments = PaymentArgs {
        payment_backend_url: Some(sandbox.url().to_owned()),
        payment_api_key: Some(key),
        payment_webhook_secrets: Some(format!("demo:{}", webhook.expose_secret()).into()),
        ..PaymentArgs::default()
    };
    Ok((sandbox, payments))
}

/// The defaults, whatever the environment says of a real installation: its secret signs no token of the demo, and its
/// Traefik and payment backend are left alone.
fn settings(listen: SocketAddr) -> ServeArgs {
    let mut serve = Defaults::parse_from(["servelink"]).serve;
    serve.listen = listen;
    serve.roles = vec![config::Role::Api, config::Role::Projections, config::Role::Workers];
    serve.token.secret_key = None;
    serve.metrics_listen = None;
    serve.mail = NewsArgs::default();
    serve.storage.measured = false;
    (serve.traffic.billing, serve.traffic.nic) = (None, false);
    (serve.jwks_url, serve.traefik_url, serve.traefik_map, serve.docker_host, serve.plans) =
        (None, None, None, None, None);
    serve
}

async fn register(services: &Services, actor: &Actor) -> Result<(), Failure> {
    for team in &TEAMS {
        let id = TeamId::from_bytes([team.id; 16]);
        let commands = &services.commands;
        commands.put_team(actor, id, team.name, &team.slug.parse::<Slug>()?).await?;
        // A kept folder has it from the last time.
        let standing = services.known.facts().teams.get(&id).map(|team| team.plan.clone());
        if let Some(plan) = team.plan.map(PlanName::from)
            && standing.as_ref() != Some(&plan)
        {
            commands.give_plan(actor, id, &plan).await?;
        }
        commands.put_member(actor, id, UserId(team.owner), Role::Owner, &ContactChange::default()).await?;
        for project in team.projects {
            commands.put_project(actor, ProjectId::from_bytes([project.id; 16]), id, project.name).await?;
        }
    }
    Ok(())
}

/// The month so far: one sample a day for each project, and one measurement of its storage.
async fn backfill(services: &Services, actor: &Actor) -> Result<(), Failure> {
    let now = SystemClock.now();
    let days = i64::from(now.day());
    let mut samples = Vec::new();
    for project in TEAMS.iter().flat_map(|team| team.projects) {
        let id = ProjectId::from_bytes([project.id; 16]);
        let bytes = project.month_mb * MEGABYTE / days.unsigned_abs();
        for day in 0..days {
            let at = now - TimeDelta::days(day);
            samples.push(Ok(sample(id, at, bytes / 12, bytes - bytes / 12, bytes / 40_000)?));
        }
        let volumes_bytes = ByteCount::try_from(project.storage_mb * MEGABYTE)?;
        let sizes = StorageSizes { volumes_bytes, ..StorageSizes::default() };
        services.commands.measure_storage(actor, id, sizes, now, "demo").await?;
    }
    let batch_id = format!("backfill-{}", now.format("%Y-%m"));
    let batch = SampleBatch { source: "demo".into(), batch_id, first_index: 0, samples };
    let outcomes = services.ingest.submit(actor, vec![batch]).await?;
    tracing::debug!(?outcomes, "the month so far");
    Ok(())
}

fn sample(
    project: ProjectId,
    at: DateTime<Utc>,
    ingress: u64,
    egress: u64,
    requests: u64,
) -> Result<Sample, Failure> {
    Ok(Sample {
        project,
        at,
        ingress: ByteCount::try_from(ingress)?,
        egress: ByteCount::try_from(egress)?,
        requests,
    })
}

/// A batch a second, as if a gateway reported: busier by day, each project in its own measure.
async fn live_traffic(services: Services, actor: Actor) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let run = SystemClock.now().timestamp_micros();
    for number in 0_u64.. {
        tick.tick().await;
        let batch = SampleBatch {
            source: "demo".into(),
            batch_id: format!("live-{run}-{number}"),
            first_index: 0,
            samples: live_samples(SystemClock.now()).into_iter().map(Ok).collect(),
        };
        if let Err(error) = services.ingest.submit(&actor, vec![batch]).await {
            tracing::warn!(%error, "the demo's traffic was not taken");
        }
    }
}

fn live_samples(now: DateTime<Utc>) -> Vec<Sample> {
    let mut random = rand::rng();
    let by_day = if (7..23).contains(&now.hour()) { 4 } else { 1 };
    let projects = TEAMS.iter().flat_map(|team| team.projects);
    let samples = projects.filter_map(|project| {
        let requests = random.random_range(0..=by_day * (1 + project.month_mb / 500));
        let egress = requests * random.random_range(2_000..60_000);
        sample(ProjectId::from_bytes([project.id; 16]), now, requests * 700, egress, requests).ok()
    });
    samples.collect()
}

/// What to try, ready to be copied.
async fn announce(
    services: &Services,
    actor: &Actor,
    serve: &ServeArgs,
    store: &StoreArgs,
    address: SocketAddr,
    sandbox: &Sandbox,
) -> Result<(), Failure> {
    let wish = KeyWish {
        name: "demo".into(),
        scopes: vec![Scope::UsageWrite, Scope::DirectoryWrite],
        expires_at: Some(SystemClock.now() + TimeDelta::days(1)),
    };
    let key = services.admin.create_key(actor, &wish).await?.key;
    let token = token(serve, store, TEAMS[0].owner)?;
    out!("Servelink is running. In another terminal:\n");
    out!("  export SERVELINK=http://{address}");
    out!("  export KEY={}", key.expose_secret());
    out!("  export TOKEN={}", token.expose_secret());
    out!("  export SANDBOX={}", sandbox.url());
    let secrets = serve.payments.payment_webhook_secrets.as_ref().map(ExposeSecret::expose_secret);
    let secret = secrets.and_then(|secrets| secrets.split_once(':')).map_or("", |(_, secret)| secret);
    out!("  export WEBHOOK_SECRET={secret}\n");
    out!("  API documentation   http://{address}/api/docs\n");
    out!("Teams and their projects (TOKEN is user 1's, who belongs to the first two):\n");
    for team in &TEAMS {
        out!("  {:<16} {:<28} {}", team.slug, team.name, team.plan.map_or("Free", |_| "Pro"));
        for project in team.projects {
            out!("    {:<14} {}", project.name, ProjectId::from_bytes([project.id; 16]));
        }
    }
    out!("\nWhat boutique has used this month:\n");
    out!("  curl -H \"Authorization: Bearer $TOKEN\" $SERVELINK/api/usage/projects/{}\n", "11".repeat(16));
    out!("Lift it to Pro: this answers with the page to pay at (a sandbox; no money moves):\n");
    out!("  curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\");
    out!("    -d '{{\"payment_method\":\"mobile_money\",\"plan_upgrade\":true,\"new_plan\":\"pro\"}}' \\");
    out!("    $SERVELINK/api/payments/{}/initiate\n", TEAMS[0].slug);
    out!("Ctrl-C ends the demo.");
    Ok(())
}

fn token(serve: &ServeArgs, store: &StoreArgs, user: i64) -> Result<SecretString, Failure> {
    let secret = crate::secret_key::secret_key(&serve.token, &store.data_dir)?;
    let config = api::auth::token::TokenConfig::default();
    let day = Duration::from_secs(24 * 60 * 60);
    Ok(api::auth::token::mint(&config, &secret, UserId(user), day, SystemClock.now())?.into())
}
