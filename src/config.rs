//! Settings, each by flag, environment or `.env` alike. `servelink serve --help` is their reference.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use domain::TrafficSource;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use workers::storage::VolumeName;

/// The fewest bytes that a secret may have.
pub(crate) const SECRET_LENGTH: usize = 16;

/// What is wrong with a setting that is secret. Its value is not told.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum SettingError {
    #[error(
        "invalid value for '--database-url' (DATABASE_URL): must be a URL like postgres://user:password@host:5432/name"
    )]
    DatabaseUrl,
    #[error("invalid value for '--secret-key' (SECRET_KEY): must be at least {SECRET_LENGTH} characters")]
    SecretKey,
    #[error(
        "invalid value for '--docker-host' (DOCKER_HOST): must be a URL like unix:///var/run/docker.sock or tcp://proxy:2375"
    )]
    DockerHost,
    #[error(
        "--mail-url (MAIL_URL) is set: set --mail-from (MAIL_FROM) too, such as 'Servelink <no-reply@example.org>'"
    )]
    MailFrom,
    #[error(
        "--mail-url (MAIL_URL) is set: set --base-url (BASE_URL) too, to where browsers reach this server, because mails \
         have links"
    )]
    MailBaseUrl,
    #[error(
        "--webhook-url (SERVELINK_WEBHOOK_URL) is set: set --webhook-secrets (SERVELINK_WEBHOOK_SECRETS) too"
    )]
    WebhookSecrets,
}

/// Where everything is kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// Folder of the embedded store and of the keys that are made on first use
    #[arg(long, env = "SERVELINK_DATA_DIR", default_value = "./data", global = true)]
    pub(crate) data_dir: PathBuf,

    /// Keep events and read models in this Postgres database (postgres://user:password@host/name) instead
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = concealed, global = true)]
    pub(crate) database_url: Option<SecretString>,
}

/// What signs user tokens.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenArgs {
    /// The PaaS's secret that signs its session tokens [default: made on first use, in the data folder]
    #[arg(long, env = "SECRET_KEY", hide_env_values = true, value_parser = concealed)]
    pub(crate) secret_key: Option<SecretString>,
}

/// Everything about the server.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Address and port of the HTTP interface; port 0 picks a free one and prints it
    #[arg(long, env = "SERVELINK_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Address and port at which Prometheus finds /metrics, apart from the HTTP interface and for anybody who reaches it
    /// [default: nowhere]
    #[arg(long, env = "SERVELINK_METRICS_LISTEN", value_name = "ADDRESS")]
    pub(crate) metrics_listen: Option<SocketAddr>,

    /// What this process does, separated by commas: api, projections, workers
    #[arg(long, env = "SERVELINK_ROLES", value_delimiter = ',', default_value = "api,projections,workers")]
    pub(crate) roles: Vec<Role>,

    /// Plans, prices and limits as TOML [default: built in]
    #[arg(long, env = "SERVELINK_PLANS", value_name = "FILE")]
    pub(crate) plans: Option<PathBuf>,

    /// Keys that sign user tokens, as a JWKS, instead of the secret key
    #[arg(long, env = "SERVELINK_JWKS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) jwks_url: Option<String>,

    /// Traefik's Prometheus endpoint (http://traefik:8080/metrics); without it nothing is scraped
    #[arg(long, env = "SERVELINK_TRAEFIK_URL", hide_env_values = true, value_name = "URL")]
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
    #[arg(long, env = "DOCKER_HOST", hide_env_values = true, value_name = "URL")]
    pub(crate) docker_host: Option<String>,

    #[command(flatten)]
    pub(crate) traffic: TrafficArgs,

    #[command(flatten)]
    pub(crate) storage: StorageArgs,

    #[command(flatten)]
    pub(crate) mail: NewsArgs,

    /// How long a node keeps a job that it does not renew: as long nobody runs the jobs of a node that has crashed
    #[arg(long, env = "SERVELINK_JOB_LEASE", default_value = "15s", value_parser = lease, value_name = "TIME")]
    pub(crate) job_lease: Duration,

    #[command(flatten)]
    pub(crate) token: TokenArgs,

    #[command(flatten)]
    pub(crate) payments: PaymentArgs,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// What counts traffic, and what of it bills.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrafficArgs {
    /// What bills the traffic of projects that nothing else was chosen for: traefik, docker or ingest (samples). What else
    /// comes in is compared with it. The same on all nodes [default: traefik with --traefik-url, else docker with --nic,
    /// else ingest]
    #[arg(long = "traffic-source", env = "TRAFFIC_SOURCE", value_name = "SOURCE")]
    pub(crate) billing: Option<TrafficSource>,

    /// Count what containers send and receive at their network interfaces, by the Docker engine of --docker-host
    #[arg(long = "nic", env = "SERVELINK_NIC", value_parser = yes_or_no, default_value = "no",
        num_args = 0..=1, default_missing_value = "yes", value_name = "YES_OR_NO")]
    pub(crate) nic: bool,

    /// How often containers are read
    #[arg(long = "nic-interval", env = "SERVELINK_NIC_INTERVAL", default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub(crate) nic_interval: Duration,
}

