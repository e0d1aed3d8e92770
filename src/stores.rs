//! Opening the event log, the read models and the state beside them: embedded in the data folder, or in a Postgres
//! database.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use projections::{Db, DbError};
use secrecy::ExposeSecret;
use store::postgres::PostgresLog;
use store::sqlite::SqliteLog;
use store::state::{State, StateError};
use store::{EventLog, OpenError};

use crate::config::StoreArgs;
use crate::secret_key::create_private_folder;

/// Why the stores cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoresError {
    #[error("the folder {folder} cannot be used: {source}")]
    Folder { folder: PathBuf, source: std::io::Error },
    /// The embedded store belongs to one process.
    #[error("another servelink is running on {0}")]
    Owned(PathBuf),
    #[error("DATABASE_URL cannot be understood")]
    Url,
    /// Whatever the first use of the database met: it is away, or does not let us in.
    #[error("the database of DATABASE_URL ({0}) cannot be used")]
    Database(String, #[source] OpenError),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Reads(#[from] DbError),
    #[error(transparent)]
    State(#[from] StateError),
}

/// The open stores.
pub(crate) struct Stores {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) reads: Db,
    pub(crate) state: State,
    /// Held for as long as the embedded store is open: SQLite before 3.51.3 can corrupt a file that two processes
    /// write, and one owner can promise that there are no two.
    lock: Option<File>,
}

impl Stores {
    /// Opens what the settings name.
    pub(crate) async fn open(args: &StoreArgs) -> Result<Self, StoresError> {
        match &args.database_url {
            Some(url) => {
                let options =
                    store::postgres::parse_url(url.expose_secret()).map_err(|_| StoresError::Url)?;
                // Without the password: not everybody who reads the log is to know it.
                let database = options.get_database().unwrap_or("of the user's name");
                let name = format!("{}:{}, {database}", options.get_host(), options.get_port());
                let log = PostgresLog::open(options.clone()).await;
                let log = log.map_err(|error| StoresError::Database(name, error))?;
                let reads = Db::open_postgres(options.clone()).await?;
                let state = State::open_postgres(options).await?;
                Ok(Self { log: Arc::new(log), reads, state, lock: None })
            }
            None => Self::open_embedded(&args.data_dir).await,
        }
    }

    async fn open_embedded(folder: &Path) -> Result<Self, StoresError> {
        let unusable = |source| StoresError::Folder { folder: folder.to_owned(), source };
        create_private_folder(folder).map_err(unusable)?;
        let lock = File::options().create(true).append(true).open(folder.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoresError::Owned(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let log = SqliteLog::open(&folder.join("log.db")).await?;
        let reads = Db::open_sqlite(&folder.join("read.db")).await?;
        let state = State::open_sqlite(&folder.join("state.db")).await?;
        Ok(Self { log: Arc::new(log), reads, state, lock: Some(lock) })
    }

    /// Makes what waits durable and lets go of everything.
    pub(crate) async fn close(self) {
        self.log.close().await;
        self.reads.close().await;
        self.state.close().await;
        drop(self.lock);
    }
}
