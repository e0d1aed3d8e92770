//! What this process is doing about payments right now: which requests are being worked on, whose turn it is for a team,
//! and when the backend was last asked about what. Losing it (a crash, another node) costs a repeated question at the
//! most: what must be exact is in the log.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{PaymentId, TeamId};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::key::KeyId;

/// Payments whose last question is remembered; beyond it the old ones are forgotten.
const REMEMBERED: usize = 4_096;
/// Requests that may wait for the backend, or for their team's turn, all teams together.
const PLACES: usize = 512;
/// Those of one team: however often it asks, it keeps nobody else from paying.
const PLACES_OF_A_TEAM: usize = 64;

pub(super) struct Flights {
    places: Arc<Semaphore>,
    /// How many each team has taken; none that has taken none.
    taken: Mutex<HashMap<TeamId, usize>>,
    requests: Mutex<HashSet<KeyId>>,
    teams: Mutex<HashMap<TeamId, Arc<tokio::sync::Mutex<()>>>>,
    asked: Mutex<HashMap<(PaymentId, Question), Instant>>,
    /// Payments for which this process has asked the backend to no avail, and does not ask now.
    lost: Mutex<HashSet<PaymentId>>,
    /// Payments that the backend has, and of which it does not tell where they are paid.
    linkless: Mutex<HashSet<PaymentId>>,
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            taken: Mutex::default(),
            requests: Mutex::default(),
            teams: Mutex::default(),
            asked: Mutex::default(),
            lost: Mutex::default(),
            linkless: Mutex::default(),
        }
    }
}

/// What the backend is asked about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// To take it on.
    Order,
    /// Where it stands.
    Poll,
}

/// A request that is being worked on, until this is dropped.
pub(super) struct Flight {
    flights: Arc<Flights>,
    request: KeyId,
}

impl Drop for Flight {
    fn drop(&mut self) {
        locked(&self.flights.requests).remove(&self.request);
    }
}

/// A place among those that wait for the backend, until this is dropped.
pub(super) struct Place {
    flights: Arc<Flights>,
    team: TeamId,
    _one_of_all: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.flights.taken);
        if let Some(places) = taken.get_mut(&self.team) {
            *places -= 1;
            if *places == 0 {
                taken.remove(&self.team);
            }
        }
    }
}

impl Flights {
    /// Begins to work on a request; none when that is being done.
    pub(super) fn take_off(self: &Arc<Self>, request: KeyId) -> Option<Flight> {
        let new = locked(&self.requests).insert(request);
        new.then(|| Flight { flights: Arc::clone(self), request })
    }

    /// A place among those that wait for the backend; none when all are taken, or this team has its share.
    pub(super) fn place(self: &Arc<Self>, team: TeamId) -> Option<Place> {
        let one_of_all = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut taken = locked(&self.taken);
        let places = taken.get(&team).copied().unwrap_or_default();
        if places >= PLACES_OF_A_TEAM {
            return None;
        }
        taken.insert(team, places + 1);
        Some(Place { flights: Arc::clone(self), team, _one_of_all: one_of_all })
    }

    /// Waits until nobody else begins a payment of this team.
    pub(super) async fn alone(&self, team: TeamId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut teams = locked(&self.teams);
            teams.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(teams.entry(team).or_default())
        };
        turn.lock_owned().await
    }

    /// The backend is asked this about the payment now.
    pub(super) fn asked(&self, payment: PaymentId, question: Question) {
        self.ask_if_old(payment, question, Duration::ZERO);
    }

    /// Asking for this payment has ended, and whether the backend has it is not known.
    pub(super) fn lost(&self, payment: PaymentId) {
        let mut lost = locked(&self.lost);
        if lost.len() < REMEMBERED {
            lost.insert(payment);
        }
    }

    /// The backend has this payment.
    pub(super) fn found(&self, payment: PaymentId) {
        locked(&self.lost).remove(&payment);
    }

    /// The backend has this payment, and asking for it gives no link to it.
    pub(super) fn linkless(&self, payment: PaymentId) {
        let mut linkless = locked(&self.linkless);
        if linkless.len() >= REMEMBERED {
            linkless.clear();
        }
        linkless.insert(payment);
    }

    /// Whether that is so.
    pub(super) fn is_linkless(&self, payment: PaymentId) -> bool {
        locked(&self.linkless).contains(&payment)
    }

    /// Whether asking for this payment has ended here to no avail.
    pub(super) fn is_lost(&self, payment: PaymentId) -> bool {
        locked(&self.lost).contains(&payment)
    }

    /// Whether the backend was not asked this for that long; then it counts as asked from now on.
    pub(super) fn ask_if_old(&self, payment: PaymentId, question: Question, age: Duration) -> bool {
        let mut asked = locked(&self.asked);
        if asked.len() >= REMEMBERED {
            asked.retain(|_, at| at.elapsed() < super::FRESH);
        }
        let old = asked.get(&(payment, question)).is_none_or(|at| at.elapsed() >= age);
        if old {
            asked.insert((payment, question), Instant::now());
        }
        old
    }
}

/// Nothing in here is ever half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_team_never_has_all_places() {
        let flights = Arc::<Flights>::default();
        let [one, other] = [1, 2].map(|n| TeamId::from_bytes([n; 16]));
        let mut taken: Vec<Place> = (0..PLACES_OF_A_TEAM).map(|_| flights.place(one).unwrap()).collect();
        assert!(flights.place(one).is_none(), "it has its share");
        assert!(flights.place(other).is_some());
        taken.pop();
        assert!(flights.place(one).is_some());
        let others = (3..=u8::MAX).map(|n| TeamId::from_bytes([n; 16])).cycle();
        taken.extend(others.take(PLACES - taken.len()).map(|team| flights.place(team).unwrap()));
        assert!(flights.place(other).is_none(), "all are taken");
        drop(taken);
        assert!(locked(&flights.taken).is_empty(), "nothing is left of teams that wait for nothing");
    }
}
