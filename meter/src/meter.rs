//! The accumulator: counters per key, bounded in number, and the drain that empties them into a batch.
//!
//! Handing the batches to a sink is in `flush`; adding to the counters is in `body` and `wire`.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use uuid::Uuid;

use crate::{
    counters::{Counters, Usage},
    sink::{MeteredBatch, MeteredSample},
};

/// The longest key in bytes. Keys may come from a header, so their size is the client's choice.
pub const MAX_KEY_BYTES: usize = 256;

/// The limits of a [`Meter`].
#[derive(Clone, Debug)]
pub struct MeterOptions {
    /// How many keys are counted at a time (10,000). A key stays while a request, a body or an upgraded connection
    /// of its own is open, and until its last counts are drained. Beyond this, new keys go un-metered.
    pub max_keys: usize,
    /// The wait before a batch is tried for the second time (500 ms); it doubles with every further try.
    pub first_retry: Duration,
    /// The longest wait between two tries (30 s).
    pub longest_retry: Duration,
    /// How long after the shutdown signal the last counts may take to reach the sink (10 s).
    pub shutdown_limit: Duration,
}

impl Default for MeterOptions {
    fn default() -> Self {
        Self {
            max_keys: 10_000,
            first_retry: Duration::from_millis(500),
            longest_retry: Duration::from_secs(30),
            shutdown_limit: Duration::from_secs(10),
        }
    }
}

/// The counts of every key since they were last drained. A clone is another handle to the same counts.
#[derive(Clone)]
pub struct Meter {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) options: MeterOptions,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    keys: Mutex<HashMap<Arc<str>, Arc<Counters>>>,
    unmetered_requests: AtomicU64,
    unmetered_upgrades: AtomicU64,
    /// The batch that the sink has not taken yet. It lives here and not in the flusher, so that a flusher which was
    /// aborted or whose sink panicked can be started again and goes on with the same batch.
    pub(crate) pending: tokio::sync::Mutex<Option<MeteredBatch>>,
}

impl Meter {
    /// A meter that stamps its samples with the system's clock.
    #[must_use]
    pub fn new(options: MeterOptions) -> Self {
        Self::with_clock(options, SystemTime::now)
    }

    /// A meter that stamps its samples with the given clock.
    pub fn with_clock(options: MeterOptions, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self {
            inner: Arc::new(Inner {
                options,
                clock: Box::new(clock),
                keys: Mutex::default(),
                unmetered_requests: AtomicU64::new(0),
                unmetered_upgrades: AtomicU64::new(0),
                pending: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// How many keys hold counters now.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.lock().len()
    }

    /// Requests that had a key and were not counted, because [`MeterOptions::max_keys`] was reached or the key was
    /// longer than [`MAX_KEY_BYTES`]; since the meter was made.
    #[must_use]
    pub fn unmetered_requests(&self) -> u64 {
        self.inner.unmetered_requests.load(Relaxed)
    }

    /// Connections that were upgraded out of the layer's sight, since the meter was made: served without a
    /// [`MeteredIo`](crate::MeteredIo), or one stream of an HTTP/2 connection.
    #[must_use]
    pub fn unmetered_upgrades(&self) -> u64 {
        self.inner.unmetered_upgrades.load(Relaxed)
    }

    pub(crate) fn miss_upgrade(&self) {
        self.inner.unmetered_upgrades.fetch_add(1, Relaxed);
    }

    /// The counters of a key; `None`, and one more un-metered request, when there is no room for it.
    pub(crate) fn counters(&self, key: &str) -> Option<Arc<Counters>> {
        let mut keys = self.lock();
        if let Some(counters) = keys.get(key) {
            return Some(Arc::clone(counters));
        }
        if keys.len() >= self.inner.options.max_keys || key.len() > MAX_KEY_BYTES {
            self.inner.unmetered_requests.fetch_add(1, Relaxed);
            return None;
        }
        let counters = Arc::<Counters>::default();
        keys.insert(Arc::from(key), Arc::clone(&counters));
        Some(counters)
    }

    /// Empties the counters into a new batch, and forgets the keys that nothing holds any longer; `None` when
    /// nothing was counted.
    pub(crate) fn drain(&self) -> Option<MeteredBatch> {
        let at = (self.inner.clock)();
        let mut samples = Vec::new();
        self.lock().retain(|key, counters| {
            // Handles are only given out under this lock, so a sole owner stays one: nothing can be added between
            // the reading and the removal.
            let unused = Arc::get_mut(counters).is_some();
            let usage = counters.take();
            samples.extend(sample(key, usage, at));
            !unused
        });
        (!samples.is_empty()).then(|| MeteredBatch { batch_id: Uuid::new_v4().to_string(), samples })
    }

    /// What the next drain would give, left in its place.
    pub(crate) fn waiting(&self) -> Vec<MeteredSample> {
        let at = (self.inner.clock)();
        self.lock().iter().filter_map(|(key, counters)| sample(key, counters.read(), at)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Counters>>> {
        // No step under the lock leaves the map half-changed, so a panic elsewhere is no reason to stop counting.
        self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sample(key: &Arc<str>, usage: Usage, at: SystemTime) -> Option<MeteredSample> {
    (!usage.is_nothing()).then(|| MeteredSample {
        key: Arc::clone(key),
        ingress_bytes: usage.ingress_bytes,
        egress_bytes: usage.egress_bytes,
        requests: usage.requests,
        at,
    })
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("options", &self.inner.options)
            .field("keys", &self.keys())
            .finish_non_exhaustive()
    }
}
