//! The loads over HTTP: many connections, each asking one thing after the other.
//!
//! They run on one thread of their own, so that they take as little as possible of the cores that the server needs.

mod batch;
mod reads;
mod single;
mod visible;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::try_join_all;
use tokio::task::LocalSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

pub(crate) use batch::{CONNECTIONS as BATCH_CONNECTIONS, SAMPLES as BATCH_SAMPLES, batch};
pub(crate) use reads::{CONNECTIONS as READS_CONNECTIONS, reads};
pub(crate) use single::{CONNECTIONS as SINGLE_CONNECTIONS, single};
pub(crate) use visible::visible;

use crate::Failure;
use crate::http::Connection;
use crate::latency::Latencies;
use crate::plan::Plan;
use crate::process::{self, Cores, Memory, Ticks};
use crate::rounds::rate;
use crate::server::Server;

/// The server under load, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    address: SocketAddr,
    pid: u32,
    warm_up: Duration,
    measured: Duration,
}

impl Target {
    pub(crate) fn new(server: &Server, plan: &Plan) -> Self {
        let (warm_up, measured) = (plan.warm_up, plan.measured);
        Self { address: server.address, pid: server.pid, warm_up, measured }
    }
}

/// What a load found.
pub(crate) struct Figures {
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) latencies: Latencies,
    pub(crate) cores: Cores,
    pub(crate) memory: Memory,
    /// Answers other than 200, and the first of them.
    pub(crate) refused: usize,
    pub(crate) refusal: Option<String>,
}

/// What one connection asks.
trait Asker {
    /// Renders the next request.
    fn next(&mut self) -> &[u8];

    /// Takes in the answer to it, which was 200.
    fn took(&mut self, answer: &[u8]) -> Result<(), Failure>;
}

/// When it counts.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    until: Instant,
}

impl Window {
    fn of(target: &Target) -> Self {
        let from = Instant::now() + target.warm_up;
        Self { from, until: from + target.measured }
    }

    fn counts(&self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }
}

/// What one connection saw.
struct Seen<A> {
    asker: A,
    latencies: Latencies,
    refused: usize,
    refusal: Option<String>,
}

/// Runs this on a thread of its own.
async fn on_one_thread<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>>,
{
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("load".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let result = runtime
            .map_err(Failure::from)
            .and_then(|runtime| runtime.block_on(LocalSet::new().run_until(work())));
        // Nobody waits any more: the program is about to end.
        let _ = sender.send(result);
    })?;
    receiver.await.map_err(|_| "the thread of the load panicked")?
}

/// One connection for each asker, as fast as they are answered, or each at this interval.
async fn drive<A: Asker + 'static>(
    target: Target,
    askers: Vec<A>,
    every: Option<Duration>,
) -> Result<(Figures, Vec<A>), Failure> {
    let mut connections = Vec::with_capacity(askers.len());
    for asker in askers {
        connections.push((Connection::open(target.address).await?, asker));
    }
    let window = Window::of(&target);
    let count = u32::try_from(connections.len())?;
    let tasks = connections.into_iter().zip(0..).map(|((connection, asker), place)| {
        // Spread evenly over the interval.
        let pace = every.map(|every| (Instant::now() + every * place / count, every));
        tokio::task::spawn_local(ask_on(connection, asker, window, pace))
    });
    let tasks: Vec<_> = tasks.collect();
    let (cores, memory) = watch(target, window).await?;
    let seen = try_join_all(tasks).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(figures(target, seen, cores, memory))
}

fn figures<A>(target: Target, seen: Vec<Seen<A>>, cores: Cores, memory: Memory) -> (Figures, Vec<A>) {
    let (mut askers, mut latencies, mut refused, mut refusal) = (Vec::new(), Vec::new(), 0, None);
    for seen in seen {
        askers.push(seen.asker);
        latencies.push(seen.latencies);
        refused += seen.refused;
        refusal = refusal.or(seen.refusal);
    }
    let latencies = Latencies::all(latencies);
    let rate = rate(latencies.count(), target.measured);
    (Figures { rate, latencies, cores, memory, refused, refusal }, askers)
}

async fn ask_on<A: Asker>(
    mut connection: Connection,
    asker: A,
    window: Window,
    pace: Option<(Instant, Duration)>,
) -> Result<Seen<A>, Failure> {
    let mut seen = Seen { asker, latencies: Latencies::default(), refused: 0, refusal: None };
    let mut pace = pace.map(|(first, every)| {
        let mut ticks = interval_at(first, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    loop {
        if let Some(ticks) = &mut pace {
            ticks.tick().await;
        }
        let begun = Instant::now();
        if begun >= window.until {
            return Ok(seen);
        }
        let answer = connection.ask(seen.asker.next()).await?;
        let ended = Instant::now();
        match answer.ok() {
            Ok(body) => seen.asker.took(body)?,
            Err(error) => {
                seen.refused += 1;
                seen.refusal.get_or_insert(error.to_string());
                continue;
            }
        }
        if window.counts(ended) {
            seen.latencies.add(ended - begun);
        }
    }
}

/// What the server uses of the machine while it counts.
async fn watch(target: Target, window: Window) -> Result<(Cores, Memory), Failure> {
    sleep_until(window.from).await;
    process::forget_peak(target.pid);
    let before = Ticks::now(target.pid)?;
    sleep_until(window.until).await;
    let cores = Ticks::now(target.pid)?.since(before, target.measured);
    Ok((cores, process::memory(target.pid)?))
}
