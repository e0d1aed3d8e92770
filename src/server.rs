//! Everything that `servelink serve` starts, in order, and stopping it in the reverse one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::auth::service_key::KeyVerifier;
use api::auth::token::{Jwks, TokenConfig, TokenVerifier};
use chrono::NaiveTime;
use domain::plan::{Catalogue, CatalogueError};
use projections::{ReadModels, Runner};
use store::commands::Commands;
use store::ingest::Ingest;
use store::known::Known;
use store::payments::Payments;
use store::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use workers::job;
use workers::limits::LimitsJob;
use workers::payments::{ReconcileJob, RenewalsJob, SettleJob};
use workers::storage::{BindsConfig, StorageConfig, StorageJob};
use workers::traefik::{DockerConfig, TraefikConfig, TraefikJob};

use crate::admin::Admin;
use crate::cli::Failure;
use crate::config::{Role, ServeArgs, SettingError, StoreArgs};
use crate::control::ControlServer;
use crate::http;
use crate::payments;
use crate::secret_key::secret_key;
use crate::stores::Stores;

/// How long requests that are under way may take to end once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// When storage is measured, in UTC: few write then.
const STORAGE_AT: NaiveTime = match NaiveTime::from_hms_opt(4, 0, 0) {
    Some(four) => four,
    None => NaiveTime::MIN,
};

/// The plans cannot be read.
#[derive(Debug, thiserror::Error)]
enum PlansError {
    #[error("the plans in {file} cannot be read")]
    File { file: PathBuf, source: std::io::Error },
    #[error("the plans in {file} cannot be used")]
    Content { file: PathBuf, source: CatalogueError },
}

/// What the parts of a server share.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) commands: Arc<Commands>,
    pub(crate) known: Arc<Known>,
    pub(crate) payments: Option<Payments>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) reads: ReadModels,
    pub(crate) admin: Admin,
}

/// A running server.
pub(crate) struct Server {
    services: Services,
    stores: Stores,
    address: Option<SocketAddr>,
    http: Option<JoinHandle<()>>,
    stopping: CancellationToken,
    /// What may be cut off at any moment: everything it does is repeatable.
    background: JoinSet<&'static str>,
    /// Removes its file from the data folder when dropped.
    control: Option<ControlServer>,
}

impl Server {
    /// Starts everything that the settings name.
    pub(crate) async fn start(args: &ServeArgs, store_args: &StoreArgs) -> Result<Self, Failure> {
        let plans = Arc::new(plans(args)?);
        // Bound first: an address that is taken shall be known before anything else happens.
        let listener = match args.does(Role::Api) {
            true => Some(bind(args.listen).await?),
            false => None,
        };
        let stores = Stores::open(store_args).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let known = Known::open(Arc::clone(&stores.log)).await?;
        let ingest = Ingest::start(Arc::clone(&stores.log), Arc::clone(&known), Arc::clone(&clock));
        let commands = Arc::new(Commands::new(
            Arc::clone(&stores.log),
            Arc::clone(&known),
            Arc::clone(&plans),
            Arc::clone(&clock),
        ));
        let reads = ReadModels::new(stores.reads.clone());
        let runner =
            Runner::new(Arc::clone(&stores.log), stores.reads.clone(), projections::all(), reads.moved());
        let admin = Admin::new(
            Arc::clone(&stores.log),
            Arc::clone(&known),
            Arc::clone(&commands),
            reads.clone(),
            runner.clone(),
        );
        let stopping = CancellationToken::new();

        let mut background = JoinSet::new();
        let follow = Arc::clone(&known).follow();
        background.spawn(ending(follow, "what keeps up with keys, projects and closed months"));
        if args.does(Role::Projections) {
            background.spawn(ending(runner.run(), "what keeps the read models up to date"));
        }
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let payments = payments::payments(&args.payments, address, &commands, &clock)?;
        let services = Services { commands, known, payments, ingest, reads, admin: admin.clone() };
        if args.does(Role::Workers) {
            workers(args, &services, &stores, &plans, &clock, &stopping, &mut background)?;
        }
        let control = match &store_args.database_url {
            // Whoever can reach the database needs no server to do it.
            Some(_) => None,
            None => Some(ControlServer::start(&store_args.data_dir, admin.clone()).await?),
        };
        let mut server = Self { services, stores, address: None, http: None, stopping, background, control };
        if let Some(listener) = listener {
            let app = server.app(args, store_args, plans, clock)?;
            server.address = Some(listener.local_addr()?);
            let stopping = server.stopping.clone();
            server.http = Some(tokio::spawn(http::serve(listener, api::router(Arc::new(app)), stopping)));
        }
        Ok(server)
    }