/// What measures disks.
#[derive(Debug, Clone, Args)]
pub(crate) struct StorageArgs {
    /// Measure what each project stores, by the Docker engine of --docker-host: every day at 04:00 UTC, and
    /// when none of these was ever measured. On all nodes of one engine
    #[arg(long = "storage", env = "SERVELINK_STORAGE", value_parser = yes_or_no, default_value = "no",
        num_args = 0..=1, default_missing_value = "yes", value_name = "YES_OR_NO")]
    pub(crate) measured: bool,

    /// Volumes without the project's label that are a project's all the same; * stands for anything
    #[arg(
        long,
        env = "SERVELINK_VOLUME_NAMES",
        value_delimiter = ',',
        default_value = "{project_id}-*",
        value_name = "NAMES"
    )]
    pub(crate) volume_names: Vec<VolumeName>,

    /// The PaaS's own data folder, whose storage/TEAM/... is measured too [default: it is not]
    #[arg(long, env = "DATA_DIR", value_name = "FOLDER")]
    pub(crate) paas_data_dir: Option<PathBuf>,

    /// The same folder as the Docker engine names it, where this process sees it elsewhere
    #[arg(long, env = "SERVELINK_ENGINE_DATA_DIR", value_name = "FOLDER")]
    pub(crate) engine_data_dir: Option<PathBuf>,
}

/// Who is told what happens: members by mail, the PaaS by webhooks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Mail and webhooks")]
pub(crate) struct NewsArgs {
    /// The SMTP server: smtps://user:password@host (TLS), smtp://... (STARTTLS) or smtp://host:25?starttls=never
    /// [default: no mail is sent]
    #[arg(long, env = "MAIL_URL", hide_env_values = true, value_parser = concealed, value_name = "URL")]
    pub(crate) mail_url: Option<SecretString>,

    /// Who mail is from: Servelink <no-reply@example.org>
    #[arg(long, env = "MAIL_FROM", value_name = "MAILBOX")]
    pub(crate) mail_from: Option<String>,

    /// Where members' answers go, since letters say to write back: Help <help@example.org> [default: to who mail is from]
    #[arg(long, env = "MAIL_REPLY_TO", value_name = "MAILBOX")]
    pub(crate) mail_reply_to: Option<String>,

    /// Where the PaaS hears of alerts and plans [default: nowhere]
    #[arg(long, env = "SERVELINK_WEBHOOK_URL", hide_env_values = true, value_parser = concealed, value_name = "URL")]
    pub(crate) webhook_url: Option<SecretString>,

    /// Secrets that webhooks are signed with (whsec_...); two, separated by a comma, while they are changed
    #[arg(long, env = "SERVELINK_WEBHOOK_SECRETS", hide_env_values = true, value_parser = concealed, value_name = "LIST")]
    pub(crate) webhook_secrets: Option<SecretString>,

    /// Hosts that webhooks may go to although their addresses are private, separated by commas
    #[arg(long, env = "SERVELINK_WEBHOOK_ALLOW_PRIVATE", value_delimiter = ',', value_name = "HOSTS")]
    pub(crate) webhook_allow_private: Vec<String>,
}

/// The payment backend and its callbacks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Payments")]
pub(crate) struct PaymentArgs {
    /// The payment backend, an http or https URL; without it nothing can be paid
    #[arg(long, env = "PAYMENT_BACKEND_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) payment_backend_url: Option<String>,

    /// The key that the payment backend knows us by; two, separated by a comma, while it is changed
    #[arg(long, env = "PAYMENT_API_KEY", hide_env_values = true, value_parser = concealed, value_name = "KEY")]
    pub(crate) payment_api_key: Option<SecretString>,

