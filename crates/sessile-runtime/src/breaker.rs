//! A circuit breaker per server: a server that cannot start must not burn the CPU with every request.

use std::time::{Duration, Instant};

/// Failed starts in a row that open the breaker.
const FAILURES: u32 = 5;
/// How long it stays open the first time; doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Counts failed starts and says when the next try may be made.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Option<Duration>,
    open_until: Option<Instant>,
    last_failure: String,
}

/// The breaker is open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// How long until the next try.
    pub(crate) retry_after: Duration,
    /// What the last start failed with.
    pub(crate) last_failure: String,
}

impl Breaker {
    /// Whether a start may be tried now. While open, one try is let through after each pause.
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), Open> {
        match self.open_until {
            Some(until) if now < until => {
                Err(Open { retry_after: until - now, last_failure: self.last_failure.clone() })
            }
            Some(_) => {
                // Half open: this caller tries; others wait for its outcome, a pause at the most.
                self.open_until = Some(now + self.pause.unwrap_or(FIRST_PAUSE));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether starts are not held back at all.
    pub(crate) fn is_closed(&self) -> bool {
        self.open_until.is_none()
    }

    /// A start succeeded: all is forgiven.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A start failed.
    pub(crate) fn failed(&mut self, now: Instant, why: &str) {
        self.failures = self.failures.saturating_add(1);
        why.clone_into(&mut self.last_failure);
        if self.failures >= FAILURES {
            let pause = self.pause.map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
            self.pause = Some(pause);
            self.open_until = Some(now + pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_five_failures_and_doubles_its_pause() {
        let t0 = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(t0, "no such file");
            assert_eq!(breaker.check(t0), Ok(()));
        }
        assert!(breaker.is_closed());
        breaker.failed(t0, "no such file");
        assert!(!breaker.is_closed());
        let open = breaker.check(t0).unwrap_err();
        assert_eq!(open.retry_after, Duration::from_secs(30));
        assert_eq!(open.last_failure, "no such file");

        let t1 = t0 + Duration::from_secs(31);
        assert_eq!(breaker.check(t1), Ok(()), "one try is let through");
        assert!(breaker.check(t1).is_err(), "and only one");
        breaker.failed(t1, "still not there");
        assert_eq!(breaker.check(t1).unwrap_err().retry_after, Duration::from_secs(60));
    }

    #[test]
    fn the_pause_is_bounded_and_a_success_forgives() {
        let t0 = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..40 {
            breaker.failed(t0, "x");
        }
        assert_eq!(breaker.check(t0).unwrap_err().retry_after, Duration::from_secs(300));
        breaker.succeeded();
        assert_eq!(breaker.check(t0), Ok(()));
    }
}
