//! Everything that `servelink serve` starts, in order, and stopping it in the reverse one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::auth::service_key::KeyVerifier;
use api::auth::token::{Jwks, TokenConfig, TokenVerifier};
use domain::plan::{Catalogue, CatalogueError};
use projections::{ReadModels, Runner};
use store::commands::Commands;
use store::ingest::Ingest;
use store::known::Known;
use store::payments::Payments;
use store::subjects::Subjects;
use store::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use workers::job::Coordinator;

use crate::admin::Admin;
use crate::cli::Failure;
use crate::config::{Role, ServeArgs, StoreArgs};
use crate::control::ControlServer;
use crate::http;
use crate::jobs::{Jobs, node_name};
use crate::metrics::{self, Metrics};
use crate::payments;
use crate::secret_key::secret_key;
use crate::stores::Stores;

/// How long requests that are under way may take to end once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How long jobs may take to let go of their leases: other nodes wait that much longer otherwise.
const LEAVE: Duration = Duration::from_secs(2);

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
    pub(crate) subjects: Subjects,
    pub(crate) admin: Admin,
}

/// A running server.
pub(crate) struct Server {
    services: Services,
    stores: Stores,
    address: Option<SocketAddr>,
    http: Option<JoinHandle<()>>,
    stopping: CancellationToken,
    /// Jobs that let go of their leases when it is stopping.
    tracker: TaskTracker,
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
            true => Some(bind(args.listen, "--listen, SERVELINK_LISTEN").await?),
            false => None,
        };
        let metrics_listener = match args.metrics_listen {
            Some(address) => Some(bind(address, "--metrics-listen, SERVELINK_METRICS_LISTEN").await?),
            None => None,
        };
        let stores = Stores::open(store_args).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let known = Known::open(Arc::clone(&stores.log)).await?;
        known.set_traffic_source(Some(args.billing_source()));
        let ingest = Ingest::start(Arc::clone(&stores.log), Arc::clone(&known), Arc::clone(&clock));
        let subjects = Subjects::new(stores.state.clone());
        let commands = Arc::new(Commands::new(
            Arc::clone(&stores.log),
            Arc::clone(&known),
            Arc::clone(&plans),
            Arc::clone(&clock),
            subjects.clone(),
        ));
        let reads = ReadModels::new(stores.reads.clone());
        let runner =
            Runner::new(Arc::clone(&stores.log), stores.reads.clone(), projections::all(), reads.moved());
        let lease = args.job_lease;
        let coordinator = Coordinator::new(stores.state.clone(), node_name(), lease, Arc::clone(&clock));
        let admin = Admin::new(
            stores.state.clone(),
            Some(Arc::clone(&coordinator)),
            Arc::clone(&stores.log),
            Arc::clone(&known),
            Arc::clone(&commands),
            reads.clone(),
            runner.clone(),
        );
        let (stopping, tracker) = (CancellationToken::new(), TaskTracker::new());

        let mut background = JoinSet::new();
        let follow = Arc::clone(&known).follow();
        background.spawn(ending(follow, "what keeps up with keys, projects and closed months"));
        if args.does(Role::Projections) {
            background.spawn(ending(runner.run(), "what keeps the read models up to date"));
        }
        if let Some(listener) = metrics_listener {
            tracing::info!("metrics are at http://{}/metrics", listener.local_addr()?);
            let (log, state) = (Arc::clone(&stores.log), stores.state.clone());
            let (known, clock) = (Arc::clone(&known), Arc::clone(&clock));
            let metrics = Metrics { log, reads: reads.clone(), state, known, clock };
            let serving = http::serve(listener, metrics::router(metrics), stopping.clone());
            background.spawn(ending(serving, "what tells metrics"));
        }
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let payments = payments::payments(&args.payments, address, &commands, &clock)?;
        let services = Services { commands, known, payments, ingest, reads, subjects, admin: admin.clone() };
        if args.does(Role::Workers) {
            Jobs {
                args,
                services: &services,
                stores: &stores,
                plans: &plans,
                clock: &clock,
                listen: address,
                coordinator,
                stopping: &stopping,
                tracker: &tracker,
                background: &mut background,
            }
            .start()?;
        }
        let control = match &store_args.database_url {
            // Whoever can reach the database needs no server to do it.
            Some(_) => None,
            None => Some(ControlServer::start(&store_args.data_dir, admin.clone()).await?),
        };
        let mut server =
            Self { services, stores, address: None, http: None, stopping, tracker, background, control };
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
        self.tracker.close();
        if tokio::time::timeout(LEAVE, self.tracker.wait()).await.is_err() {
            tracing::warn!("some jobs did not end in time; their leases end by themselves");
        }
        self.background.shutdown().await;
        drop(self.control);
        self.stores.close().await;
        tracing::info!("stopped");
    }
}

/// What to say of it when it ends, which it never should.
pub(crate) async fn ending(work: impl Future<Output = ()>, part: &'static str) -> &'static str {
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

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address} ({setting}): {error}").into())
}
