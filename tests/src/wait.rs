//! Waiting for what will be so, never for time to pass.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How often [`until`] looks.
const STEP: Duration = Duration::from_millis(10);
/// The longest that anything may take that has no deadline of its own: two busy cores, unoptimised code.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until `look` finds something, and returns it.
///
/// # Panics
/// When `within` has gone by; `what` says what was waited for.
pub async fn until<T>(what: impl Display, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: still not so after {within:?}");
        tokio::time::sleep(STEP).await;
    }
}

/// As [`until`], for where there is no runtime to wait in. `None` when the time is over.
pub fn blocking<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(STEP);
    }
}

/// Waits for a future, but not for ever.
///
/// # Panics
/// After [`PATIENCE`]; `what` says what did not come.
pub async fn patiently<F: Future>(what: impl Display, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: nothing came within {PATIENCE:?}"),
    }
}