    fn app(
        &self,
        args: &ServeArgs,
        store_args: &StoreArgs,
        plans: Arc<Catalogue>,
        clock: Arc<dyn Clock>,
    ) -> Result<api::App, Failure> {
        let tokens = match &args.jwks_url {
            Some(url) => {
                let url = url.parse().map_err(|error| format!("--jwks-url is no URL: {error}"))?;
                TokenVerifier::new(TokenConfig::default(), None, Some(Jwks::new(url)?), Arc::clone(&clock))
            }
            None => {
                let secret = secret_key(&args.token, &store_args.data_dir)?;
                TokenVerifier::new(TokenConfig::default(), Some(&secret), None, Arc::clone(&clock))
            }
        };
        let known = Arc::clone(&self.services.known);
        Ok(api::App {
            ingest: Arc::clone(&self.services.ingest),
            commands: Arc::clone(&self.services.commands),
            keys: Arc::new(KeyVerifier::new(Arc::clone(&known), Arc::clone(&clock))),
            known,
            log: Arc::clone(&self.stores.log),
            reads: self.services.reads.clone(),
            plans,
            clock,
            tokens: Arc::new(tokens),
            payments: self.services.payments.clone(),
            callbacks: payments::callbacks(&args.payments)?,
        })
    }

    /// Where it listens, if it does.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What its parts share.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// Returns when a part of it has ended that never should, and says which. A server that goes on without it would
    /// show old numbers, or let revoked keys in: better that whoever watches the process starts it anew.
    pub(crate) async fn ended(&mut self) -> Failure {
        let http = async {
            match &mut self.http {
                Some(http) => http.await.map(|()| "what answers requests"),
                None => std::future::pending().await,
            }
        };
        let background = async {
            match self.background.join_next().await {
                Some(ended) => ended,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = http => ended,
            ended = background => ended,
        };
        match ended {
            Ok(part) => format!("{part} has ended; the log says why").into(),
            Err(error) => format!("a part of the server has ended abnormally: {error}").into(),
        }
    }

    /// Ends what is under way, makes what was taken in durable, and lets go of the stores.
    pub(crate) async fn stop(mut self) {
        self.stopping.cancel();
        if let Some(http) = self.http {
            let end = http.abort_handle();
            match tokio::time::timeout(DRAIN, http).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the HTTP listener ended abnormally"),
                Err(_) => {
                    tracing::warn!(
                        "some requests did not end in time and are cut off; what was acknowledged is durable"
                    );
                    end.abort();
                }
            }
        }
        self.services.ingest.close().await;
        self.background.shutdown().await;
        drop(self.control);
        self.stores.close().await;
        tracing::info!("stopped");
    }
}

