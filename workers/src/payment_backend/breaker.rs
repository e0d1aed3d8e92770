//! When the backend is not asked at all: a backend that fails is left alone for a while, and whoever wants to pay hears
//! at once that it does not work, instead of after three time-outs.
//!
//! ```text
//!            failures in a row             rest is over
//!   closed ───────────────────▶ resting ───────────────▶ probing (one call)
//!     ▲                            ▲                       │  │
//!     │                            └───────────────────────┘  │
//!     │                              it failed: rest doubled  │ it was answered
//!     └───────────────────────────────────────────────────────┘
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::payments::BackendError;
use tokio::time::Instant;

/// How long others are told to wait while a probe is under way: nobody knows how long it takes.
const WHILE_PROBING: Duration = Duration::from_secs(1);

/// When the backend is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits {
    /// As many failed calls in a row are enough: calls without an answer, or with an internal error.
    pub failures: usize,
    /// They count only if they all came within this time.
    pub window: Duration,
    /// How long the backend is left alone at first; it doubles each time that a probe fails.
    pub rest: Duration,
    /// The longest that it is left alone.
    pub longest_rest: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            failures: 5,
            // Five calls that time out one after another take 125 s, and their ends are 100 s apart.
            window: Duration::from_secs(120),
            rest: Duration::from_secs(10),
            longest_rest: Duration::from_secs(60),
        }
    }
}

enum State {
    /// Calls are made. When the last ones failed, since the last that did not.
    Closed(Vec<Instant>),
    /// No calls are made until then; after it, one.
    Resting { until: Instant, rest: Duration },
    /// That one call is being made; it was this long a rest.
    Probing { rest: Duration },
}

/// Lets calls through or not.
pub(super) struct Breaker {
    limits: BreakerLimits,
    state: Mutex<State>,
}

impl Breaker {
    pub(super) fn new(limits: BreakerLimits) -> Self {
        Self { limits, state: Mutex::new(State::Closed(Vec::new())) }
    }

    /// Whether a call would be let through.
    pub(super) fn ready(&self) -> Result<(), BackendError> {
        self.state().wait(Instant::now()).map_or(Ok(()), |wait| Err(resting(wait)))
    }

