//! `servelink sandbox`: a stand-in payment backend, for whoever has none at hand.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sandbox::{Sandbox, SandboxConfig, Signing};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;

use crate::cli::{Failure, out, start_logging};
use crate::config::{LogArgs, duration};
use crate::stop::StopSignal;

#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// Address and port of the payment backend; port 0 picks a free one and prints it
    #[arg(long, env = "SANDBOX_LISTEN", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,

    /// Keys that Servelink may show, separated by commas [default: a new one, which is printed]
    #[arg(long, env = "PAYMENT_API_KEY", hide_env_values = true, value_name = "KEYS")]
    api_key: Option<SecretString>,

    /// The secret that signs callbacks: what follows `kid:` in Servelink's PAYMENT_WEBHOOK_SECRETS [default: a new
    /// one, which is printed]
    #[arg(long, env = "SANDBOX_WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<SecretString>,

    /// How callbacks are signed
    #[arg(long, default_value = "standard")]
    scheme: Scheme,

    /// After how long 3.00 EUR is paid and 0.03 EUR is given up
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    settle_after: Duration,

    /// Where payers reach the sandbox [default: where it listens]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// Be an older backend, which does not tell what was captured
    #[arg(long)]
    old_backend: bool,

    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scheme {
    /// Standard Webhooks
    Standard,
    /// X-Payment-Signature
    Legacy,
    /// Not signed: Servelink refuses such callbacks unless it is told otherwise
    None,
}

/// The secret of one side that the other needs too.
struct Shared {
    secret: SecretString,
    /// Whether it was made here, and must be told.
    new: bool,
}

impl Shared {
    /// What was given, if it is not empty.
    fn given_or_new(given: Option<SecretString>) -> Self {
        match given.filter(|given| !given.expose_secret().trim().is_empty()) {
            Some(secret) => Self { secret, new: false },
            None => Self { secret: hex::encode(rand::random::<[u8; 32]>()).into(), new: true },
        }
    }
}

pub(super) async fn run(args: SandboxArgs) -> Result<(), Failure> {
    start_logging(&args.log, "info")?;
    let mut stop = StopSignal::listen()?;
    let keys = Shared::given_or_new(args.api_key);
    let secret = Shared::given_or_new(args.secret);
    let config = SandboxConfig {
        api_keys: keys.secret.expose_secret().split(',').map(|key| key.trim().into()).collect(),
        signing: match args.scheme {
            Scheme::Standard => Signing::Standard { secret: secret.secret.clone() },
            Scheme::Legacy => Signing::Legacy { secret: secret.secret.clone() },
            Scheme::None => Signing::None,
        },
        settle_after: args.settle_after,
        tells_amounts: !args.old_backend,
        public_url: args.public_url,
        ..SandboxConfig::default()
    };
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| format!("cannot listen on {} (--listen, SANDBOX_LISTEN): {error}", args.listen))?;
    let sandbox = Sandbox::start(listener, config)?;
    out!("servelink sandbox is listening on {}", sandbox.url());
    announce(sandbox.url(), &keys, Some(&secret).filter(|_| args.scheme != Scheme::None));
    stop.told().await;
    sandbox.stop().await;
    Ok(())
}

/// What Servelink must be told, ready to be copied. What was given to us is known already, and is not repeated.
fn announce(url: &str, keys: &Shared, secret: Option<&Shared>) {
    let secret = secret.filter(|secret| secret.new);
    if !keys.new && secret.is_none() {
        return;
    }
    out!("\nStart Servelink with:\n");
    out!("  export PAYMENT_BACKEND_URL={url}");
    if keys.new {
        out!("  export PAYMENT_API_KEY={}", keys.secret.expose_secret());
    }
    if let Some(secret) = secret {
        out!("  export PAYMENT_WEBHOOK_SECRETS=sandbox:{}", secret.secret.expose_secret());
    }
    out!("\nCtrl-C ends the sandbox.");
}