    /// Secrets that the payment backend may sign callbacks with, as kid:secret, separated by commas
    #[arg(long, env = "PAYMENT_WEBHOOK_SECRETS", hide_env_values = true, value_parser = concealed, value_name = "LIST")]
    pub(crate) payment_webhook_secrets: Option<SecretString>,

    /// Take callbacks that nobody signed: anyone who can reach this server can then claim that something was paid
    /// (a poll still has to confirm it)
    #[arg(long, env = "PAYMENT_UNSIGNED_CALLBACKS", value_parser = yes_or_no, default_value = "no",
        num_args = 0..=1, default_missing_value = "yes", value_name = "YES_OR_NO")]
    pub(crate) payment_unsigned_callbacks: bool,

    /// Networks that callbacks may come from (203.0.113.0/24, separated by commas) [default: any]
    #[arg(long, env = "PAYMENT_CALLBACK_NETWORKS", default_value = "", value_name = "NETWORKS")]
    pub(crate) payment_callback_networks: Networks,

    /// Networks of our own proxies, whose X-Forwarded-For is believed
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "", value_name = "NETWORKS")]
    pub(crate) trusted_proxies: Networks,

    /// Where browsers and the payment backend reach this server [default: http:// and the address it listens on]
    #[arg(long, env = "BASE_URL", value_name = "URL")]
    pub(crate) base_url: Option<String>,
}

/// Networks and single addresses, separated by commas; none at all is fine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(pub(crate) Vec<IpNet>);

impl FromStr for Networks {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let given = text.split(',').map(str::trim).filter(|network| !network.is_empty());
        let network = |text: &str| {
            let single = || text.parse::<IpAddr>().map(IpNet::from);
            let parsed = text.parse().or_else(|_| single());
            parsed.map_err(|_| format!("`{text}` must be a network such as 203.0.113.0/24, or an address"))
        };
        given.map(network).collect::<Result<_, _>>().map(Self)
    }
}

/// A switch by environment: empty, as `.env` files leave it, is no.
fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "no" | "false" | "off" | "0" => Ok(false),
        "yes" | "true" | "on" | "1" => Ok(true),
        _ => Err("must be yes or no".into()),
    }
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

impl StoreArgs {
    /// What is wrong with them, if anything.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        match &self.database_url {
            Some(url) if !is_postgres_url(url.expose_secret()) => Err(SettingError::DatabaseUrl),
            Some(_) | None => Ok(()),
        }
    }
}

impl TokenArgs {
    /// What is wrong with them, if anything.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        match &self.secret_key {
            Some(secret) if secret.expose_secret().len() < SECRET_LENGTH => Err(SettingError::SecretKey),
            Some(_) | None => Ok(()),
        }
    }
}

impl ServeArgs {
    /// What bills the traffic of projects that nothing else was chosen for.
    pub(crate) fn billing_source(&self) -> TrafficSource {
        self.traffic.billing.unwrap_or(match (&self.traefik_url, self.traffic.nic) {
            (Some(_), _) => TrafficSource::Traefik,
            (None, true) => TrafficSource::Docker,
            (None, false) => TrafficSource::Ingest,
        })
    }

    /// Whether this process does that.
    pub(crate) fn does(&self, role: Role) -> bool {
        self.roles.iter().copied().collect::<BTreeSet<_>>().contains(&role)
    }
}

/// A value that clap must not judge: it would repeat a wrong one, which may be right in all but a letter.
fn concealed(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

fn is_postgres_url(text: &str) -> bool {
    let postgres = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    postgres && store::postgres::parse_url(text).is_ok()
}

/// How long a lease may last: shorter, and a slow answer of the database would end it.
fn lease(text: &str) -> Result<Duration, String> {
    let lease = duration(text)?;
    let allowed = Duration::from_secs(1)..=Duration::from_secs(600);
    if allowed.contains(&lease) { Ok(lease) } else { Err("must be from 1s to 10m".into()) }
}

/// A duration such as `15s`, `1h`, `90d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration =
        humantime::Duration::from_str(text).map_err(|error| format!("{error}; write 15s, 1h or 90d"))?;
    if duration.is_zero() { Err("must be longer than nothing".into()) } else { Ok(*duration) }
}
