//! What a result says of its own keeping (2026-07-28, server/utilities/caching).

use sessile_protocol::Object;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The longest that anything is remembered.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// What clients are told of a result that does not say how long it holds.
const UNSAID: Duration = Duration::from_secs(60);
/// A clock that was set back by more than this makes what was learned before worthless.
const TOLERATED: Duration = Duration::from_secs(60);

/// Who may get a remembered result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Whoever asks the same.
    Everyone,
    /// The principal who was answered.
    OnePrincipal,
}

/// A result that may be given out again, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The result up to and including `"ttlMs":`, its last member.
    head: String,
    learned: SystemTime,
    /// From then on.
    lifetime: Duration,
    /// The most that a client is told at a time.
    told: Duration,
}

impl Answer {
    /// Reads a result that was given at `now`. `None` when it is not to be remembered: it is not complete, holds for no
    /// time, or is no result at all.
    pub(super) fn read(result: &str, now: SystemTime) -> Option<(Self, Audience)> {
        let mut object = Object::parse(result)?;
        let complete = object.get("resultType").is_none_or(|text| text == r#""complete""#);
        if !complete || object.get("error").is_some() {
            return None;
        }
        let (lifetime, told) = match object.get("ttlMs") {
            None => (LONGEST, UNSAID),
            Some(text) => {
                let lifetime = milliseconds(text)?.min(LONGEST);
                (lifetime, lifetime)
            }
        };
        let audience = match object.get("cacheScope") {
            Some(r#""public""#) => Audience::Everyone,
            _ => Audience::OnePrincipal,
        };
        Some((Self::new(&mut object, now, lifetime, told), audience))
    }

    /// An answer that was learned earlier, from what [`Answer::result`], [`Answer::learned`] and [`Answer::times`] gave.
    pub(super) fn restored(result: &str, learned: SystemTime, lifetime: Duration, told: Duration) -> Option<Self> {
        let mut object = Object::parse(result)?;
        Some(Self::new(&mut object, learned, lifetime.min(LONGEST), told.min(LONGEST)))
    }

    fn new(object: &mut Object<'_>, learned: SystemTime, lifetime: Duration, told: Duration) -> Self {
        // The last member, so that it can be written anew without reading the rest.
        object.remove("ttlMs");
        object.set("ttlMs", "");
        let mut head = object.to_json();
        head.pop();
        Self { head, learned, lifetime, told }
    }

    /// The result to give out at `now`, with what is left of its time. `None` once that is over.
    pub(super) fn given(&self, now: SystemTime) -> Option<Arc<str>> {
        let left = self.left(now)?.min(self.told).as_millis();
        (left > 0).then(|| format!("{}{left}}}", self.head).into())
    }

    /// How much longer it holds.
    pub(super) fn left(&self, now: SystemTime) -> Option<Duration> {
        let age = match now.duration_since(self.learned) {
            Ok(age) => age,
            Err(ahead) if ahead.duration() <= TOLERATED => Duration::ZERO,
            Err(_) => return None,
        };
        self.lifetime.checked_sub(age).filter(|left| !left.is_zero())
    }

    /// The result without its time, to be kept elsewhere.
    pub(super) fn result(&self) -> String {
        format!("{}0}}", self.head)
    }

    /// When it was given.
    pub(super) fn learned(&self) -> SystemTime {
        self.learned
    }

    /// How long it holds from then on, and how much of that clients are told at a time.
    pub(super) fn times(&self) -> (Duration, Duration) {
        (self.lifetime, self.told)
    }

    /// How much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.head.len()
    }
}

/// A positive number of milliseconds.
fn milliseconds(json: &str) -> Option<Duration> {
    let milliseconds: f64 = serde_json::from_str(json).ok()?;
    let bounded = milliseconds.min(LONGEST.as_millis() as f64);
    // A float becomes the nearest integer of the range, so that less than one becomes none.
    let whole = bounded as u64;
    (whole > 0).then(|| Duration::from_millis(whole))
}

#[cfg(test)]
mod tests;
