//! Which node runs a job: whoever has its lease, which ends by itself when a node does not renew it.
//!
//! A node that was frozen comes back believing that nothing has happened. So the lease is looked at before each step of
//! a run, by two clocks of the node's own: the one that no one sets, and the one that goes on while a virtual machine is
//! paused. Neither needs the database, which such a node would have to wait for.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use store::Clock;
use store::state::jobs::{Epoch, JobState, Note};
use store::state::{State, StateError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long a lease lasts unless told otherwise: as long nobody runs the jobs of a node that has crashed.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(15);

/// What all jobs of a node share.
pub struct Coordinator {
    /// None: there are no other nodes, and nothing is noted.
    state: Option<State>,
    node: String,
    lease: Duration,
    clock: Arc<dyn Clock>,
    /// Tells a job of this process that somebody wants it run.
    bells: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Coordinator {
    /// Of a node of this name, which no other has.
    #[must_use]
    pub fn new(state: State, node: String, lease: Duration, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { state: Some(state), node, lease, clock, bells: Mutex::default() })
    }

    /// Without other nodes, and without a memory: every job is this process's.
    #[must_use]
    pub fn alone(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            state: None,
            node: String::new(),
            lease: DEFAULT_LEASE,
            clock,
            bells: Mutex::default(),
        })
    }

    /// Tells a job of this process to look whether somebody wants it run. Those of other nodes see it by themselves.
    pub fn ring(&self, job: &str) {
        if let Some(bell) = lock(&self.bells).get(job) {
            bell.notify_one();
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// What rings for this job.
    pub(super) fn bell(&self, job: &str) -> Arc<Notify> {
        Arc::clone(lock(&self.bells).entry(job.to_owned()).or_default())
    }
}

/// When the lease ends.
#[derive(Debug, Clone, Copy)]
struct Until {
    steady: Instant,
    wall: SystemTime,
}

impl Until {
    /// Counted from before the store was asked: it may have granted the lease at any time since.
    fn after(lease: Duration) -> Self {
        Self { steady: Instant::now() + lease, wall: SystemTime::now() + lease }
    }

    fn is_past(self) -> bool {
        Instant::now() >= self.steady || SystemTime::now() >= self.wall
    }
}

/// A job's lease, or the wish for it.
pub(super) struct Lease {
    job: String,
    /// Told to whoever asks when the job runs.
    every: Option<Duration>,
    coordinator: Arc<Coordinator>,
    held: Option<Epoch>,
    /// Apart, because a run looks at it while it is renewed.
    until: Arc<Mutex<Option<Until>>>,
    /// When to renew it.
    renew_at: Instant,
}

impl Lease {
    /// Of the job of this name, that runs at this interval unless it has times.
    pub(super) fn new(job: String, every: Option<Duration>, coordinator: Arc<Coordinator>) -> Self {
        Self { job, every, coordinator, held: None, until: Arc::default(), renew_at: Instant::now() }
    }

    /// As long as this a node may wait between two looks.
    pub(super) fn look_every(&self) -> Duration {
        self.coordinator.lease / 3
    }

    /// Whether it was held when it was last looked at.
    pub(super) fn is_held(&self) -> bool {
        self.coordinator.state.is_none() || self.held.is_some()
    }

    /// Whether other nodes might have it.
    fn is_shared(&self) -> bool {
        self.coordinator.state.as_ref().is_some_and(State::is_shared)
    }

    /// Whether it is held at this moment, as far as this node can tell without asking.
    pub(super) fn holds(&self) -> impl Fn() -> bool + Send + use<> {
        let (until, shared) = (Arc::clone(&self.until), self.is_shared());
        move || !shared || lock(&until).is_some_and(|until| !until.is_past())
    }

    /// Renews the lease where it is time, takes it where nobody has it. None: another node has it. The job's state
    /// comes along where the store was asked, and `look` asks it in any case.
    pub(super) async fn hold(&mut self, look: bool) -> Result<Option<Held>, StateError> {
        let Some(state) = self.coordinator.state.clone() else {
            return Ok(Some(Held { seen: None, newly: false }));
        };
        if let Some(epoch) = self.held {
            let fresh = if self.is_shared() { Instant::now() < self.renew_at } else { true };
            if fresh && !look {
                return Ok(Some(Held { seen: None, newly: false }));
            }
            match self.renew(&state, epoch, None).await {
                Ok(Some(seen)) => return Ok(Some(Held { seen: Some(seen), newly: false })),
                Ok(None) => self.lost(),
                // Held until its end, whatever becomes of the store.
                Err(_) if !look && self.holds()() => return Ok(Some(Held { seen: None, newly: false })),
                Err(error) if look && self.holds()() => return Err(error),
                // It has ended, or its end cannot be told from here: taken anew once the store answers.
                Err(error) => {
                    self.lost();
                    return Err(error);
                }
            }
        }
        let until = Until::after(self.coordinator.lease);
        let Coordinator { node, lease, .. } = &*self.coordinator;
        let taken = state.take_job(&self.job, node, *lease, self.every).await?;
        if let Some(taken) = &taken {
            self.held = Some(taken.epoch);
            self.extend(until);
            tracing::debug!(job = %self.job, epoch = taken.epoch.0, "this node runs the job");
        }
        Ok(taken.map(|seen| Held { seen: Some(seen), newly: true }))
    }

    /// Renews the lease for as long as it is polled, and ends when it is lost.
    pub(super) async fn keep(&mut self) {
        let (Some(state), Some(epoch), true) = (self.coordinator.state.clone(), self.held, self.is_shared())
        else {
            return pending().await;
        };
        loop {
            sleep_until(self.renew_at).await;
            match self.renew(&state, epoch, None).await {
                Ok(Some(_)) => {}
                Ok(None) => return,
                // It may be back before the lease has ended.
                Err(_) => self.renew_at = Instant::now() + self.coordinator.lease / 10,
            }
        }
    }

    /// Notes a run. None: the lease is lost, and nothing is noted.
    pub(super) async fn note(&mut self, note: &Note) -> Result<Option<JobState>, StateError> {
        let (Some(state), Some(epoch)) = (self.coordinator.state.clone(), self.held) else {
            return Ok(None);
        };
        let seen = self.renew(&state, epoch, Some(note)).await?;
        if seen.is_none() {
            self.lost();
        }
        Ok(seen)
    }

    /// Lets another node have it.
    pub(super) async fn leave(&mut self) {
        let (Some(state), Some(epoch)) = (self.coordinator.state.clone(), self.held.take()) else { return };
        *lock(&self.until) = None;
        if let Err(error) = state.leave_job(&self.job, epoch).await {
            tracing::debug!(job = %self.job, %error, "the job's lease will end by itself");
        }
    }

    async fn renew(
        &mut self,
        state: &State,
        epoch: Epoch,
        note: Option<&Note>,
    ) -> Result<Option<JobState>, StateError> {
        let until = Until::after(self.coordinator.lease);
        let seen = state.keep_job(&self.job, epoch, self.coordinator.lease, note).await?;
        if seen.is_some() {
            self.extend(until);
        }
        Ok(seen)
    }

    fn extend(&mut self, until: Until) {
        *lock(&self.until) = Some(until);
        self.renew_at = Instant::now() + self.look_every();
    }

    pub(super) fn lost(&mut self) {
        tracing::info!(job = %self.job, "this node was held up, and another one may run the job");
        self.held = None;
        *lock(&self.until) = None;
    }
}

/// This node has the job.
pub(super) struct Held {
    /// Where the store was asked.
    pub(super) seen: Option<JobState>,
    /// It had not before.
    pub(super) newly: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Everything behind it is replaced in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