    /// Lets a call through: its permit is to be given back with what came of it.
    pub(super) fn admit(&self) -> Result<Permit<'_>, BackendError> {
        let mut state = self.state();
        if let Some(wait) = state.wait(Instant::now()) {
            return Err(resting(wait));
        }
        let probe = match *state {
            State::Closed(_) => false,
            State::Resting { rest, .. } | State::Probing { rest } => {
                *state = State::Probing { rest };
                true
            }
        };
        Ok(Permit { breaker: self, probe })
    }

    /// Calls that began before a rest and end in it or after it change nothing: the probe decides.
    fn report(&self, probe: bool, failed: bool) {
        let now = Instant::now();
        let mut state = self.state();
        let rest = match &mut *state {
            State::Closed(failures) if failed => {
                failures.retain(|then| now.duration_since(*then) <= self.limits.window);
                failures.push(now);
                if failures.len() < self.limits.failures {
                    return;
                }
                self.limits.rest
            }
            State::Closed(failures) => return failures.clear(),
            State::Probing { rest } if probe && failed => (*rest * 2).min(self.limits.longest_rest),
            State::Probing { .. } if probe => {
                tracing::info!("the payment backend answers again");
                *state = State::Closed(Vec::new());
                return;
            }
            State::Probing { .. } | State::Resting { .. } => return,
        };
        tracing::warn!(rest_s = rest.as_secs(), "the payment backend fails; it is not asked for a while");
        *state = State::Resting { until: now + rest, rest };
    }

    /// A probe that tells nothing of the backend: the next call is the probe.
    fn abandon_probe(&self) {
        let mut state = self.state();
        if let State::Probing { rest } = *state {
            *state = State::Resting { until: Instant::now(), rest };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long until a call may be made; none when it may be made now.
    fn wait(&self, now: Instant) -> Option<Duration> {
        match self {
            Self::Closed(_) => None,
            Self::Resting { until, .. } => until.checked_duration_since(now).filter(|wait| !wait.is_zero()),
            Self::Probing { .. } => Some(WHILE_PROBING),
        }
    }
}

/// Whole seconds, rounded up: nobody is told to come again in no time.
fn resting(wait: Duration) -> BackendError {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    BackendError::Resting { retry_after: Duration::from_secs(seconds) }
}

/// A call that was let through. Dropping it means that nothing is known of the backend by it: the caller went away, or it
/// may be that one payment.
#[must_use]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Permit<'_> {
    /// Gives it back: the call has failed or not.
    pub(super) fn report(mut self, failed: bool) {
        self.breaker.report(self.probe, failed);
        self.probe = false;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.abandon_probe();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn breaker() -> Breaker {
        Breaker::new(BreakerLimits::default())
    }

    /// How long the next call is told to wait.
    fn wait(breaker: &Breaker) -> u64 {
        match breaker.ready() {
            Ok(()) => 0,
            Err(BackendError::Resting { retry_after }) => retry_after.as_secs(),
            Err(other) => panic!("{other}"),
        }
    }

    fn fail(breaker: &Breaker, times: usize) {
        for _ in 0..times {
            breaker.admit().unwrap().report(true);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_rests_after_five_failures_in_a_row_and_not_before() {
        let breaker = breaker();
        fail(&breaker, 4);
        breaker.admit().unwrap().report(false);
        fail(&breaker, 4);
        assert_eq!(wait(&breaker), 0);
        fail(&breaker, 1);
        assert_eq!(wait(&breaker), 10);
        assert!(breaker.admit().is_err());
        advance(Duration::from_millis(9_100)).await;
        assert_eq!(wait(&breaker), 1, "rounded up");
        advance(Duration::from_millis(900)).await;
        assert_eq!(wait(&breaker), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_long_ago_do_not_count() {
        let breaker = breaker();
        for _ in 0..20 {
            fail(&breaker, 1);
            advance(secs(31)).await;
        }
        assert_eq!(wait(&breaker), 0);
        // Three of these twenty are within the window still.
        fail(&breaker, 2);
        assert_eq!(wait(&breaker), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_decides_and_rests_double_up_to_a_minute() {
        let breaker = breaker();
        fail(&breaker, 5);
        for rest in [10, 20, 40, 60, 60] {
            assert_eq!(wait(&breaker), rest);
            advance(secs(rest)).await;
            let probe = breaker.admit().unwrap();
            assert_eq!(wait(&breaker), 1, "others wait for the probe");
            assert!(breaker.admit().is_err());
            probe.report(true);
        }
        advance(secs(60)).await;
        breaker.admit().unwrap().report(false);
        fail(&breaker, 4);
        assert_eq!(wait(&breaker), 0, "closed, and counting from nought");
        fail(&breaker, 1);
        assert_eq!(wait(&breaker), 10, "and the first rest is short again");
    }

    #[tokio::test(start_paused = true)]
    async fn asking_whether_it_is_ready_takes_no_probe() {
        let breaker = breaker();
        fail(&breaker, 5);
        advance(secs(10)).await;
        assert_eq!((wait(&breaker), wait(&breaker)), (0, 0));
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_whose_caller_went_away_is_nobody_s() {
        let breaker = breaker();
        fail(&breaker, 5);
        advance(secs(10)).await;
        drop(breaker.admit().unwrap());
        assert_eq!(wait(&breaker), 0);
        breaker.admit().unwrap().report(true);
        assert_eq!(wait(&breaker), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_from_before_the_rest_do_not_end_it() {
        let breaker = breaker();
        let (early, later) = (breaker.admit().unwrap(), breaker.admit().unwrap());
        fail(&breaker, 5);
        early.report(false);
        assert_eq!(wait(&breaker), 10);
        advance(secs(10)).await;
        let probe = breaker.admit().unwrap();
        later.report(false);
        assert_eq!(wait(&breaker), 1, "the probe is still out");
        probe.report(false);
        assert_eq!(wait(&breaker), 0);
    }
}