/// Everything that is done by itself.
fn workers(
    args: &ServeArgs,
    services: &Services,
    stores: &Stores,
    plans: &Arc<Catalogue>,
    clock: &Arc<dyn Clock>,
    stopping: &CancellationToken,
    background: &mut JoinSet<&'static str>,
) -> Result<(), Failure> {
    let (commands, known) = (|| Arc::clone(&services.commands), || Arc::clone(&services.known));
    let settle = job::Runner::new(SettleJob::new(commands(), known()), SettleJob::SCHEDULE);
    background.spawn(ending(settle.run(stopping.clone()), "what turns payments into plans"));
    let renewals = RenewalsJob::new(commands(), known(), Arc::clone(clock));
    let renewals = job::Runner::new(renewals, RenewalsJob::SCHEDULE);
    background.spawn(ending(renewals.run(stopping.clone()), "what watches over the ends of plans"));
    let reads = services.reads.clone();
    let limits = LimitsJob::new(commands(), known(), reads, Arc::clone(plans), Arc::clone(clock));
    let limits = job::Runner::new(limits, LimitsJob::SCHEDULE);
    background.spawn(ending(limits.run(stopping.clone()), "what watches over limits"));
    if let Some(payments) = services.payments.clone() {
        let reconcile = ReconcileJob::new(payments, known(), Arc::clone(clock));
        let reconcile = job::Runner::new(reconcile, ReconcileJob::SCHEDULE);
        background.spawn(ending(reconcile.run(stopping.clone()), "what asks the payment backend"));
    }
    if let Some(config) = storage(args)? {
        let schedule = job::Schedule { interval: DAY, limit: config.run_limit() };
        let job = StorageJob::new(config, commands(), known(), Arc::clone(&stores.log), Arc::clone(clock))?;
        let run = job::Runner::new(job, schedule).run_daily(STORAGE_AT, Arc::clone(clock), stopping.clone());
        background.spawn(ending(run, "what measures storage"));
    }
    if let Some(config) = traefik(args)? {
        let schedule = config.schedule();
        let job = TraefikJob::new(config, commands(), Arc::clone(&stores.log), Arc::clone(clock))?;
        let run = job::Runner::new(job, schedule).run(stopping.clone());
        background.spawn(ending(run, "what reads Traefik's counters"));
    }
    Ok(())
}

/// What to say of it when it ends, which it never should.
async fn ending(work: impl Future<Output = ()>, part: &'static str) -> &'static str {
    work.await;
    part
}

fn plans(args: &ServeArgs) -> Result<Catalogue, PlansError> {
    let Some(file) = args.plans.clone() else { return Ok(Catalogue::default()) };
    match std::fs::read_to_string(&file) {
        Ok(text) => Catalogue::from_toml(&text).map_err(|source| PlansError::Content { file, source }),
        Err(source) => Err(PlansError::File { file, source }),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address} (--listen, SERVELINK_LISTEN): {error}").into())
}

fn storage(args: &ServeArgs) -> Result<Option<StorageConfig>, SettingError> {
    let wanted = &args.storage;
    if !wanted.measured {
        return Ok(None);
    }
    check_docker_host(args)?;
    let binds = wanted.paas_data_dir.clone().map(|data_dir| {
        let engine_data_dir = wanted.engine_data_dir.clone();
        BindsConfig { data_dir, engine_data_dir, ..BindsConfig::default() }
    });
    let (host, volume_names) = (args.docker_host.clone(), wanted.volume_names.clone());
    Ok(Some(StorageConfig { host, volume_names, binds, ..StorageConfig::default() }))
}

fn check_docker_host(args: &ServeArgs) -> Result<(), SettingError> {
    let known =
        |host: &String| ["unix://", "tcp://", "http://"].iter().any(|scheme| host.starts_with(scheme));
    if args.docker_host.as_ref().is_none_or(known) { Ok(()) } else { Err(SettingError::DockerHost) }
}

fn traefik(args: &ServeArgs) -> Result<Option<TraefikConfig>, SettingError> {
    let Some(url) = args.traefik_url.clone() else { return Ok(None) };
    check_docker_host(args)?;
    // Without a map file somebody must say whose deployments are: then Docker is asked, at its usual place if need be.
    let docker = match (&args.docker_host, &args.traefik_map) {
        (None, Some(_)) => None,
        (host, _) => Some(DockerConfig { host: host.clone(), ..DockerConfig::default() }),
    };
    Ok(Some(TraefikConfig {
        source: args.traefik_source.clone(),
        interval: args.traefik_interval,
        map_file: args.traefik_map.clone(),
        docker,
        ..TraefikConfig::new(url)
    }))
}
