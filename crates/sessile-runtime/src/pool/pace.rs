//! When a pool is filled, and when it is emptied. Time is an argument.

use sessile_manifest::{Limits, Pool};
use std::time::{Duration, Instant};

/// How long after a failure the next try is made; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// No member is replaced for its age before this.
const YOUNG: Duration = Duration::from_secs(10);

/// What a pool wants, from what has happened to it.
#[derive(Debug)]
pub(super) struct Pace {
    warm: usize,
    idle: Duration,
    oldest: Duration,
    last_wanted: Instant,
    /// Starts in a row that failed, and members that ended by themselves.
    failures: u32,
    not_before: Instant,
}

/// What a pool wants now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// One member more.
    Fill,
    /// None at all, until a session is wanted.
    Empty,
    /// Nothing before then.
    Wait(Instant),
    /// Nothing until something happens.
    Rest,
}

impl Pace {
    /// A new node wants its pools filled, as if a session had just been opened.
    pub(super) fn new(pool: Pool, limits: &Limits, now: Instant) -> Self {
        Self {
            warm: pool.warm as usize,
            idle: pool.idle,
            // What was started at the same time as a session does not outlive half of that session's longest life: what
            // a server keeps from its start, such as a token, is as fresh as its author may expect.
            oldest: (limits.max_lifetime / 2).max(YOUNG),
            last_wanted: now,
            failures: 0,
            not_before: now,
        }
    }

    /// A session was wanted.
    pub(super) fn wanted(&mut self, now: Instant) {
        self.last_wanted = now;
    }

    /// A member became a session: its server starts.
    pub(super) fn used(&mut self) {
        self.failures = 0;
    }

    /// A member could not be started, or ended by itself.
    pub(super) fn failed(&mut self, now: Instant) {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + doubled.min(LONGEST_PAUSE);
    }

    /// Whether what was born then is to be replaced.
    pub(super) fn is_old(&self, born: Instant, now: Instant) -> bool {
        now.saturating_duration_since(born) >= self.oldest
    }

    /// What is wanted now that there are so many members, the oldest of them born at `oldest`.
    pub(super) fn wish(&self, now: Instant, members: usize, oldest: Option<Instant>) -> Wish {
        let idle = self.last_wanted + self.idle;
        if now >= idle {
            return if members > 0 { Wish::Empty } else { Wish::Rest };
        }
        let too_old = oldest.map(|born| born + self.oldest);
        if members >= self.warm {
            return Wish::Wait(too_old.map_or(idle, |too_old| too_old.min(idle)));
        }
        if now < self.not_before { Wish::Wait(self.not_before.min(idle)) } else { Wish::Fill }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(now: Instant) -> Pace {
        let limits = Limits { max_lifetime: Duration::from_secs(100), ..Limits::default() };
        Pace::new(Pool { warm: 2, idle: Duration::from_secs(10) }, &limits, now)
    }

    #[test]
    fn it_fills_until_it_is_full_and_empties_when_nobody_comes() {
        let t0 = Instant::now();
        let at = |seconds| t0 + Duration::from_secs(seconds);
        let mut pace = pace(t0);
        assert_eq!(pace.wish(t0, 0, None), Wish::Fill);
        assert_eq!(pace.wish(t0, 1, Some(t0)), Wish::Fill);
        assert_eq!(pace.wish(t0, 2, Some(t0)), Wish::Wait(at(10)));
        pace.wanted(at(9));
        assert_eq!(pace.wish(at(10), 2, Some(t0)), Wish::Wait(at(19)));
        assert_eq!(pace.wish(at(19), 2, Some(t0)), Wish::Empty);
        assert_eq!(pace.wish(at(19), 0, None), Wish::Rest);
        pace.wanted(at(60));
        assert_eq!(pace.wish(at(60), 0, None), Wish::Fill);
    }

    #[test]
    fn members_are_replaced_at_half_the_life_of_a_session() {
        let t0 = Instant::now();
        let mut pace = pace(t0);
        let later = t0 + Duration::from_secs(45);
        pace.wanted(later);
        assert_eq!(pace.wish(later, 2, Some(t0)), Wish::Wait(t0 + Duration::from_secs(50)));
        assert!(!pace.is_old(t0, t0 + Duration::from_millis(49_999)));
        assert!(pace.is_old(t0, t0 + Duration::from_secs(50)));
    }

    #[test]
    fn what_does_not_start_is_tried_less_and_less_often() {
        let t0 = Instant::now();
        let mut pace = pace(t0);
        let mut now = t0;
        for pause in [100, 200, 400, 800] {
            pace.failed(now);
            assert_eq!(pace.wish(now, 0, None), Wish::Wait(now + Duration::from_millis(pause)));
            now += Duration::from_millis(pause);
            assert_eq!(pace.wish(now, 0, None), Wish::Fill);
        }
        pace.used();
        pace.failed(now);
        assert_eq!(pace.wish(now, 0, None), Wish::Wait(now + Duration::from_millis(100)));
        for _ in 0..100 {
            pace.failed(now);
        }
        assert_eq!(pace.not_before, now + LONGEST_PAUSE);
    }
}
