//! Settings, each by flag, environment or `.env` alike. `servelink serve --help` is their reference.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

/// Where everything is kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// Folder of the embedded store and of the keys that are made on first use
    #[arg(long, env = "SERVELINK_DATA_DIR", default_value = "./data", global = true)]
    pub(crate) data_dir: PathBuf,

    /// Keep events and read models in this Postgres database (postgres://user:password@host/name) instead
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = postgres_url, global = true)]
    pub(crate) database_url: Option<SecretString>,
}

/// What signs user tokens.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenArgs {
    /// The PaaS's secret that signs its session tokens [default: made on first use, in the data folder]
    #[arg(long, env = "SECRET_KEY", hide_env_values = true, value_parser = secret)]
    pub(crate) secret_key: Option<SecretString>,
}

/// Everything about the server.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Address and port of the HTTP interface; port 0 picks a free one and prints it
    #[arg(long, env = "SERVELINK_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// What this process does, separated by commas: api, projections, workers
    #[arg(long, env = "SERVELINK_ROLES", value_delimiter = ',', default_value = "api,projections,workers")]
    pub(crate) roles: Vec<Role>,

    /// Plans, prices and limits as TOML [default: built in]
    #[arg(long, env = "SERVELINK_PLANS", value_name = "FILE")]
    pub(crate) plans: Option<PathBuf>,

    /// Keys that sign user tokens, as a JWKS, instead of the secret key
    #[arg(long, env = "SERVELINK_JWKS_URL", value_name = "URL")]
    pub(crate) jwks_url: Option<String>,

    /// Traefik's Prometheus endpoint (http://traefik:8080/metrics); without it nothing is scraped
    #[arg(long, env = "SERVELINK_TRAEFIK_URL", value_name = "URL")]
    pub(crate) traefik_url: Option<String>,

    /// The name that this Traefik's traffic is recorded under; one for each Traefik, for ever
    #[arg(long, env = "SERVELINK_TRAEFIK_SOURCE", default_value = "traefik", value_name = "NAME")]
    pub(crate) traefik_source: String,

    /// How often Traefik is scraped
    #[arg(long, env = "SERVELINK_TRAEFIK_INTERVAL", default_value = "15s", value_parser = duration, value_name = "TIME")]
    pub(crate) traefik_interval: Duration,

    /// Which deployment is which project's, as TOML: deployment id = "project id"
    #[arg(long, env = "SERVELINK_TRAEFIK_MAP", value_name = "FILE")]
    pub(crate) traefik_map: Option<PathBuf>,

    /// Docker engine or socket proxy whose container labels say which deployment is which project's
    /// (unix:///var/run/docker.sock, tcp://proxy:2375)
    #[arg(long, env = "DOCKER_HOST", value_name = "URL")]
    pub(crate) docker_host: Option<String>,

    #[command(flatten)]
    pub(crate) token: TokenArgs,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// What is logged, and how. `RUST_LOG` chooses what: `info`, `servelink_store=debug`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogArgs {
    /// Form of the log on standard error
    #[arg(long, env = "SERVELINK_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: a JSON object a line.
    Json,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Role {
    /// Answers HTTP requests.
    Api,
    /// Keeps the read models up to date.
    Projections,
    /// Runs scheduled work.
    Workers,
}

impl ServeArgs {
    /// Whether this process does that.
    pub(crate) fn does(&self, role: Role) -> bool {
        self.roles.iter().copied().collect::<BTreeSet<_>>().contains(&role)
    }
}

fn postgres_url(text: &str) -> Result<SecretString, String> {
    // The text itself is not repeated: it may hold a password.
    match sqlx_url(text) {
        true => Ok(SecretString::from(text)),
        false => Err("must be a URL like postgres://user:password@host:5432/name".into()),
    }
}

fn sqlx_url(text: &str) -> bool {
    let postgres = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    postgres && store::postgres::parse_url(text).is_ok()
}

fn secret(text: &str) -> Result<SecretString, String> {
    if text.len() < 16 { Err("must be at least 16 characters".into()) } else { Ok(SecretString::from(text)) }
}

/// A duration such as `15s`, `1h`, `90d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration =
        humantime::Duration::from_str(text).map_err(|error| format!("{error}; write 15s, 1h or 90d"))?;
    if duration.is_zero() { Err("must be longer than nothing".into()) } else { Ok(*duration) }
}
