//! How often and when to ask again within one call. No network, and no knowledge of status codes.

use std::time::Duration;

use store::payments::BackendError;
use tokio::time::Instant;

use super::config::BackendLimits;
use super::verdict::{Again, Failed};

/// The tries of one call.
pub(super) struct Tries {
    limits: BackendLimits,
    /// When the call must have ended.
    until: Instant,
    made: u32,
    /// A try of the call may have been done although it was not answered.
    in_doubt: bool,
}

/// What to do after a failed try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again after a pause.
    Again(Duration),
    /// That was it.
    GiveUp(BackendError),
}

impl Tries {
    /// The call begins now.
    pub(super) fn new(limits: &BackendLimits) -> Self {
        Self { limits: *limits, until: Instant::now() + limits.call, made: 0, in_doubt: false }
    }

    /// How many have been made.
    pub(super) const fn made(&self) -> u32 {
        self.made
    }

    /// Another try is made: how long it may take.
    pub(super) fn begin(&mut self) -> Duration {
        self.made += 1;
        self.limits.total.min(self.left())
    }

    /// What comes after a try that failed.
    pub(super) fn after(&mut self, failed: Failed) -> Next {
        let pause = if self.made < self.limits.tries { self.pause(failed.again) } else { None };
        // A try that has not even the time to connect is of no use.
        let pause = pause.filter(|pause| *pause + self.limits.connect <= self.left());
        match pause {
            Some(pause) => {
                self.in_doubt |= failed.may_be_done;
                Next::Again(pause)
            }
            None if self.in_doubt => Next::GiveUp(doubted(failed.error)),
            None => Next::GiveUp(failed.error),
        }
    }

    /// Full jitter: anything up to a bound that doubles, so that callers that failed together do not come again
    /// together.
    fn pause(&self, again: Again) -> Option<Duration> {
        let jitter = || rand::random_range(Duration::ZERO..=self.bound());
        match again {
            Again::No => None,
            Again::Soon => Some(jitter()),
            Again::After(asked) if asked > self.limits.retry_after_cap => None,
            Again::After(asked) => Some(asked + jitter()),
        }
    }

    /// The longest pause after this many tries.
    fn bound(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.made.saturating_sub(1));
        self.limits.backoff_base.saturating_mul(doubled).min(self.limits.backoff_cap)
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// A refusal that follows a lost answer may mean that the first try was done: "there is such a payment already", "it
/// is cancelled already". Taken at its word it would end a payment that can still be paid.
fn doubted(error: BackendError) -> BackendError {
    let unsure =
        |said: &str| BackendError::Unanswered { what: format!("{said}, after an answer that was lost") };
    match error {
        BackendError::Refused { reason } => unsure(&reason),
        BackendError::Unauthorised => unsure("the API key was refused"),
        BackendError::Unknown | BackendError::Unanswered { .. } | BackendError::Resting { .. } => error,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn failed(again: Again) -> Failed {
        Failed { error: BackendError::Unanswered { what: "x".into() }, again, may_be_done: false }
    }

    fn refused() -> Failed {
        let error = BackendError::Refused { reason: "400 Bad Request".into() };
        Failed { error, again: Again::No, may_be_done: false }
    }

    fn pause(tries: &mut Tries, again: Again) -> Option<Duration> {
        tries.begin();
        match tries.after(failed(again)) {
            Next::Again(pause) => Some(pause),
            Next::GiveUp(_) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn three_tries_with_pauses_under_a_bound_that_doubles() {
        let limits = BackendLimits::default();
        let (mut longest, mut shortest) = ([Duration::ZERO; 2], [Duration::MAX; 2]);
        for _ in 0..2_000 {
            let mut tries = Tries::new(&limits);
            for number in 0..2 {
                let pause = pause(&mut tries, Again::Soon).unwrap();
                longest[number] = longest[number].max(pause);
                shortest[number] = shortest[number].min(pause);
            }
            assert_eq!((pause(&mut tries, Again::Soon), tries.made()), (None, 3));
        }
        let (first, second) = (limits.backoff_base, limits.backoff_base * 2);
        assert!(longest[0] <= first && longest[0] > first * 9 / 10, "{longest:?}");
        assert!(longest[1] <= second && longest[1] > second * 9 / 10, "{longest:?}");
        assert!(shortest.iter().all(|pause| *pause < first / 10), "{shortest:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_a_bound() {
        let limits = BackendLimits { tries: u32::MAX, ..BackendLimits::default() };
        let mut tries = Tries::new(&limits);
        let bounds: Vec<u128> = [1, 2, 3, 4, 5, 100, u32::MAX]
            .map(|made| {
                tries.made = made;
                tries.bound().as_millis()
            })
            .into();
        assert_eq!(bounds, [250, 500, 1_000, 2_000, 2_000, 2_000, 2_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_waited_for_if_it_is_short() {
        let limits = BackendLimits::default();
        let asked = limits.retry_after_cap;
        let waits = pause(&mut Tries::new(&limits), Again::After(asked)).unwrap();
        assert!((asked..=asked + limits.backoff_base).contains(&waits), "{waits:?}");
        let too_long = Again::After(asked + Duration::from_secs(1));
        assert_eq!(pause(&mut Tries::new(&limits), too_long), None);
        assert_eq!(pause(&mut Tries::new(&limits), Again::No), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_whole_call_ends_in_time() {
        let with = |total| BackendLimits {
            tries: 100,
            total: Duration::from_secs(total),
            ..BackendLimits::default()
        };
        // After two tries of 12 s there is not even the time to connect.
        for (limits, tries_made) in [(with(10), 3), (with(12), 2)].repeat(100) {
            let began = Instant::now();
            let mut tries = Tries::new(&limits);
            loop {
                let limit = tries.begin();
                assert!(limit >= limits.connect && limit <= limits.total, "{limit:?}");
                advance(limit).await;
                match tries.after(failed(Again::Soon)) {
                    Next::Again(pause) => advance(pause).await,
                    Next::GiveUp(_) => break,
                }
            }
            assert!(began.elapsed() <= limits.call, "{:?}", began.elapsed());
            assert_eq!(tries.made(), tries_made);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_after_a_lost_answer_is_no_refusal() {
        let limits = BackendLimits::default();
        let mut tries = Tries::new(&limits);
        tries.begin();
        assert!(matches!(tries.after(failed(Again::Soon)), Next::Again(_)));
        tries.begin();
        assert_eq!(
            tries.after(refused()),
            Next::GiveUp(refused().error),
            "the first try was surely not done"
        );

        for error in [refused().error, BackendError::Unauthorised] {
            let mut tries = Tries::new(&limits);
            tries.begin();
            assert!(matches!(
                tries.after(Failed { may_be_done: true, ..failed(Again::Soon) }),
                Next::Again(_)
            ));
            tries.begin();
            let Next::GiveUp(BackendError::Unanswered { what }) = tries.after(Failed { error, ..refused() })
            else {
                panic!("it must not end the payment")
            };
            assert!(what.ends_with("after an answer that was lost"), "{what}");
        }
    }
}
