//! How often, and how many in all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Units of work that several workers share out among themselves.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU64);

impl Budget {
    /// At most `units`; no bound when `None`.
    pub(crate) fn new(units: Option<u64>) -> Self {
        Self(AtomicU64::new(units.unwrap_or(u64::MAX)))
    }

    /// Takes one unit, if there is one left.
    pub(crate) fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Starts of work at an even rate, shared by several workers.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

/// How far behind the plan a target may fall before the missed starts are let go. Without this, a
/// short stall would be followed by a burst that no plan asked for.
const MOST_BEHIND: Duration = Duration::from_millis(200);

impl Pace {
    /// `per_second` starts from `begin` on. The rate must be positive.
    pub(crate) fn new(per_second: f64, begin: Instant) -> Self {
        Self { interval: Duration::from_secs_f64(1.0 / per_second.max(0.001)), next: Mutex::new(begin) }
    }

    /// The time of the next start, `now` at which it is asked for.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(MOST_BEHIND).unwrap_or(now);
        let due = (*next).max(earliest);
        *next = due + self.interval;
        due
    }
}
