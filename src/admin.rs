//! What the command line does to a store: keys, projections, [`jobs`] and [`payments`]. The same for a store that this
//! process owns and, through [`crate::control`], for one that a running server owns.

mod jobs;
mod payments;

use std::sync::Arc;
use std::time::Duration;

use api::auth::service_key;
use chrono::{DateTime, Utc};
use domain::plan::Catalogue;
use domain::service_key::Scope;
use projections::{ProjectorStatus, ReadModels, Runner, RunnerError};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::SystemClock;
use store::commands::{Actor, CommandError, Commands};
use store::known::{Known, KnownError};
use store::state::{State, StateError};
use store::subjects::Subjects;
use tokio::time::{Instant, sleep};
use workers::job::Coordinator;

use crate::config::StoreArgs;
use crate::control::{ControlClient, ControlError};
use crate::stores::{Stores, StoresError};

pub(crate) use jobs::{JobRow, JobWish};
pub(crate) use payments::{Finding, ReviewRow};

/// How long a command waits for the store while nobody who owns it can be asked, and how often it looks.
const OWNED: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(50);

/// Why an administrator's wish was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    #[error(transparent)]
    Stores(#[from] StoresError),
    #[error(transparent)]
    Known(#[from] KnownError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error(transparent)]
    Query(#[from] projections::QueryError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Payment(#[from] store::payments::EventsError),
    #[error(
        "the read models have not taken in all events yet, so that what they hold may not be all; ask again while a \
         server runs, and see `servelink projections status`"
    )]
    Behind,
    #[error("there is no job `{name}`; there are {known}")]
    UnknownJob { name: String, known: String },
    #[error(
        "no node runs the job `{name}` now, and nothing was run; start a server with {turn_on}, which runs it"
    )]
    NobodyRuns { name: &'static str, turn_on: &'static str },
}

/// A new service key as it is wished for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyWish {
    pub(crate) name: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// A service key as it is shown. Its secret is not kept anywhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// A service key that was just made: the one time that its secret is seen.
#[derive(Debug, Clone)]
pub(crate) struct NewKey {
    pub(crate) id: String,
    pub(crate) key: SecretString,
}

/// A generation of a projection as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProjectionRow {
    pub(crate) name: String,
    pub(crate) version: i64,
    pub(crate) generation: i64,
    pub(crate) state: String,
    pub(crate) position: u64,
    pub(crate) head: u64,
    pub(crate) stopped: Option<String>,
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RebuildProgress {
    pub(crate) position: u64,
    pub(crate) head: u64,
}

/// An administrator of a store that this process owns.
#[derive(Clone)]
pub(crate) struct Admin {
    state: State,
    /// Of the jobs that this process runs.
    coordinator: Option<Arc<Coordinator>>,
    log: Arc<dyn store::EventLog>,
    known: Arc<Known>,
    commands: Arc<Commands>,
    reads: ReadModels,
    runner: Runner,
}

impl Admin {
    pub(crate) fn new(
        state: State,
        coordinator: Option<Arc<Coordinator>>,
        log: Arc<dyn store::EventLog>,
        known: Arc<Known>,
        commands: Arc<Commands>,
        reads: ReadModels,
        runner: Runner,
    ) -> Self {
        Self { state, coordinator, log, known, commands, reads, runner }
    }

