//! Time that only goes forward.

use core::time::Duration;
use rustix::thread::nanosleep;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The time since some moment in the past.
pub(crate) fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// As the kernel wants it.
pub(crate) fn timespec(duration: Duration) -> Option<Timespec> {
    Timespec::try_from(duration).ok()
}

/// Waits.
pub(crate) fn sleep(duration: Duration) {
    if let Some(pause) = timespec(duration) {
        let _ = nanosleep(&pause);
    }
}
