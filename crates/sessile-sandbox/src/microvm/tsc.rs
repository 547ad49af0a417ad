//! How fast the host's time stamp counter runs. An emulated machine counts with it, and its kernel, which has no other clock to hold it
//! against, is told: one that believes in another speed has a clock that is wrong by a third, and ticks all day because it trusts none.
#![allow(unsafe_code)]

use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long is measured. What is read late at either end is some ten nanoseconds, a second in a hundred days.
const TAKEN: Duration = Duration::from_millis(200);

/// How often both clocks are read, to be read at one time at least once.
const TRIES: usize = 16;

/// Its speed, in kHz. Takes a fifth of a second.
pub(super) async fn khz() -> u32 {
    let first = reading();
    sleep(TAKEN).await;
    let last = reading();
    let (took, ticks) = (last.0 - first.0, last.1.saturating_sub(first.1));
    let khz = u128::from(ticks) * 1_000_000 / took.as_nanos().max(1);
    u32::try_from(khz).unwrap_or(u32::MAX)
}

/// The time, and the counter at that time.
fn reading() -> (Instant, u64) {
    let once = || {
        let before = Instant::now();
        let counter = counter();
        (before.elapsed(), (before, counter))
    };
    let closest = std::iter::repeat_with(once).take(TRIES).min_by_key(|(apart, _)| *apart);
    closest.map_or_else(|| once().1, |(_, reading)| reading)
}

#[cfg(target_arch = "x86_64")]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and it changes nothing.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    0 // there are no machines here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_measured_twice_alike() {
        let [first, second] = [khz().await, khz().await].map(f64::from);
        assert!(first > 100_000.0, "{first} kHz");
        assert!((first / second - 1.0).abs() < 1e-3, "{first} kHz, then {second}");
    }
}
