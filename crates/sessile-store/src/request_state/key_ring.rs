//! The keys that are valid at a time: two at most.

use super::key::{Key, KeyId};

/// How long a key seals, in milliseconds: 24 hours.
pub(super) const SEALS_FOR_MS: u64 = 24 * 60 * 60 * 1000;

/// The key that seals, and the one before it, which only opens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct KeyRing {
    pub(super) current: Key,
    pub(super) previous: Option<Key>,
}

impl KeyRing {
    /// A ring with one new key.
    pub(super) fn random(now_ms: u64) -> Result<Self, getrandom::Error> {
        Ok(Self { current: Key::random(now_ms)?, previous: None })
    }

    /// Whether the current key has sealed for long enough.
    ///
    /// One from further in the future than it may seal is due too: it was made by a clock that was wrong, and would
    /// otherwise seal until that time comes.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        now_ms.abs_diff(self.current.made_ms) >= SEALS_FOR_MS
    }

    /// The ring with a new key at its head. What was current still opens; what was previous is gone.
    pub(super) fn next(self, now_ms: u64) -> Result<Self, getrandom::Error> {
        Ok(Self { current: Key::random(now_ms)?, previous: Some(self.current) })
    }

    pub(super) fn find(&self, id: KeyId) -> Option<&Key> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == id)
    }
}
