//! Everything that a server does by itself: which jobs the settings turn on.

use std::net::SocketAddr;
use std::sync::Arc;

use domain::plan::Catalogue;
use rand::Rng;
use store::Clock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use workers::deliver::{MailJob, MailTransport, WebhookTransport, WebhooksJob};
use workers::job::{Coordinator, Job, Runner, Timing};
use workers::limits::LimitsJob;
use workers::mail::{MailConfig, Mailer};
use workers::months::MonthsJob;
use workers::nic::{NicConfig, NicJob};
use workers::payments::{ReconcileJob, RenewalsJob, SettleJob};
use workers::storage::{BindsConfig, StorageConfig, StorageJob};
use workers::traefik::{DockerConfig, TraefikConfig, TraefikJob};
use workers::webhook::{WebhookConfig, WebhookSender};

use crate::cli::Failure;
use crate::config::{ServeArgs, SettingError};
use crate::server::{Services, ending};
use crate::stores::Stores;

/// What turns the jobs on, and where they run.
pub(crate) struct Jobs<'a> {
    pub(crate) args: &'a ServeArgs,
    pub(crate) services: &'a Services,
    pub(crate) stores: &'a Stores,
    pub(crate) plans: &'a Arc<Catalogue>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    /// Where this process answers, if it does.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) coordinator: Arc<Coordinator>,
    pub(crate) stopping: &'a CancellationToken,
    /// Ends when all of them have let go of their leases.
    pub(crate) tracker: &'a TaskTracker,
    pub(crate) background: &'a mut JoinSet<&'static str>,
}

impl Jobs<'_> {
    /// Starts those that the settings turn on. All are in `workers::jobs`.
    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        let Services { commands, known, reads, .. } = self.services;
        let (clock, plans) = (|| Arc::clone(self.clock), || Arc::clone(self.plans));
        let (commands, known, reads) = (|| Arc::clone(commands), || Arc::clone(known), || reads.clone());
        let log = || Arc::clone(&self.stores.log);

        let settle = SettleJob::new(commands(), known());
        let renewals = RenewalsJob::new(commands(), known(), clock());
        let limits = LimitsJob::new(commands(), known(), reads(), plans(), clock());
        let months = MonthsJob::new(commands(), log(), reads(), self.stores.state.clone(), clock());
        let payments = self.services.payments.clone();
        let reconcile = payments.map(|payments| ReconcileJob::new(payments, known(), clock()));
        let storage = match storage(self.args)? {
            Some(config) => {
                let timing: Timing = StorageJob::calendar(&config).try_into()?;
                Some((StorageJob::new(config, commands(), known(), log(), clock())?, timing))
            }
            None => None,
        };
        let traefik = match traefik(self.args)? {
            Some(config) => {
                let (schedule, source) = (config.schedule(), config.source.clone());
                let job = TraefikJob::new(config, commands(), log(), clock())?;
                // Each Traefik may be another node's.
                let which = (source != workers::traefik::DEFAULT_SOURCE).then_some(source);
                Some((job, schedule, which))
            }
            None => None,
        };
        let nic = match nic(self.args)? {
            Some(config) => {
                let schedule = config.schedule();
                Some((NicJob::new(config, commands(), known(), log(), clock())?, schedule))
            }
            None => None,
        };
        let mail = self.mail()?.map(|transport| MailJob::new(transport, commands(), reads(), clock()));
        let webhooks = webhooks(self.args)?;
        let webhooks = webhooks.map(|transport| WebhooksJob::new(transport, commands(), reads(), clock()));

        self.run(settle, SettleJob::SCHEDULE, "what turns payments into plans");
        self.run(renewals, RenewalsJob::SCHEDULE, "what watches over the ends of plans");
        self.run(limits, LimitsJob::SCHEDULE, "what watches over limits");
        self.run(months, Timing::try_from(MonthsJob::CALENDAR)?, "what closes months");
        if let Some(job) = reconcile {
            self.run(job, ReconcileJob::SCHEDULE, "what asks the payment backend");
        }
        if let Some((job, timing)) = storage {
            self.run(job, timing, "what measures storage");
        }
        if let Some((job, schedule, which)) = traefik {
            let runner = Runner::new(job, schedule, &self.coordinator);
            let runner = which.iter().fold(runner, |runner, which| runner.of(which));
            self.spawn(runner, "what reads Traefik's counters");
        }
        if let Some((job, schedule)) = nic {
            self.run(job, schedule, "what reads the counters of network interfaces");
        }
        if let Some(job) = mail {
            self.run(job, MailJob::SCHEDULE, "what sends mail");
        }
        if let Some(job) = webhooks {
            self.run(job, WebhooksJob::SCHEDULE, "what sends webhooks");
        }
        Ok(())
    }

    fn run<J: Job + 'static>(&mut self, job: J, timing: impl Into<Timing>, part: &'static str) {
        self.spawn(Runner::new(job, timing, &self.coordinator), part);
    }

    fn spawn<J: Job + 'static>(&mut self, runner: Runner<J>, part: &'static str) {
        let running = runner.run(self.stopping.clone());
        self.background.spawn(ending(self.tracker.track_future(running), part));
    }

    fn mail(&self) -> Result<Option<MailTransport>, Failure> {
        let Some(url) = &self.args.mail.mail_url else {
            return Ok(None);
        };
        let from = self.args.mail.mail_from.as_deref().ok_or(SettingError::MailFrom)?;
        let mut config = MailConfig::new(url, from)?;
        if let Some(mailbox) = &self.args.mail.mail_reply_to {
            config = config.with_reply_to(mailbox)?;
        }
        let mailer = Mailer::new(&config)?;
        let base_url = match (&self.args.payments.base_url, self.listen) {
            (Some(url), _) => url.clone(),
            (None, Some(listen)) if listen.ip().is_loopback() => format!("http://{listen}"),
            (None, _) => return Err(SettingError::MailBaseUrl.into()),
        };
        let (subjects, plans) = (self.services.subjects.clone(), Arc::clone(self.plans));
        Ok(Some(MailTransport::new(mailer, subjects, plans, base_url)?))
    }
}

/// A name for this process that no other has, for people to find it by.
pub(crate) fn node_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "node",
        host => host,
    };
    format!("{host}-{}", hex::encode(rand::rng().random::<[u8; 4]>()))
}

fn webhooks(args: &ServeArgs) -> Result<Option<WebhookTransport>, Failure> {
    let Some(url) = &args.mail.webhook_url else {
        return Ok(None);
    };
    let secrets = args.mail.webhook_secrets.as_ref().ok_or(SettingError::WebhookSecrets)?;
    let config = WebhookConfig::new(url, secrets, &args.mail.webhook_allow_private)?;
    Ok(Some(WebhookTransport::new(WebhookSender::new(&config)?)))
}

fn nic(args: &ServeArgs) -> Result<Option<NicConfig>, SettingError> {
    if !args.traffic.nic {
        return Ok(None);
    }
    check_docker_host(args)?;
    let (host, interval) = (args.docker_host.clone(), args.traffic.nic_interval);
    Ok(Some(NicConfig { host, interval, ..NicConfig::default() }))
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
