//! A transport that does what the test says, and remembers what it was given.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::DeliveryId;
use projections::PendingDelivery;
use projections::deliveries::Channel;
use servelink_workers::deliver::{Failure, Retries, Transport};
use tokio::sync::Notify;

/// What it does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Up,
    Down,
    /// For good.
    Refuses,
    /// It asks to be left alone.
    Busy(Duration),
    /// It takes it, and whoever gave it never learns that.
    Silent,
}

#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    /// Rung when something was taken.
    pub(crate) bell: Arc<Notify>,
}

struct State {
    mode: Mode,
    tried: Vec<(DeliveryId, DateTime<Utc>)>,
    taken: Vec<DeliveryId>,
    now: usize,
    most: usize,
}

impl Fake {
    pub(crate) fn new(mode: Mode) -> Self {
        let state = State { mode, tried: vec![], taken: vec![], now: 0, most: 0 };
        Self { state: Arc::new(Mutex::new(state)), bell: Arc::default() }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state.lock().unwrap().mode = mode;
    }

    /// What it was given, and when.
    pub(crate) fn tried(&self) -> Vec<(DeliveryId, DateTime<Utc>)> {
        self.state.lock().unwrap().tried.clone()
    }

    /// What it took.
    pub(crate) fn taken(&self) -> Vec<DeliveryId> {
        self.state.lock().unwrap().taken.clone()
    }

    /// The most that it was given side by side.
    pub(crate) fn most(&self) -> usize {
        self.state.lock().unwrap().most
    }
}

impl Transport for Fake {
    const CHANNEL: Channel = Channel::Mail;
    const JOB: &'static str = "mail";
    const AT_ONCE: usize = 3;
    const RETRIES: Retries = Retries::MAIL;

    async fn send(&self, delivery: &PendingDelivery, at: DateTime<Utc>) -> Result<(), Failure> {
        let mode = {
            let mut state = self.state.lock().unwrap();
            state.tried.push((delivery.id, at));
            state.now += 1;
            state.most = state.most.max(state.now);
            state.mode
        };
        // The others come to it meanwhile.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let outcome = match mode {
            Mode::Up | Mode::Silent => Ok(()),
            Mode::Down => Err(Failure::transient("canary@example.org cannot be reached")),
            Mode::Refuses => Err(Failure::permanent("no such mailbox")),
            Mode::Busy(wait) => Err(Failure { retry_after: Some(wait), ..Failure::transient("not now") }),
        };
        {
            let mut state = self.state.lock().unwrap();
            state.now -= 1;
            if outcome.is_ok() {
                state.taken.push(delivery.id);
            }
        }
        self.bell.notify_one();
        if mode == Mode::Silent {
            std::future::pending::<()>().await;
        }
        outcome
    }
}
