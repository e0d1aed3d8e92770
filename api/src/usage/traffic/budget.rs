//! How many bytes of bodies may be in memory at once. What goes beyond is refused, never queued: a producer that
//! comes back in a second costs nothing meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::problem::{Kind, Problem};

/// Bytes that are left to hold.
#[derive(Debug)]
pub(super) struct Budget(AtomicUsize);

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Budget {
    pub(super) const fn of(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    pub(super) const fn hold(&self) -> Held<'_> {
        Held { budget: self, bytes: 0 }
    }

    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Held<'_> {
    /// Holds this many bytes from now on, more or fewer than before.
    pub(super) fn set(&mut self, bytes: usize) -> Result<(), Problem> {
        if let Some(more) = bytes.checked_sub(self.bytes) {
            let take = |left: usize| left.checked_sub(more);
            if self.budget.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                let detail =
                    "too many samples are on their way in, and nothing was recorded; try again in a moment";
                return Err(Problem::new(Kind::Busy, detail).retry_after(1));
            }
        } else {
            self.budget.0.fetch_add(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}