    pub(crate) async fn create_key(&self, actor: &Actor, wish: &KeyWish) -> Result<NewKey, AdminError> {
        let new = service_key::generate();
        self.commands
            .create_service_key(actor, &new.id, &new.hash, &wish.name, &wish.scopes, wish.expires_at)
            .await?;
        self.known.catch_up().await?;
        Ok(NewKey { id: new.id, key: new.key })
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRow>, AdminError> {
        self.known.catch_up().await?;
        let facts = self.known.facts();
        let rows = facts.keys.iter().map(|(id, key)| KeyRow {
            id: id.clone(),
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        });
        Ok(rows.collect())
    }

    pub(crate) async fn revoke_key(&self, actor: &Actor, id: &str) -> Result<(), AdminError> {
        self.commands.revoke_service_key(actor, id).await?;
        self.known.catch_up().await?;
        Ok(())
    }

    pub(crate) async fn projections(&self) -> Result<Vec<ProjectionRow>, AdminError> {
        let head = self.log.head().await.map_err(RunnerError::from)?.0;
        let row = |status: ProjectorStatus| ProjectionRow {
            name: status.name,
            version: status.version,
            generation: status.generation,
            state: status.state.as_str().to_owned(),
            position: status.position.0,
            head,
            stopped: status.stopped,
        };
        Ok(self.reads.statuses().await?.into_iter().map(row).collect())
    }

    pub(crate) async fn rebuild(
        &self,
        name: Option<&str>,
        progress: &mut (dyn FnMut(RebuildProgress) + Send),
    ) -> Result<(), AdminError> {
        let mut report = |at: projections::runner::Progress| {
            progress(RebuildProgress { position: at.position.0, head: at.head.0 });
        };
        Ok(self.runner.rebuild(name, &mut report).await?)
    }
}

/// An administrator of a store, whoever owns it.
pub(crate) enum AnyAdmin {
    /// This process owns the store, for as long as the command lasts.
    Own(Box<Admin>, Stores),
    /// A running server owns it.
    Server(ControlClient),
}

impl AnyAdmin {
    /// Opens the store, or finds the server that owns it.
    pub(crate) async fn open(args: &StoreArgs) -> Result<Self, AdminError> {
        let patience = Instant::now() + OWNED;
        let stores = loop {
            match Stores::open(args).await {
                Ok(stores) => break stores,
                Err(StoresError::Owned(folder)) => match ControlClient::find(&folder).await {
                    Ok(server) => return Ok(Self::Server(server)),
                    Err(error) if Instant::now() > patience => return Err(error.into()),
                    // A server that still starts, or another command, which is done in a moment.
                    Err(_) => sleep(AGAIN).await,
                },
                Err(error) => return Err(error.into()),
            }
        };
        let known = Known::open(Arc::clone(&stores.log)).await?;
        let (plans, clock) = (Arc::new(Catalogue::default()), Arc::new(SystemClock));
        let subjects = Subjects::new(stores.state.clone());
        let commands = Commands::new(Arc::clone(&stores.log), Arc::clone(&known), plans, clock, subjects);
        let reads = ReadModels::new(stores.reads.clone());
        let runner =
            Runner::new(Arc::clone(&stores.log), stores.reads.clone(), projections::all(), reads.moved());
        let admin = Admin::new(
            stores.state.clone(),
            None,
            Arc::clone(&stores.log),
            known,
            Arc::new(commands),
            reads,
            runner,
        );
        Ok(Self::Own(Box::new(admin), stores))
    }

    pub(crate) async fn create_key(&self, wish: &KeyWish) -> Result<NewKey, AdminError> {
        match self {
            Self::Own(admin, _) => admin.create_key(&cli_actor(), wish).await,
            Self::Server(server) => Ok(server.create_key(wish).await?),
        }
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRow>, AdminError> {
        match self {
            Self::Own(admin, _) => admin.keys().await,
            Self::Server(server) => Ok(server.keys().await?),
        }
    }

    pub(crate) async fn revoke_key(&self, id: &str) -> Result<(), AdminError> {
        match self {
            Self::Own(admin, _) => admin.revoke_key(&cli_actor(), id).await,
            Self::Server(server) => Ok(server.revoke_key(id).await?),
        }
    }

    pub(crate) async fn projections(&self) -> Result<Vec<ProjectionRow>, AdminError> {
        match self {
            Self::Own(admin, _) => admin.projections().await,
            Self::Server(server) => Ok(server.projections().await?),
        }
    }

    pub(crate) async fn jobs(&self) -> Result<Vec<JobRow>, AdminError> {
        match self {
            Self::Own(admin, _) => admin.jobs().await,
            Self::Server(server) => Ok(server.jobs().await?),
        }
    }

    pub(crate) async fn review(&self, limit: u16) -> Result<Vec<ReviewRow>, AdminError> {
        match self {
            Self::Own(admin, _) => admin.review(limit).await,
            Self::Server(server) => Ok(server.review(limit).await?),
        }
    }

    pub(crate) async fn request_job(&self, name: &str) -> Result<JobWish, AdminError> {
        match self {
            // Nobody else has the data folder open, whatever a server that was killed left behind.
            Self::Own(_, stores) if !stores.state.is_shared() => Err(jobs::nobody_runs(jobs::named(name)?)),
            Self::Own(admin, _) => admin.request_job(name).await,
            Self::Server(server) => {
                jobs::named(name)?;
                Ok(server.request_job(name).await?)
            }
        }
    }

    pub(crate) async fn rebuild(
        &self,
        name: Option<&str>,
        progress: &mut (dyn FnMut(RebuildProgress) + Send),
    ) -> Result<(), AdminError> {
        match self {
            Self::Own(admin, _) => admin.rebuild(name, progress).await,
            Self::Server(server) => Ok(server.rebuild(name, progress).await?),
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Own(admin, stores) => {
                drop(admin);
                stores.close().await;
            }
            Self::Server(_) => {}
        }
    }
}

/// Who the command line is, in the metadata of what it records.
pub(crate) fn cli_actor() -> Actor {
    Actor("cli".into())
}
