//! Whether clients wait for sandboxes now.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For so long after the last start of a client nothing is warmed: the session that was just opened has its first call
/// to answer, and often another start follows.
pub(super) const BREATH: Duration = Duration::from_millis(10);

/// Starts for clients.
#[derive(Debug, Default)]
pub(super) struct Traffic(Mutex<Starts>);

#[derive(Debug, Default)]
struct Starts {
    underway: usize,
    last_end: Option<Instant>,
}

/// A start for a client.
#[derive(Debug)]
pub(crate) struct Underway(Arc<Traffic>);

impl Traffic {
    pub(super) fn begin(self: &Arc<Self>) -> Underway {
        self.change(|starts| starts.underway += 1);
        Underway(Arc::clone(self))
    }

    /// How long it is too early to warm anything; nothing once it is not.
    pub(super) fn holds_up(&self, now: Instant) -> Option<Duration> {
        self.change(|starts| {
            let quiet_from = starts.last_end.map(|end| end + BREATH);
            match quiet_from {
                _ if starts.underway > 0 => Some(BREATH),
                Some(quiet) if now < quiet => Some(quiet - now),
                _ => None,
            }
        })
    }

    fn change<R>(&self, change: impl FnOnce(&mut Starts) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.change(|starts| {
            starts.underway -= 1;
            starts.last_end = Some(Instant::now());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_warmed_while_a_client_waits_and_a_breath_longer() {
        let traffic = Arc::new(Traffic::default());
        let long_ago = Instant::now();
        assert_eq!(traffic.holds_up(long_ago), None);
        let (one, other) = (traffic.begin(), traffic.begin());
        drop(one);
        let later = Instant::now() + BREATH * 9;
        assert_eq!(traffic.holds_up(later), Some(BREATH));
        drop(other);
        assert!(traffic.holds_up(Instant::now()).is_some());
        assert_eq!(traffic.holds_up(Instant::now() + BREATH), None);
    }
}
